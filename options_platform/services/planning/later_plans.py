"""Stored plans of later sessions that a run has to make anew.

If a past month is predicted anew, the calls of all later months are ranked by another list. The run
that makes the plans of the past month therefore makes those later plans anew whose ranks differ, in
the same transaction. A daily run has no later plans.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import (
    PLAN_ALTERNATE_LEGS,
    PLAN_ALTERNATES,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    Table,
)
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.services.planning.plan_inputs import plan_inputs
from options_platform.services.planning.ranked_calls import outdated_plans

PLAN_TABLES = (TRADE_PLAN, TRADE_PLAN_LEGS, PLAN_ALTERNATES, PLAN_ALTERNATE_LEGS)

PlanFrames = tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame, pl.DataFrame]
"""Rows of each of `PLAN_TABLES`."""


@dataclass(frozen=True)
class MadePlans:
    """The plans to store for all partitions of `scope`; `later` are the keys after the run's range
    whose plans were made anew, the others there are as they were stored."""

    frames: list[tuple[Table, pl.DataFrame]]
    scope: PartitionRange
    later: pl.DataFrame

    @property
    def plans(self) -> pl.DataFrame:
        """The rows of `trade_plan`."""
        return self.frames[0][1]


def make_plans(
    warehouse: Warehouse,
    selected: PartitionRange,
    earnings: EarningsRules,
    build: Callable[[pl.DataFrame, PartitionRange], PlanFrames],
) -> MadePlans:
    """The plans of the run's range and of later sessions whose calls have other ranks by now.

    `build` makes the plans of planning inputs, which lie in the range that it is given; `earnings`
    says how the dates of reports in them are read.
    """
    later = outdated_plans(warehouse, selected.tickers, selected.end)
    scope = replace(selected, end=max([selected.end, *later["date"]]))
    inputs = plan_inputs(
        warehouse, selected.tickers, selected.start, selected.end, earnings=earnings
    )
    if later.is_empty():
        made = build(inputs, scope)
        return MadePlans(list(zip(PLAN_TABLES, made, strict=True)), scope, later)
    first = min(later["date"])
    anew = plan_inputs(warehouse, scope.tickers, first, scope.end, earnings=earnings, only=later)
    frames = []
    for table, rows in zip(PLAN_TABLES, build(pl.concat([inputs, anew]), scope), strict=True):
        stored = _stored(warehouse, table, scope, selected.end)
        kept = stored.join(later, on=KEY, how="anti", maintain_order="left")
        frames.append((table, pl.concat([rows, kept]).sort(KEY, maintain_order=True)))
    return MadePlans(frames, scope, later)


def _stored(warehouse: Warehouse, table: Table, scope: PartitionRange, after: date) -> pl.DataFrame:
    rows = warehouse.read(table, tickers=scope.tickers, start=after, end=scope.end)
    return rows.filter(pl.col("date") > after)
