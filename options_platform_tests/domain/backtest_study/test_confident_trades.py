"""The trades of confident calls are scored apart, up to 2020 and after."""

from datetime import date

import polars as pl
import pytest

from options_platform.domain.backtest.results import TRADES
from options_platform.domain.backtest_study.confident_trades import SCHEMA, confident_trades
from options_platform.domain.planning.selection import SelectionRules


def trades(*rows):
    """Trades from (planned on, regime, direction, profit in USD); a null profit is still open."""
    frame = pl.DataFrame(
        [
            {
                "plan_id": f"{at:02d}", "planned_on": day, "regime": regime, "direction": direction,
                "pnl_usd": profit, "closed_on": None if profit is None else day,
            }
            for at, (day, regime, direction, profit) in enumerate(rows)
        ],
        schema_overrides={"pnl_usd": pl.Float64, "closed_on": pl.Date},
    )  # fmt: skip
    missing = {name: pl.lit(None, kind) for name, kind in TRADES.items() if name not in frame}
    return frame.with_columns(**missing).select(TRADES.names())


OLD, NEW = date(2019, 5, 1), date(2021, 1, 4)
MADE = trades(
    (OLD, "neutral", "bullish", 100.0),
    (OLD, "neutral", "bearish", -50.0),
    (date(2020, 12, 31), "neutral", "bullish", 30.0),
    (NEW, "neutral", "bullish", -20.0),
    (NEW, "neutral", "bullish", None),
    (NEW, "high_vol", "bullish", 1000.0),
    (OLD, "low_vol", "bearish", -1000.0),
)


def test_the_trades_of_the_neutral_regime_are_counted_by_period():
    scores = confident_trades(MADE, SelectionRules())
    assert scores.schema == SCHEMA
    by_period = {row["period"]: row for row in scores.to_dicts()}
    assert list(by_period) == ["all", "to 2020", "2021 on"]
    assert [row["trades"] for row in by_period.values()] == [4, 3, 1]
    assert [row["pnl_usd"] for row in by_period.values()] == [60.0, 80.0, -20.0]
    assert by_period["all"]["win_rate"] == 0.5
    assert by_period["all"]["profit_factor"] == pytest.approx(130.0 / 70.0)
    for name in ("win_rate", "pnl_usd"):
        row = by_period["to 2020"]
        assert row[f"{name}_low"] <= row[name] <= row[f"{name}_high"]
    # One loss: no profit factor above zero, and nothing varies.
    assert by_period["2021 on"]["profit_factor"] == 0.0
    assert by_period["2021 on"]["pnl_usd_low"] == by_period["2021 on"]["pnl_usd_high"] == -20.0


def test_without_a_level_or_a_trade_nothing_is_scored():
    for rules in (SelectionRules(min_probability=0.4), SelectionRules(strategy="iron_condor")):
        scores = confident_trades(MADE, rules)
        assert scores["trades"].to_list() == [0, 0, 0]
        assert scores["win_rate"].null_count() == 3
    assert confident_trades(MADE.clear(), SelectionRules())["pnl_usd"].to_list() == [0.0] * 3
