"""The 30-day volatility of a ticker on known surfaces, and its history."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import IV_HISTORY
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.feature_engine.iv_history import (
    AtTheMoneyRules,
    build_history,
    chain_closes,
    chain_iv,
    series_names,
)
from options_platform.domain.market.index_series import align_indices
from options_platform.testing.look_ahead import truncation_differences
from options_platform.testing.market import NOW

DAY = date(2024, 6, 3)
RATES = {"rate": 0.03, "dividend": 0.015}
RULES = AtTheMoneyRules()


def quotes(smiles, spot=100.0, day=DAY, strikes=(90.0, 95.0, 99.0, 101.0, 105.0), ticker="AAA"):
    """Good rows of `option_chain`; `smiles` maps days to expiry to a function of the strike."""
    rows = [
        (day, ticker, day + timedelta(days=days), days, days / 365.0, strike, smile(strike), spot)
        for days, smile in smiles.items()
        for strike in strikes
        for _ in ("call", "put")
    ]
    names = ("date", "ticker", "expiry", "dte", "years", "strike", "iv", "spot")
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(quality=pl.lit(None, pl.String))


def value(frame, rules=RULES, **rates):
    return chain_iv(frame, rules, **(RATES | rates)).row(0, named=True)


def test_a_flat_surface_gives_the_same_volatility():
    assert value(quotes({25: lambda _: 0.2, 39: lambda _: 0.2}))["iv_30d"] == pytest.approx(0.2)


def test_total_variance_is_interpolated_in_time():
    """By hand: total variances of 0.20^2 x 25 and 0.30^2 x 39 days, interpolated at 30 days."""
    history_row = value(quotes({25: lambda _: 0.2, 39: lambda _: 0.3}))
    variance = (0.04 * 25 * (39 - 30) + 0.09 * 39 * (30 - 25)) / (39 - 25)
    assert history_row["iv_30d"] == pytest.approx(np.sqrt(variance / 30))
    assert history_row["near_expiry"] == DAY + timedelta(days=25)
    assert history_row["next_expiry"] == DAY + timedelta(days=39)
    assert history_row["n_strikes"] == 10


def test_an_expiry_exactly_thirty_days_away_is_used_alone():
    history_row = value(quotes({30: lambda _: 0.25}))
    assert history_row["iv_30d"] == pytest.approx(0.25)
    assert history_row["next_expiry"] is None


def test_the_volatility_is_interpolated_at_the_forward_between_strikes():
    """The interpolation is linear in strike, so a linear smile is exact at the forward."""
    forward = 100.0 * np.exp((0.05 - 0.01) * 30 / 365)
    history_row = value(quotes({30: lambda k: 0.5 - 0.003 * k}), rate=0.05, dividend=0.01)
    assert history_row["iv_30d"] == pytest.approx(0.5 - 0.003 * forward)


def test_the_two_expiries_around_thirty_days_are_used():
    smiles = {8: 0.9, 22: 0.2, 29: 0.2, 36: 0.2, 60: 0.9}
    history_row = value(quotes({days: (lambda _, v=v: v) for days, v in smiles.items()}))
    assert history_row["iv_30d"] == pytest.approx(0.2)
    assert (history_row["near_expiry"] - DAY).days == 29
    assert (history_row["next_expiry"] - DAY).days == 36


@pytest.mark.parametrize(
    "frame",
    [
        quotes({22: lambda _: 0.2, 29: lambda _: 0.2}),
        quotes({36: lambda _: 0.2}),
        quotes({5: lambda _: 0.2, 36: lambda _: 0.2}),
        quotes({25: lambda _: 0.2, 80: lambda _: 0.2}),
        # No strike above the forward, strikes too far apart, too few strikes.
        quotes({25: lambda _: 0.2, 39: lambda _: 0.2}, spot=110.0),
        quotes({25: lambda _: 0.2, 39: lambda _: 0.2}, strikes=(80.0, 90.0, 120.0, 130.0)),
        quotes({25: lambda _: 0.2, 39: lambda _: 0.2}, strikes=(99.0, 101.0)),
    ],
)
def test_without_usable_expiries_on_both_sides_there_is_no_value(frame):
    history_row = value(frame)
    assert history_row["iv_30d"] is None
    assert history_row["missing"] == "NO_BRACKET"


def test_bad_quotes_are_not_used():
    frame = quotes({25: lambda _: 0.2, 39: lambda _: 0.2})
    bad = quotes({32: lambda _: 3.0}).with_columns(quality=pl.lit("WIDE"))
    assert value(pl.concat([bad, frame]))["iv_30d"] == pytest.approx(0.2)


def test_a_chains_value_does_not_depend_on_other_sessions():
    frames = [
        quotes({25: lambda k, n=n: 0.2 + n * k / 1e4, 39: lambda _: 0.3}, day=DAY + timedelta(n))
        for n in range(5)
    ]
    together = chain_iv(pl.concat(frames).sample(fraction=1, shuffle=True, seed=3), RULES, **RATES)
    assert together.equals(pl.concat([chain_iv(frame, RULES, **RATES) for frame in frames]))


DAYS = sessions(date(2022, 1, 3), date(2023, 6, 30))


def own_values(count=300, seed=1):
    random = np.random.default_rng(seed)
    return pl.DataFrame({"date": DAYS[:count], "iv_30d": random.uniform(0.1, 0.5, count)}).select(
        "date",
        ticker=pl.lit("AAA"),
        iv_30d="iv_30d",
        near_expiry=pl.lit(None, pl.Date),
        next_expiry=pl.lit(None, pl.Date),
        n_strikes=pl.lit(20, pl.Int32),
        missing=pl.lit(None, pl.String),
    )


KEYS = pl.DataFrame({"date": DAYS, "ticker": "AAA"})


def test_the_rank_starts_with_the_252nd_observation():
    values = own_values()
    rows = IV_HISTORY.validate(build_history(KEYS, values))
    assert rows["iv_rank"].is_not_null().to_list() == [251 <= n < 300 for n in range(len(DAYS))]
    last = values["iv_30d"].to_numpy()[48:300]
    wanted = (last[-1] - last.min()) / (last.max() - last.min())
    assert rows["iv_rank"][299] == wanted
    assert rows["n_observations"].to_list() == [min(n + 1, 300) for n in range(len(DAYS))]
    assert set(rows["missing"][300:]) == {"NO_CHAIN"}


def test_the_rank_skips_sessions_without_a_value():
    holes = own_values().filter(pl.int_range(pl.len()) % 3 > 0)
    rows = build_history(KEYS, holes)
    assert rows["n_observations"].max() == 200
    assert rows["iv_rank"].null_count() == rows.height


def test_no_row_sees_a_later_session():
    assert truncation_differences(build_history, DAYS[270], KEYS, own_values()).is_empty()


def closes(values, symbol="VXN", day=DAYS[0]):
    days = DAYS[DAYS.index(day) :][: len(values)]
    return pl.DataFrame({"date": days, "symbol": symbol, "close": values, "source": "test"})


def test_each_ticker_has_a_chain_series_of_its_own():
    assert series_names({"SPY": "VIX", "AAPL": "CHAIN", "MSFT": "CHAIN"}) == {
        "SPY": "VIX",
        "AAPL": "CHAIN:AAPL",
        "MSFT": "CHAIN:MSFT",
    }


def test_the_index_table_uses_the_sessions_value_and_carries_it_forward_once():
    symbols = {"AAA": "CHAIN"}
    values = own_values(4).filter(pl.col("date").is_in([DAYS[0], DAYS[3]]))
    history = build_history(KEYS[:5], values)
    vix = closes([15.0] * 5, "VIX")
    index_rows = pl.concat([vix, chain_closes(history, "test chain")], how="diagonal")
    rows = align_indices(KEYS[:5], index_rows, series_names(symbols), "test", NOW)
    points = [round(100 * v, 9) for v in values["iv_30d"]]
    assert [v if v is None else round(v, 9) for v in rows["iv_close"]] == [
        points[0],
        points[0],
        None,
        points[1],
        points[1],
    ]
    assert rows["iv_age"].to_list() == [0, 1, None, 0, 1]
    assert rows["vix"].to_list() == [15.0] * 5
