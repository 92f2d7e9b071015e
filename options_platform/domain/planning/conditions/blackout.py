"""The blackout of earnings reports as rules of the plan.

Every row is asked with what the close of its session knew. An entry works in the next session; from
then on its position is open until its first expiry, or until it leaves for the report.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

import polars as pl

from options_platform.domain.calendar.sessions import ordinals
from options_platform.domain.earnings.blackout import (
    EARNINGS_BLACKOUT,
    EARNINGS_UNKNOWN,
    Known,
    ReportAhead,
    window_of,
)
from options_platform.domain.earnings.rules import OFF, WINDOW, BlackoutRules
from options_platform.domain.earnings.trade_exits import REPORT_MOVED
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.planning.refusals import RefusalRule, first_needs, first_refusal

REPORT_INPUTS = pl.Schema(
    {
        "report_date": pl.Date,
        "report_status": pl.String,
        "report_anchor": pl.Date,
        "report_dated": pl.Boolean,
        "is_backtest": pl.Boolean,
    }
)
"""What planning inputs hold of the report ahead: its day, its status and its anchor, null without
one; whether any is dated, null where nobody asked; and whether the plan is a backtest's."""

_WINDOWS = pl.Schema({"report_first": pl.Date, "report_last": pl.Date, "report_leave": pl.Date})
_IN_SESSIONS = {"_first": "report_first", "_leave": "report_leave", "_planned": "date"}


def report_columns(known: Collection[Known]) -> dict[str, pl.Series]:
    """The columns of `REPORT_INPUTS` but `is_backtest`, one row for each of `known`."""
    ahead = [each.ahead for each in known]
    values: dict[str, list[Any]] = {
        "report_date": [None if each is None else each.day for each in ahead],
        "report_status": [None if each is None else each.status for each in ahead],
        "report_anchor": [None if each is None else each.anchor for each in ahead],
        "report_dated": [each.is_dated for each in known],
    }
    return {name: pl.Series(name, rows, REPORT_INPUTS[name]) for name, rows in values.items()}


def with_report_inputs(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with null in each of `REPORT_INPUTS` that they do not have."""
    return rows.with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in REPORT_INPUTS.items()
        if name not in rows.columns
    )


def with_windows(rows: pl.DataFrame, rules: BlackoutRules) -> pl.DataFrame:
    """`rows`, which have `REPORT_INPUTS`, with the sessions that the report ahead takes.

    `report_first` and `report_last` may be its anchor, positions leave in `report_leave`; null
    without a report. `sessions_to_first` and `sessions_to_leave` count from the entry's session.
    """
    of_report = ["report_date", "report_status", "report_anchor"]
    reports = rows.select(of_report).drop_nulls().unique(maintain_order=True)
    windows = [asdict(window_of(ReportAhead(*row), rules)) for row in reports.iter_rows()]
    made = pl.DataFrame(
        [tuple(window.values()) for window in windows], schema=_WINDOWS, orient="row"
    )
    rows = rows.join(
        pl.concat([reports, made], how="horizontal"), on=of_report, how="left",
        maintain_order="left",
    )  # fmt: skip
    for name, day in _IN_SESSIONS.items():
        number = ordinals().select(pl.col("date").alias(day), pl.col("session").alias(name))
        rows = rows.join(number, on=day, how="left", maintain_order="left")
    entry = pl.col("_planned") + 1
    return rows.with_columns(
        sessions_to_first=pl.col("_first") - entry, sessions_to_leave=pl.col("_leave") - entry
    ).drop(_IN_SESSIONS)


def blackout_refusals(rules: BlackoutRules, funds: Collection[str]) -> tuple[RefusalRule, ...]:
    """The rules that are asked of rows with `expiry`, `strategy` and the columns of
    :func:`with_windows`; the blackout itself lets earnings strategies pass."""
    return (_unknown(rules, funds), _blackout(rules))


@dataclass(frozen=True)
class RefusedEntry:
    """Why an entry may not be sent: the code, the report ahead in words, and what it needs."""

    code: str
    report: str | None
    needs: str


def refused_entry(
    known: Known,
    ticker: str,
    planned_on: date,
    expiry: date,
    rules: BlackoutRules,
    funds: Collection[str],
    strategy: str = "",
) -> RefusedEntry | None:
    """What refuses an entry of a `strategy` by what is known now; None if nothing does.

    The same rules as those of the plan that was made at the close of `planned_on`.
    """
    row = pl.DataFrame(
        {"date": [planned_on], "ticker": [ticker], "expiry": [expiry], "strategy": [strategy]}
    )
    rows = with_windows(with_report_inputs(row.with_columns(**report_columns([known]))), rules)
    asked = blackout_refusals(rules, funds)
    code, report, needs = rows.select(
        code=first_refusal(asked), report=_report(), needs=first_needs(asked)
    ).row(0)
    return None if code is None else RefusedEntry(code, report, needs)


def moved_away(known: Known, planned_on: date, expiry: date) -> RefusedEntry | None:
    """What refuses the entry of an earnings trade by what is known now; None if nothing does.

    Its report must still lie ahead of the session that the entry works in, confirmed, and before
    the expiry; otherwise it has been out, or moved.
    """
    report = known.ahead
    if report is not None and report.status == "confirmed" and planned_on < report.anchor < expiry:
        return None
    needs = "a confirmed report between the entry and its expiry"
    return RefusedEntry(REPORT_MOVED, None if report is None else report.text, needs)


def _unknown(rules: BlackoutRules, funds: Collection[str]) -> RefusalRule:
    refuses = (
        pl.when(pl.col("is_backtest").fill_null(value=False))
        .then(pl.lit(rules.unknown_in_backtests == "refuse"))
        .otherwise(pl.lit(rules.unknown == "refuse"))
    )
    is_asked = pl.lit(rules.mode != OFF) & ~pl.col("ticker").is_in([*funds])
    return RefusalRule(
        EARNINGS_UNKNOWN,
        _report(),
        "a dated report in the next 120 days",
        is_asked & refuses & (pl.col("report_dated") == pl.lit(value=False)).fill_null(value=False),
        pl.format(
            "the date of the next report of {}; a fund, which has none, is named in "
            "plan.chain.surface.funds",
            "ticker",
        ),
    )


def _blackout(rules: BlackoutRules) -> RefusalRule:
    """Refuses what a report that the entry does not know yet would meet, or comes too near to."""
    # The entry works in the session after its row's, so it knows what is out by then.
    is_ahead = pl.col("report_last") > pl.col("date")
    named = pl.format("the report of {}", _report())
    if rules.mode == WINDOW:
        threshold = f"no report in the next {rules.days_before} sessions"
        refuses = pl.col("sessions_to_first") < rules.days_before
        needs = pl.format("an entry after {}, {}", "report_last", named)
    else:
        refuses = pl.col("expiry") > pl.col("report_first")
        threshold, needs = (
            "an expiry before the report",
            pl.format("an expiry up to {}, before {}", "report_first", named),
        )
        if rules.closes:
            refuses &= pl.col("sessions_to_leave") < rules.min_hold
            threshold += f", or {rules.min_hold} sessions from the entry to the exit before it"
            needs = pl.format(
                f"{{}}, or {rules.min_hold} sessions from the entry to the exit on {{}}",
                needs,
                "report_leave",
            )
    asked = pl.lit(rules.mode != OFF)
    is_exempt = pl.col("strategy").is_in(EARNINGS_STRATEGIES)
    is_refused = (asked & is_ahead & refuses & ~is_exempt).fill_null(value=False)
    return RefusalRule(EARNINGS_BLACKOUT, _report(), threshold, is_refused, needs)


def _report() -> pl.Expr:
    """The report ahead in words, null without one."""
    return pl.format("{}, {}", pl.col("report_date").cast(pl.String), "report_status")
