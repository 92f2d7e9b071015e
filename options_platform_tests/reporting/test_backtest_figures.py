"""Every plot of a backtest is a valid image, also of a ruined account or one that never traded."""

import struct
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.calendar.sessions import sessions
from options_platform.reporting import backtest_figures as figures

DAYS = sessions(date(2019, 1, 2), date(2020, 12, 31))
RISING = np.linspace(100_000.0, 150_000.0, len(DAYS))
RUINED = np.linspace(100_000.0, -5_000.0, len(DAYS))


def size(png):
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("model", [RISING, RUINED, np.full(len(DAYS), 100_000.0)])
def test_curves_drawdowns_and_bands_are_drawn(model):
    curves = {"model": model, "put_write": RUINED, "hold_SPY": RISING, "oracle_direction": RISING}
    for png in (
        figures.equity_curves(DAYS, curves),
        figures.drawdowns(DAYS, curves),
        figures.fill_band(DAYS, {"mid": model, "default": model - 100, "worst": model - 200}),
    ):
        assert size(png)[0] == 990


def test_a_heat_map_grows_with_its_years():
    months = pl.DataFrame(
        {"year": [2019, 2020, 2020], "month": [5, 1, 12], "return": [0.01, -0.02, 0.0]}
    )
    later = months.with_columns(year=pl.col("year") + pl.Series([0, 0, 1]))
    assert size(figures.monthly_heatmap(later))[1] > size(figures.monthly_heatmap(months))[1]
    calm = months.with_columns(pl.lit(0.0).alias("return"))
    assert size(figures.monthly_heatmap(calm))


@pytest.mark.parametrize("by", ["year", "exit_reason"])
def test_profits_are_drawn_by_group_also_of_an_unknown_one(by):
    rows = pl.DataFrame({by: ["2019", None, "2020"], "pnl_usd": [5.0, -3.0, 0.0],
                         "trades": [2, 1, 1]})  # fmt: skip
    assert size(figures.profit_bars(rows, by))


def test_an_attribution_ends_in_the_profit():
    assert size(figures.attribution({"delta": 100.0, "theta": -150.0, "fees": -10.0}))


def test_what_gates_saved_is_drawn_with_and_without_intervals():
    saved, none = np.array([-0.1, 0.2, 0.0]), np.full(3, np.nan)
    names = ["LOW_CONFIDENCE", "ILLIQUID", "HALTED"]
    some = np.array([-0.3, np.nan, -0.1]), np.array([0.1, np.nan, 0.1])
    for low, high in (some, (none, none)):
        png = figures.saved_by_gates(names, saved, low, high, [True, False, False])
        assert (
            size(png)[1]
            > size(figures.saved_by_gates(names[:2], saved[:2], low[:2], high[:2], [True, False]))[
                1
            ]
        )
