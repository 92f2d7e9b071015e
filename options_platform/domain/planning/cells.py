"""Which cells of the strategy matrix could trade: what was called in each, and what refused it.

A cell is a regime, a predicted direction and the strategy that the matrix asks for there; the
neutral regime has two for each direction, by IV rank. A cell that never traded says why.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.selection import (
    BY_MATRIX,
    CREDIT,
    DEBIT,
    MATRIX,
    NONE,
    SelectionRules,
    asks_for_confidence,
    is_confident,
    with_wanted,
)

TRADED, NEVER_ENTERED, ALWAYS_REFUSED = "traded", "never entered", "always refused"
NEVER_CALLED, NEVER_OCCURS = "never called", "never occurs"
CELLS = pl.Schema(
    {
        "regime": pl.String,
        "direction": pl.String,
        "strategy": pl.String,
        "rows": pl.Int64,
        "called": pl.Int64,
        "trades": pl.Int64,
        "entered": pl.Int64,
        "refusal": pl.String,
        "refused": pl.Int64,
        "state": pl.String,
    }
)
"""`rows`: plans in the regime; `called`: those of them that ask for the strategy; `trades`: those
that trade it; `entered`: those of them that were opened, since limits of the account keep others
out; `refusal` and `refused`: the commonest reason against a plan and its number, null where nothing
was refused; `state`: traded, never entered, always refused, never called or never occurs."""


def matrix_cells(
    inputs: pl.DataFrame,
    plans: pl.DataFrame,
    trades: pl.DataFrame,
    rules: SelectionRules,
    since: date,
) -> pl.DataFrame:
    """Each cell that has a strategy, from the sessions from `since` on, in the schema `CELLS`.

    Empty where the rules trade one strategy in place of the matrix.

    Args:
        inputs: the rows that `build_plans` was given.
        plans: its plans.
        trades: ticker and planned_on of the trades that a backtest of the plans opened.
        rules: the selection by which it made them.
        since: first session that counts.
    """
    if rules.strategy != BY_MATRIX:
        return CELLS.to_frame()
    key = ["regime", "direction", "strategy"]
    rows = (
        with_wanted(inputs.filter(pl.col("date") >= since), rules)
        .select("date", "ticker", "regime", "direction", strategy="wanted")
        .join(
            plans.select("date", "ticker", "decision", reason=pl.col("reasons").list.first()),
            on=["date", "ticker"],
        )
        .join(
            trades.select("ticker", date="planned_on", is_entered=True),
            on=["date", "ticker"],
            how="left",
        )
    )
    refused = pl.col("decision") != "trade"
    called = rows.group_by(key).agg(
        called=pl.len(),
        trades=(~refused).sum(),
        entered=pl.col("is_entered").sum(),
        # Of equally common reasons the first by name.
        refusal=pl.col("reason").filter(refused).mode().sort().first(),
    )
    reasons = rows.filter(refused).group_by(*key, refusal="reason").agg(refused=pl.len())
    regimes = rows.group_by("regime").agg(rows=pl.len())
    counts = pl.col("rows", "called", "trades", "entered")
    return (
        _cells()
        .join(regimes, on="regime", how="left", maintain_order="left")
        .join(called, on=key, how="left", maintain_order="left")
        .join(reasons, on=[*key, "refusal"], how="left", maintain_order="left")
        .with_columns(counts.fill_null(0))
        .with_columns(state=_state())
        .select(CELLS.names())
        .cast(dict(CELLS))  # type: ignore[arg-type]
    )


def _state() -> pl.Expr:
    return (
        pl.when(pl.col("entered") > 0)
        .then(pl.lit(TRADED))
        .when(pl.col("trades") > 0)
        .then(pl.lit(NEVER_ENTERED))
        .when(pl.col("called") > 0)
        .then(pl.lit(ALWAYS_REFUSED))
        .when(pl.col("rows") > 0)
        .then(pl.lit(NEVER_CALLED))
        .otherwise(pl.lit(NEVER_OCCURS))
    )


def confident_calls(inputs: pl.DataFrame, rules: SelectionRules) -> tuple[int, int]:
    """How many directional calls need confidence, and how many of them are confident.

    `inputs` are rows that `build_plans` takes; both are 0 where the rules ask for no confidence.
    """
    asked = with_wanted(inputs, rules).filter(asks_for_confidence(rules))
    return asked.height, asked.filter(is_confident(rules)).height


def cell_text(cell: dict[str, object]) -> str:
    """Why a cell of `matrix_cells` did not trade, or how often it did, as one phrase."""
    name = f"{cell['regime']} {cell['direction']} ({str(cell['strategy']).replace('_', ' ')})"
    state = cell["state"]
    if state in (TRADED, NEVER_ENTERED):
        entered = cell["entered"] or "none"
        return f"{name}: {cell['trades']} of {cell['called']} calls planned, {entered} entered"
    if state == ALWAYS_REFUSED:
        return (
            f"{name}: always refused, {cell['called']} calls, "
            f"{cell['refused']} of them by {cell['refusal']}"
        )
    if state == NEVER_CALLED:
        return f"{name}: never called in {cell['rows']} plans of {cell['regime']}"
    return f"{name}: {cell['regime']} never occurs"


def _cells() -> pl.DataFrame:
    """The cells of the matrix that have a strategy, in the order of the regimes."""
    cells = []
    for regime in REGIMES:
        by_direction = MATRIX.get(regime)
        for direction in ("bullish", "bearish", "neutral"):
            if by_direction is not None:
                wanted = [by_direction[direction]]
            else:
                wanted = [side[direction] for side in (DEBIT, CREDIT) if direction in side]
            cells += [(regime, direction, name) for name in wanted if name != NONE]
    key = {name: CELLS[name] for name in ("regime", "direction", "strategy")}
    return pl.DataFrame(cells, schema=key, orient="row")
