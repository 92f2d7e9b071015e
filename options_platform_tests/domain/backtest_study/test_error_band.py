"""The surface's error at a backtest's own strikes and tenors, and what it does to an interval."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.contracts import SURFACE_ERROR, TRADE_PLAN_LEGS
from options_platform.domain.backtest_study.error_band import (
    errors_text,
    mean_error,
    own_errors,
    widened,
    with_band,
)
from options_platform.domain.backtest_study.price_risk import AS_MEASURED, scenarios
from options_platform.domain.chain import SurfaceRules
from options_platform.domain.chain.learned import LearnedSurface, TickerFits
from options_platform.domain.chain.ssvi import Smile

DAY = date(2024, 3, 4)
CLASS = SurfaceRules()
TICKERS = ("IWM", "QQQ", "SPY")
SYMBOLS = {"SPY": "VIX", "QQQ": "VIX", "IWM": "VIX", "AAPL": "VXAPL"}


def legs(*rows):
    """Legs of one plan each: ticker, right, delta, days to expiry."""
    frame = pl.DataFrame(
        [
            {"plan_id": f"{ticker}{n}", "ticker": ticker, "right": right, "delta": delta,
             "date": DAY, "expiry": date.fromordinal(DAY.toordinal() + days)}
            for n, (ticker, right, delta, days) in enumerate(rows)
        ]
    )  # fmt: skip
    names = {name: TRADE_PLAN_LEGS.schema[name] for name in frame.columns}
    return frame.cast(names), frame.select("plan_id")


def measured(sessions, *cells):
    """Errors of SPY on so many sessions: band, right, tenor, number of quotes, mean error."""
    rows = [
        {"date": date(2024, 1, 2 + n), "ticker": "SPY", "band": band, "right": right,
         "tenor": tenor, "n": count, "mean_error_points": -error, "mae_points": error,
         "fitted_on": None}
        for n in range(sessions)
        for band, right, tenor, count, error in cells
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=SURFACE_ERROR.schema)


def test_each_leg_takes_the_error_measured_at_its_delta_right_and_tenor():
    rows, trades = legs(("SPY", "put", -0.16, 30), ("SPY", "put", -0.05, 30))
    stored = measured(
        3, ("10-25", "put", "22-35", 10, 0.4), ("2-10", "put", "22-35", 10, 1.6),
        ("10-25", "call", "22-35", 10, 9.0), ("10-25", "put", "7-21", 10, 9.0),
    )  # fmt: skip
    found = own_errors(rows, trades, stored, SYMBOLS, CLASS)
    assert found.to_dicts() == [
        {
            "ticker": "SPY",
            "by_fit": False,
            "legs": 2,
            "error_points": pytest.approx(1.0),
            "sessions": 3,
        }
    ]


def test_a_leg_beyond_what_was_measured_takes_the_nearest_cell_and_else_the_tickers_mean():
    stored = measured(3, ("25-60", "call", "36-60", 10, 0.5), ("2-10", "put", "7-21", 30, 1.5))
    far, trades = legs(("SPY", "call", 0.9, 200))
    assert own_errors(far, trades, stored, SYMBOLS, CLASS)["error_points"].to_list() == [0.5]
    other, trades = legs(("SPY", "call", 0.15, 30))
    assert own_errors(other, trades, stored, SYMBOLS, CLASS)["error_points"].to_list() == [
        pytest.approx((0.5 * 10 + 1.5 * 30) / 40)
    ]


def test_with_few_measured_sessions_the_shipped_error_of_ticker_basis_and_tenor_holds():
    rows, trades = legs(
        ("SPY", "put", -0.16, 30), ("QQQ", "put", -0.16, 30), ("AAPL", "put", -0.16, 30)
    )
    stored = measured(2, ("10-25", "put", "22-35", 10, 0.1))
    found = own_errors(rows, trades, stored, SYMBOLS, CLASS)
    shown = dict(found.select("ticker", "error_points").iter_rows())
    assert shown == {"AAPL": 2.4, "QQQ": 5.9, "SPY": 0.54}
    assert found["sessions"].to_list() == [0, 0, 0]
    assert mean_error(found) == pytest.approx((2.4 + 5.9 + 0.54) / 3)
    assert "QQQ 5.9 vol points as shipped" in errors_text(found)


def test_a_traded_ticker_whose_error_is_not_measured_leaves_no_band_and_is_named():
    rows, trades = legs(("SPY", "put", -0.16, 30), ("IWM", "put", -0.16, 30))
    found = own_errors(rows, trades, SURFACE_ERROR.empty(), SYMBOLS, CLASS)
    assert dict(found.select("ticker", "error_points").iter_rows()) == {"IWM": None, "SPY": 0.54}
    assert mean_error(found) is None
    assert set(scenarios(found, TICKERS)) == {AS_MEASURED, "iv_minus_1pt", "iv_minus_8pct"}
    assert errors_text(found).endswith("surface's error, which is not measured for IWM")
    own = measured(3, ("10-25", "put", "22-35", 10, 0.4)).with_columns(ticker=pl.lit("IWM"))
    assert mean_error(own_errors(rows, trades, own, SYMBOLS, CLASS)) == pytest.approx(
        (0.4 + 0.54) / 2
    )


def test_only_legs_of_trades_that_were_made_count():
    rows, trades = legs(("SPY", "put", -0.16, 30), ("QQQ", "put", -0.16, 30))
    found = own_errors(rows, trades.head(1), SURFACE_ERROR.empty(), SYMBOLS, CLASS)
    assert found["ticker"].to_list() == ["SPY"]
    nothing = own_errors(rows, trades.clear(), SURFACE_ERROR.empty(), SYMBOLS, CLASS)
    assert mean_error(nothing) is None
    assert set(scenarios(nothing, TICKERS)) == {AS_MEASURED, "iv_minus_1pt", "iv_minus_8pct"}


def fitted_since(session):
    """A surface on which a fit of SPY prices the sessions after one."""
    fits = {"SPY": TickerFits((session,), (Smile(0.9, 0.16, 0.7, -0.7, 0.1),), (1.2,))}
    return LearnedSurface.of(CLASS, fits)


def test_a_run_takes_only_the_errors_of_the_surface_that_it_prices_on():
    rows, trades = legs(("SPY", "put", -0.16, 30))
    cell = ("10-25", "put", "22-35", 10)
    fitted = pl.col("date") + pl.duration(days=100)
    by_fit = measured(4, (*cell, 0.2)).with_columns(date=fitted, fitted_on=pl.col("date"))
    both = pl.concat([measured(3, (*cell, 2.5)), by_fit])
    before, after = date(2024, 3, 1), DAY
    for surface, points, sessions in (
        (CLASS, 2.5, 3), (fitted_since(before), 0.2, 4), (fitted_since(after), 2.5, 3),
        (replace(fitted_since(before), learn=False), 2.5, 3),
    ):  # fmt: skip
        (own,) = own_errors(rows, trades, both, SYMBOLS, surface).to_dicts()
        assert (own["error_points"], own["sessions"]) == (pytest.approx(points), sessions)
    # Errors of fits alone say nothing of the class, of which the shipped one is known.
    (own,) = own_errors(rows, trades, by_fit, SYMBOLS, CLASS).to_dicts()
    assert (own["error_points"], own["sessions"]) == (0.54, 0)


def test_until_a_fit_is_measured_on_three_sessions_its_legs_take_the_error_of_the_class():
    rows, trades = legs(("SPY", "put", -0.16, 30))
    cell = ("10-25", "put", "22-35", 10)
    fitted = pl.col("date") + pl.duration(days=100)
    two = measured(2, (*cell, 0.2)).with_columns(date=fitted, fitted_on=pl.col("date"))
    both = pl.concat([measured(3, (*cell, 2.5)), two])
    found = own_errors(rows, trades, both, SYMBOLS, fitted_since(date(2024, 3, 1)))
    assert found.to_dicts() == [
        {"ticker": "SPY", "by_fit": True, "legs": 1, "error_points": 2.5, "sessions": 3}
    ]
    assert "(SPY by its fits 2.5 vol points on 3 sessions of its own chains)" in errors_text(found)


def risk(**intervals):
    return pl.DataFrame(
        [
            {"name": "model", "scenario": name, "sharpe_low": low, "sharpe_high": high}
            for name, (low, high) in intervals.items()
        ],
        schema_overrides={"sharpe_low": pl.Float64, "sharpe_high": pl.Float64},
    )


def test_the_interval_is_the_union_over_the_band_and_no_other_scenario():
    rows = risk(
        as_measured=(0.1, 0.9), iv_minus_1pt=(-5.0, 5.0), error_band_low=(-0.2, 0.6),
        error_band_high=(0.3, 1.2),
    )  # fmt: skip
    assert widened(rows, AS_MEASURED).rows() == [("model", -0.2, 1.2)]
    scores = pl.DataFrame(
        {"name": ["model", "model", "hold_SPY"], "fill_model": ["default", "mid", "default"],
         "sharpe_low": [0.1, 0.2, 0.3], "sharpe_high": [0.9, 1.0, 1.1]}
    )  # fmt: skip
    found = with_band(scores, rows, "default", AS_MEASURED)
    assert found["sharpe_low"].to_list() == [-0.2, 0.2, 0.3]
    assert found["sharpe_high"].to_list() == [1.2, 1.0, 1.1]
    assert found["over_band"].to_list() == [True, False, False]


def test_a_ruin_within_the_band_leaves_no_interval_and_a_run_without_a_band_its_own():
    rows = risk(as_measured=(0.1, 0.9), error_band_low=(None, None), error_band_high=(0.3, 1.2))
    assert widened(rows, AS_MEASURED).rows() == [("model", None, None)]
    former = risk(as_measured=(0.1, 0.9), iv_minus_1pt=(-5.0, 5.0))
    assert widened(former, AS_MEASURED).is_empty()
