"""Converts a backtest run to rows of the `backtest_*` tables."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from options_platform.contracts import (
    BACKTEST_CURVES,
    BACKTEST_DECISIONS,
    BACKTEST_DRAWS,
    BACKTEST_EQUITY,
    BACKTEST_FILLS,
    BACKTEST_MARKS,
    BACKTEST_PRICE_RISK,
    BACKTEST_REFUSAL_PRICES,
    BACKTEST_REFUSED_TRADES,
    BACKTEST_SCORES,
    BACKTEST_SOURCES,
    BACKTEST_TRADES,
    Table,
)
from options_platform.contracts.backtest import ACCOUNT
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.planning.rule_trace import account_trace, rule_trace
from options_platform.services.backtesting.run import BacktestRun

Frames = list[tuple[Table, pl.DataFrame]]

RESULTS: dict[Table, str] = {
    BACKTEST_EQUITY: "equity",
    BACKTEST_TRADES: "trades",
    BACKTEST_FILLS: "fills",
    BACKTEST_MARKS: "marks",
    BACKTEST_SOURCES: "sources",
}


def backtest_frames(run: BacktestRun, name: str) -> Frames:
    """The rows of the run for every `backtest_*` table, with `name` as their `run`.

    Their rule set is that of the run's plan.
    """
    frames: Frames = [
        (table, pl.concat([_named(result, fill, frame) for fill, result in run.band.items()]))
        for table, frame in RESULTS.items()
    ]
    frames += [
        (BACKTEST_CURVES, _curves(run)),
        (BACKTEST_SCORES, run.scores),
        (BACKTEST_DRAWS, run.draws),
        (BACKTEST_PRICE_RISK, run.price_risk),
        (BACKTEST_DECISIONS, _decisions(run)),
        (BACKTEST_REFUSED_TRADES, run.refusals.trades),
        (BACKTEST_REFUSAL_PRICES, run.refusals.prices),
    ]
    of_run = {"run": pl.lit(name), "rule_set": pl.lit(run.plan.rule_set)}
    return [(table, _fitted(table, rows.with_columns(**of_run))) for table, rows in frames]


def account_frames(band: Mapping[str, BacktestResult], rule_sets: str) -> Frames:
    """The rows of the run `account`: `band` is by fill model what several sets made together.

    What is of a position names its set; the equity is of all of them, `rule_sets`.
    """
    frames: Frames = []
    for table, frame in RESULTS.items():
        parts = []
        for fill, result in band.items():
            rows = _named(result, fill, frame)
            if "plan_id" in rows.columns:
                of_plan = result.trades.select("plan_id", "rule_set")
                rows = rows.drop("rule_set", strict=False).join(of_plan, on="plan_id", how="left")
            else:
                rows = rows.with_columns(rule_set=pl.lit(rule_sets))
            parts.append(rows)
        frames.append((table, _fitted(table, pl.concat(parts).with_columns(run=pl.lit(ACCOUNT)))))
    return frames


def strategy_frames(name: str, result: BacktestResult, rule_set: str, fill: str) -> Frames:
    """The rows of a run that is named after the one strategy that it trades."""
    of_run = {"run": pl.lit(name), "rule_set": pl.lit(rule_set)}
    return [
        (table, _fitted(table, _named(result, fill, frame).with_columns(**of_run)))
        for table, frame in RESULTS.items()
    ]


def _named(result: BacktestResult, fill: str, frame: str) -> pl.DataFrame:
    rows: pl.DataFrame = getattr(result, frame)
    if "session" in rows.columns:
        rows = rows.rename({"session": "date"})
    return rows.with_columns(fill_model=pl.lit(fill))


def _curves(run: BacktestRun) -> pl.DataFrame:
    sessions = run.data.market.sessions
    shown = [curve for curve in run.curves if curve.fill_model == run.rules.fills.model]
    return pl.concat(
        [
            pl.DataFrame({"date": sessions, "name": curve.name, "equity_usd": curve.equity})
            for curve in shown
        ]
    )


def _decisions(run: BacktestRun) -> pl.DataFrame:
    stored = run.data.market.chain_of(run.rules.chains)
    plans, _ = build_plans(run.data.inputs, run.plan, stored)
    trace = rule_trace(run.data.inputs, plans, run.plan)
    return pl.concat([trace, account_trace(run.model.refusals)])


def _fitted(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.select(table.schema.names())
    return rows.cast(dict(table.schema)).sort(table.key)  # type: ignore[arg-type]
