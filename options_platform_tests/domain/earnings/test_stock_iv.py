"""The modelled volatility of a stock is near the published one, and a report adds its variance."""

import math

import numpy as np
import polars as pl
import pytest

from options_platform.domain.earnings.crush import expected_crush
from options_platform.domain.earnings.event_variance import (
    event_share,
    fitted,
    from_one_expiry,
    vol_without,
)
from options_platform.domain.earnings.moves import with_moves
from options_platform.domain.earnings.stock_iv import (
    WEIGHTS,
    base_vol,
    modelled_iv,
    vol_without_reactions,
)
from options_platform.domain.earnings.straddles import expected_move, implied_move, mean_size


@pytest.mark.parametrize(("ticker", "name"), [("AAPL", "VXAPL"), ("AMZN", "VXAZN")])
def test_the_model_is_within_four_points_of_the_published_index(reference_data, ticker, name):
    """The study's constants, on the tickers that they were fitted on: 3.4 points at most."""
    prices = pl.read_csv(reference_data / f"prices/{ticker}.csv", try_parse_dates=True)
    events = pl.read_csv(reference_data / "earnings/events_2000_2024.csv", try_parse_dates=True)
    events = events.filter(pl.col("ticker") == ticker).sort("anchor")
    moves = with_moves(events.select("anchor", reaction="react"), prices)
    days = prices["date"].to_numpy()
    returns = np.r_[np.nan, np.diff(np.log(prices["close"].to_numpy()))]
    reacts = prices["date"].is_in(moves["reaction"].to_list()).to_numpy().astype(float)
    vols = {window: vol_without_reactions(returns, reacts, window) for window in WEIGHTS}
    table = prices.select("date").with_row_index("at")
    vix = pl.read_csv(reference_data / "vol/VIX.csv", try_parse_dates=True)
    index = pl.read_csv(reference_data / f"vol/{name}.csv", try_parse_dates=True)
    joined = table.join(vix, on="date").join(index, on="date", suffix="_own")
    anchors = moves["anchor"].to_numpy()
    sizes = np.log1p(moves["earnings_move"].to_numpy())
    errors = []
    for at, level, own in joined.select("at", "close", "close_own").rows():
        if own < 9.0:
            continue  # Bad ticks.
        past = sizes[moves["reaction"].to_numpy() <= days[at]][-8:]
        ahead = (anchors >= days[at]) & (anchors < days[at] + np.timedelta64(30, "D"))
        base = base_vol({window: float(vols[window][at]) for window in WEIGHTS}, level)
        rms = float(np.sqrt(np.mean(past**2)))
        errors.append(100 * modelled_iv(base, rms, report_in_30_days=bool(ahead.any())) - own)
    assert len(errors) > 2800
    assert np.mean(np.abs(errors)) <= 3.4


def test_reactions_are_left_out_of_a_volatility_and_a_thin_window_is_unknown():
    returns = np.array([np.nan, 0.01, -0.01, 0.2, 0.01, -0.01, 0.01])
    reacts = np.array([0, 0, 0, 1, 0, 0, 0], dtype=float)
    vol = vol_without_reactions(returns, reacts, 5)
    assert np.isnan(vol[:4]).all()
    assert vol[5] == pytest.approx(0.01 * math.sqrt(252))
    assert np.isnan(vol_without_reactions(returns, np.ones(7), 5)).all()


def test_the_variance_of_a_report_comes_back_from_the_expiries_that_hold_it():
    base, event = 0.3**2, 0.06**2
    n = [5, 10, 15, 20, 25, 40]
    after = [False, False, False, True, True, True]
    w = [base * k / 252 + event * is_after for k, is_after in zip(n, after, strict=True)]
    assert fitted(w, n, after) == pytest.approx((base, event))
    assert np.isnan(fitted(w[1:], n[1:], after[1:])).all()
    assert from_one_expiry(base * 4 / 252 + event, 5, 0.3) == pytest.approx(event)


def test_the_share_of_a_report_says_what_volatility_will_lose():
    iv, event = 0.45, 0.07**2
    share = event_share(event, iv)
    assert share == pytest.approx(event / (iv**2 * 30 / 365))
    rest = math.sqrt(iv**2 * 30 / 365 - event) / math.sqrt(30 / 365)
    assert expected_crush(share) == pytest.approx(rest / iv - 1)
    assert vol_without(iv, event) == pytest.approx(rest * math.sqrt(30 / 29))
    assert vol_without(0.1, event) == 0.0


def test_the_expected_move_lies_between_what_is_priced_and_what_was_usual():
    sigma = 0.06
    assert implied_move(sigma**2) == pytest.approx(mean_size(sigma), rel=1e-3)
    priced, usual = 0.85 * mean_size(sigma), 0.03
    assert min(priced, usual) < expected_move(sigma, usual) < max(priced, usual)
