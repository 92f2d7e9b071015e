from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    ChainRules,
    Underlying,
    snap_strike,
    strike_nearest_delta,
    strike_step,
    surface_iv,
    years_of,
)
from options_platform.domain.pricing import black_scholes

RULES = ChainRules()
CARRY = RULES.risk_free_rate - RULES.dividend_yield
SPOTS = st.floats(5, 3000)
VOLS = st.floats(0.08, 0.9)
DAYS = st.integers(14, 45)
SIGNS = st.sampled_from([1.0, -1.0])


def spy(spot, index=0.2):
    spot = np.atleast_1d(np.asarray(spot, dtype=float))
    return Underlying.of("SPY", date(2024, 1, 2), spot, np.broadcast_to(index, spot.shape))


def arrays(*values):
    return [np.array([float(value)]) for value in values]


@pytest.mark.parametrize(
    ("ticker", "session", "spot", "step"),
    [
        ("SPY", date(2005, 1, 10), 118.0, 1.0),
        ("SPY", date(2014, 8, 27), 200.5, 5.0),
        ("SPY", date(2014, 8, 28), 200.5, 1.0),
        ("SPY", date(2026, 2, 11), 692.3, 1.0),
        ("SPY", date(2026, 2, 11), 5000.0, 5.0),
        # The one-dollar strikes of QQQ near its low of 2002: no half dollars.
        ("QQQ", date(2002, 10, 9), 20.0, 1.0),
        ("QQQ", date(2019, 5, 6), 200.5, 5.0),
        ("QQQ", date(2020, 6, 1), 235.0, 1.0),
        ("AAPL", date(2003, 6, 2), 17.6, 2.5),
        ("AAPL", date(2006, 6, 1), 62.0, 5.0),
        ("GOOG", date(2008, 6, 2), 570.0, 10.0),
        ("AAPL", date(2014, 6, 6), 645.6, 5.0),
        ("NVDA", date(2026, 2, 11), 190.8, 5.0),
    ],
)
def test_strikes_are_as_far_apart_as_the_exchanges_listed_them(ticker, session, spot, step):
    one = Underlying.of(ticker, session, np.array([spot]), np.array([0.2]))
    assert strike_step(one).tolist() == [step]


def test_each_row_has_the_strikes_of_its_ticker_and_session():
    sessions = np.array(["2002-10-09", "2014-08-27", "2014-06-06"], dtype="datetime64[D]")
    rows = Underlying.of(
        ["QQQ", "SPY", "AAPL"], sessions, np.array([20.0, 200.5, 645.6]), np.full(3, 0.2)
    )
    assert strike_step(rows).tolist() == [1.0, 5.0, 5.0]
    for n, step in enumerate(strike_step(rows)):
        assert strike_step(rows.at(slice(n, n + 1))).tolist() == [step]


REAL_CHAINS = (
    ("spy_eod/SPY_2015-01-05", "SPY", date(2015, 1, 5), 201.72, 0.8),
    ("yahoo/SPY_20201005T2014Z", "SPY", date(2020, 10, 5), 339.76, 0.75),
    ("yahoo/QQQ_20260211T1631Z", "QQQ", date(2026, 2, 11), 610.61, 0.8),
    ("yahoo/AAPL_20260211T1727Z", "AAPL", date(2026, 2, 11), 279.51, 1.0),
    ("yahoo/NVDA_20260211T1630Z", "NVDA", date(2026, 2, 11), 190.79, 1.0),
    ("lean/AAPL_2014-06-06_quotes", "AAPL", date(2014, 6, 6), 645.57, 0.85),
    ("lean/GOOG_2015-12-24_quotes", "GOOG", date(2015, 12, 24), 748.4, 0.95),
)


@pytest.mark.parametrize(("file", "ticker", "day", "spot", "share"), REAL_CHAINS)
def test_the_strikes_given_are_in_the_real_chains(
    reference_data, file, ticker, day, spot, share
):  # fmt: skip
    """Within 7% of the spot; new weeklies and quarterlies of funds list some every fifth dollar."""
    rows = pl.read_csv(reference_data / f"options/{file}.csv.gz", infer_schema_length=None)
    rows = rows.with_columns(expiry=pl.col("expiration").str.to_date())
    dte = (pl.col("expiry") - day).dt.total_days()
    step = strike_step(Underlying.of(ticker, day, np.array([spot]), np.array([0.2])))[0]
    grid = step * np.arange(np.ceil(0.93 * spot / step), np.floor(1.07 * spot / step) + 1)
    listed = [
        np.isin(grid, expiry["strike"].to_numpy())
        for _, expiry in rows.filter(dte.is_between(14, 60)).group_by("expiry")
    ]
    assert np.mean(listed) >= share


@pytest.mark.parametrize(("file", "ticker", "day", "spot"), [row[:4] for row in REAL_CHAINS[3:]])
def test_the_next_expiries_of_stocks_have_finer_strikes(reference_data, file, ticker, day, spot):
    rows = pl.read_csv(
        reference_data / f"options/{file}.csv.gz", columns=["expiration", "strike"],
        infer_schema_length=None,
    )  # fmt: skip
    dte = (pl.col("expiration").str.to_date() - day).dt.total_days()
    one = Underlying.of(ticker, day, np.array([spot]), np.array([0.2]))
    step = strike_step(one, years_of(np.array([7])))[0]
    assert step == 2.5 < strike_step(one, years_of(np.array([10])))[0]
    grid = step * np.arange(np.ceil(0.96 * spot / step), np.floor(1.04 * spot / step) + 1)
    listed = [
        np.isin(grid, expiry["strike"].to_numpy())
        for _, expiry in rows.filter(dte.is_between(0, 9)).group_by("expiration")
    ]
    assert np.mean(listed) >= 0.85


@pytest.mark.parametrize(("spot", "step"), [(20.0, 0.5), (75.0, 0.5), (110.0, 1.0), (900.0, 2.5)])
def test_the_next_expiries_of_stocks_are_half_a_dollar_apart_up_to_75_usd(spot, step):
    week = years_of(np.array([7]))
    today = Underlying.of("AAPL", date(2024, 1, 2), np.array([spot]), np.array([0.2]))
    assert strike_step(today, week) == step
    before = Underlying.of("AAPL", date(2012, 11, 7), np.array([spot]), np.array([0.2]))
    assert strike_step(before, week) == strike_step(before)
    assert strike_step(spy(spot), week) == strike_step(spy(spot))


@given(st.floats(0.01, 6000), SPOTS)
def test_a_snapped_strike_is_the_nearest_listed_strike(strike, spot):
    step = strike_step(spy(spot))
    snapped = snap_strike(np.array([strike]), step)
    assert snapped[0] >= step[0]
    assert (snapped / step)[0] == round((snapped / step)[0])
    assert abs(snapped - strike)[0] <= max(step[0] / 2, step[0] - strike) + 1e-9


@given(SPOTS, DAYS, VOLS, SIGNS, st.floats(0.15, 0.55))
@example(950.0, 45, 0.9, -1.0, 0.45)  # in the money, since volatility is so high
@settings(deadline=None, max_examples=200)
def test_no_listed_strike_has_a_nearer_delta(spot, days, index, sign, delta):
    """Compared with every listed strike from a fifth of the price to five times the price."""
    years = years_of(np.array([days]))
    spots, signs, deltas = arrays(spot, sign, delta)
    underlying = spy(spot, index)
    chosen = strike_nearest_delta(underlying, years, signs, deltas, RULES)
    step = strike_step(underlying)[0]
    every = np.arange(max(1, np.ceil(0.2 * spot / step)), np.ceil(5 * spot / step)) * step

    def off(strikes):
        iv = surface_iv(underlying, strikes, years, RULES.surface, carry=CARRY)
        args = (RULES.risk_free_rate, RULES.dividend_yield, signs)
        return np.abs(np.abs(black_scholes(spots, strikes, years, iv, *args).delta) - delta)

    assert off(chosen)[0] <= off(every).min() + 1e-12


@given(st.lists(st.tuples(SPOTS, DAYS, VOLS, SIGNS, st.floats(0.15, 0.45)), min_size=2, max_size=6))
@settings(deadline=None)
def test_a_strike_does_not_depend_on_the_other_rows(rows):
    spot, days, index, sign, delta = (
        np.array(part, dtype=float) for part in zip(*rows, strict=True)
    )
    years, underlying = years_of(days.astype(np.int64)), spy(spot, index)
    together = strike_nearest_delta(underlying, years, sign, delta, RULES)
    for n in range(len(rows)):
        single_row = slice(n, n + 1)
        alone = strike_nearest_delta(
            underlying.at(single_row),
            years[single_row],
            sign[single_row],
            delta[single_row],
            RULES,
        )
        assert alone[0] == together[n]
