"""The modelled volatility of a stock is near the published one, and a report adds its variance."""

import math

import numpy as np
import polars as pl
import pytest

from options_platform.domain.earnings.calibration import STOCK_VOL
from options_platform.domain.earnings.crush import expected_crush
from options_platform.domain.earnings.event_variance import (
    event_share,
    fitted,
    from_one_expiry,
    vol_without,
)
from options_platform.domain.earnings.stock_iv import (
    base_vol,
    modelled_iv,
    vol_without_reactions,
)
from options_platform.domain.earnings.straddles import expected_move, implied_move, mean_size


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


def test_a_report_in_the_next_month_adds_its_variance_and_a_later_one_none():
    row = {"hv_5x": 0.3, "hv_22x": 0.3, "hv_66x": 0.3, "hv_252x": 0.3, "vix": 30.0}
    rows = pl.DataFrame([row | {"rms_move": 0.06, "report_in_30_days": flag}
                         for flag in (True, False)])  # fmt: skip
    near, far = rows.select(modelled_iv()).to_series()
    assert far == pytest.approx(rows.select(base_vol()).to_series()[0])
    # Where all are the same, the weights sum to one.
    assert far == pytest.approx(0.3 * math.exp(STOCK_VOL.intercept))
    event = STOCK_VOL.event_factor * 0.06**2
    assert (near**2 - far**2) * 30 / 365 == pytest.approx(event)


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
