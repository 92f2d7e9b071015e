"""Rules about a table, derived from its contract, and rules of single tables.

Each rule takes the rows of a run's range and returns how many violate it, with examples. The asset
checks in `defs/` only connect these rules to Dagster.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from options_platform.contracts import (
    DIRECTION_MODEL,
    EARNINGS,
    EARNINGS_EVENTS,
    EARNINGS_FORECAST,
    LABELS,
    RAW_OHLCV,
    TRADE_PLAN,
    VIX,
    Table,
)
from options_platform.domain.feature_engine.labels import HORIZON, known_too_early
from options_platform.domain.market.coverage import holes_of

SUM_TOLERANCE = 1e-9
SHOWN = 5
FROZEN_SESSIONS = 6


@dataclass(frozen=True)
class Finding:
    """Result of a rule: number of offending rows (or columns), and a few of them as text."""

    broken: int
    examples: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing violates the rule."""
        return self.broken == 0


@dataclass(frozen=True)
class ExpectedPartitions:
    """Partitions that the run should have written: the sessions of its range, and its tickers.

    `first_bars` has the first session of each ticker, `date.max` for a ticker not yet listed.
    """

    sessions: Sequence[date]
    tickers: Sequence[str]
    first_bars: dict[str, date]


@dataclass(frozen=True)
class TableRule:
    """A named rule; a violated blocking rule stops all downstream assets."""

    name: str
    description: str
    find: Callable[[Table, pl.DataFrame, ExpectedPartitions], Finding]
    blocking: bool = True


def rules_for(table: Table) -> tuple[TableRule, ...]:
    """The rules of a table: those of every contract, then its own.

    Of events no session has to have one.
    """
    common = tuple(rule for rule in COMMON if rule is not EACH_SESSION or not table.is_events)
    return common + TABLE_RULES.get(table.name, ())


def _schema(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    stored = frame.schema
    wrong = [
        f"{name}: {stored.get(name)} instead of {dtype}"
        for name, dtype in table.schema.items()
        if stored.get(name) != dtype
    ]
    wrong += [f"{name}: unknown column" for name in stored if name not in table.schema]
    return Finding(len(wrong), tuple(wrong[:SHOWN]))


def _unique(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    return _finding(frame.filter(pl.struct(table.key).is_duplicated()), table)


def _nulls(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    required = [column.name for column in table.columns if not column.nullable]
    return _finding(frame.filter(pl.any_horizontal(pl.col(required).is_null())), table)


def _complete(table: Table, frame: pl.DataFrame, expected: ExpectedPartitions) -> Finding:
    keys = pl.DataFrame({"date": expected.sessions}, schema={"date": pl.Date}).join(
        pl.DataFrame(
            {
                "ticker": list(expected.tickers),
                "first": [expected.first_bars.get(ticker) for ticker in expected.tickers],
            },
            schema={"ticker": pl.String, "first": pl.Date},
        ),
        how="cross",
    )
    missing = keys.filter(pl.col("first").is_null() | (pl.col("date") >= pl.col("first"))).join(
        frame, on=["date", "ticker"], how="anti"
    )
    return _finding(missing.sort("date", "ticker"), table)


def _ranges(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    broken: list[pl.Expr] = []
    for column in table.columns:
        value = pl.col(column.name)
        if column.dtype == pl.Float64:
            broken.append(value.is_nan() | value.is_infinite())
        if column.low is not None:
            broken.append(value < column.low)
        if column.high is not None:
            broken.append(value > column.high)
        if column.values is not None:
            broken.append(~value.is_in(column.values))
    if not broken:
        return Finding(0)
    # A comparison with null gives null, which counts as "not broken".
    bad = frame.filter(pl.any_horizontal(*(expr.fill_null(value=False) for expr in broken)))
    return _finding(bad, table)


def _ohlc_order(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    good = frame.filter(pl.col("bad_reason").is_null())
    top = pl.max_horizontal("open", "close")
    bottom = pl.min_horizontal("open", "close")
    slack = 1.0 + 1e-6
    ordered = (pl.col("high") * slack >= top) & (pl.col("low") <= bottom * slack)
    priced = pl.all_horizontal(pl.col("open", "high", "low", "close") > 0)
    return _finding(good.filter(~(ordered & priced).fill_null(value=False)), table)


def _bad_bars(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    bad = frame.filter(pl.col("bad_reason").is_not_null())
    return _finding(bad, table, "bad_reason")


def _missing_sessions(_table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    """Sessions without a bar; consecutive ones are reported as one hole."""
    holes = holes_of(frame.filter(pl.col("bad_reason") == "missing"))
    examples = tuple(
        f"{ticker} {first}" + (f" to {last} ({count} sessions)" if count > 1 else "")
        for ticker, first, last, count in holes.rows()
    )
    return Finding(int(holes["sessions"].sum()), examples[:SHOWN])


def _missing_vix(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    return _finding(frame.filter(pl.col("vix").is_null() | pl.col("iv_close").is_null()), table)


def _carried_vix(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    carried = (pl.col("vix_age") > 0) | (pl.col("iv_age") > 0)
    return _finding(frame.filter(carried.fill_null(value=False)), table, "iv_symbol")


def _frozen_vix(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    """An index unchanged for longer than ever observed (the VVIX, four sessions in 2014)."""
    run = pl.col("iv_close").rle_id().over("ticker", order_by="date")
    frozen = frame.with_columns(run=run).filter(
        pl.col("iv_close").is_not_null() & (pl.len().over("ticker", "run") >= FROZEN_SESSIONS)
    )
    return _finding(frozen.sort("ticker", "date"), table, "iv_close")


def _sources_differ(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    off = frame.filter(pl.col("other_date").is_not_null())
    return _finding(off.sort("ticker", "date"), table, "source", "other_date")


def _out_of_order(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    off = (pl.col("anchor") >= pl.col("date")) | (pl.col("known_on") < pl.col("date"))
    return _finding(frame.filter(off), table, "anchor")


def _forecasts_ahead(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    return _finding(frame.filter(pl.col("anchor") < pl.col("date")), table, "anchor")


def _quantiles(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    names = ("q50", "q75", "q90", "q95")
    falls = (pl.col(low) > pl.col(high) for low, high in itertools.pairwise(names))
    return _finding(frame.filter(pl.any_horizontal(*falls).fill_null(value=False)), table)


def _known_after(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    return _finding(known_too_early(frame), table)


def _probabilities(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    total = pl.sum_horizontal("p_bearish", "p_neutral", "p_bullish", ignore_nulls=False)
    partly = pl.sum_horizontal(
        pl.col("p_bearish", "p_neutral", "p_bullish").is_null().cast(pl.Int8)
    ).is_in([1, 2])
    off = ((total - 1.0).abs() > SUM_TOLERANCE).fill_null(value=False)
    return _finding(frame.filter(off | partly), table)


def _trades_whole(table: Table, frame: pl.DataFrame, _: ExpectedPartitions) -> Finding:
    trade = pl.col("decision") == "trade"
    needed = pl.col("expiry", "limit_price", "max_loss_usd", "spot", "chain_source")
    half = trade & (pl.any_horizontal(needed.is_null()) | (pl.col("contracts") < 1))
    idle = ~trade & (pl.col("contracts") != 0)
    unexplained = pl.col("reasons").list.len() == 0
    losing = trade & (pl.col("max_loss_usd") <= 0)
    return _finding(frame.filter(half | idle | losing | (~trade & unexplained)), table)


def _finding(rows: pl.DataFrame, table: Table, *extra: str) -> Finding:
    shown = [name for name in (*table.key, *extra) if name in rows.columns]
    examples = tuple(
        " ".join(str(part) for part in row) for row in rows.select(shown).head(SHOWN).rows()
    )
    return Finding(rows.height, examples)


EACH_SESSION = TableRule(
    "sessions_complete",
    "Each session of the range since the ticker's first bar has a row.",
    _complete,
)

COMMON = (
    TableRule("schema", "Columns and types match the contract.", _schema),
    TableRule("keys_unique", "No two rows share the primary key.", _unique),
    TableRule("nulls", "Nulls occur only where the contract allows them.", _nulls),
    EACH_SESSION,
    TableRule("ranges", "Values are finite, within their range and allowed values.", _ranges),
)

TABLE_RULES: dict[str, tuple[TableRule, ...]] = {
    RAW_OHLCV.name: (
        TableRule("ohlc_order", "Good bars have 0 < low <= open, close <= high.", _ohlc_order),
        TableRule("bad_bars", "No bar was set aside.", _bad_bars, blocking=False),
        TableRule(
            "sessions_have_bars", "Each session has a bar.", _missing_sessions, blocking=False
        ),
    ),
    VIX.name: (
        TableRule(
            "index_known", "Each session has a volatility index.", _missing_vix, blocking=False
        ),
        TableRule(
            "index_of_the_day",
            "No session's index was carried forward from the previous one.",
            _carried_vix,
            blocking=False,
        ),
        TableRule(
            "index_moves",
            f"No index is unchanged for {FROZEN_SESSIONS} sessions.",
            _frozen_vix,
            blocking=False,
        ),
    ),
    EARNINGS.name: (
        TableRule(
            "sources_agree",
            "The sources give the same day for each report.",
            _sources_differ,
            blocking=False,
        ),
    ),
    EARNINGS_EVENTS.name: (
        TableRule(
            "sessions_in_order",
            "The anchor lies before the reaction, and the event is final after it.",
            _out_of_order,
        ),
    ),
    EARNINGS_FORECAST.name: (
        TableRule("reports_ahead", "Each report lies ahead of its forecast.", _forecasts_ahead),
        TableRule("quantiles_ascend", "Quantiles of the move ascend.", _quantiles),
    ),
    LABELS.name: (
        TableRule(
            "known_after",
            f"A label is known {HORIZON} sessions after its date, not earlier.",
            _known_after,
        ),
    ),
    DIRECTION_MODEL.name: (
        TableRule(
            "probabilities", "The three probabilities sum to 1, or all are null.", _probabilities
        ),
    ),
    TRADE_PLAN.name: (
        TableRule(
            "plans_whole",
            "A trade has expiry, price, size and loss; a no-trade has a reason and no size.",
            _trades_whole,
        ),
    ),
}
