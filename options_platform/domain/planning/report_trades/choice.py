"""Whether a report is traded: the session of the plan, the date, and the move that options price.

One plan a report, at the close `planned_ahead` sessions before the anchor, the last close before
the news. That row belongs to the report, whatever the matrix asks for on the day: it trades the
report or nothing.
"""

from __future__ import annotations

import polars as pl

from options_platform.domain.calendar.sessions import ordinals
from options_platform.domain.earnings.trade_rules import (
    EARNINGS_STRATEGIES,
    NO_TRADE,
    SELLING,
    EarningsTradeRules,
)
from options_platform.domain.planning.conditions.blackout import with_report_inputs
from options_platform.domain.planning.refusals import (
    RefusalRule,
    as_text,
    first_needs,
    first_refusal,
    is_missing,
)

PRICE_INPUTS = pl.Schema({"priced_move": pl.Float64, "priced_ratio": pl.Float64})
"""What planning inputs hold of the next report's price: the move that the chain of the session
implies, a fraction, and that over the forecast one; null without either."""

TRADES_REPORT = "trades_report"
"""Column: whether the plan of the row is that of a report."""
UNASKABLE = ("BAD_BAR", "NO_VIX", "NO_REGIME", "NO_PREDICTION", "RULE_SET_LOST")
"""Refusals after which nothing else is asked."""


def with_report_trades(rows: pl.DataFrame, rules: EarningsTradeRules) -> pl.DataFrame:
    """`rows`, as `select_strategies` gives them, with the trades of reports in the rows of these.

    Unchanged where they are not enabled. Needed beside: the columns of `REPORT_INPUTS` and of
    `PRICE_INPUTS`, as far as they are known.
    """
    if not rules.enabled:
        return rows
    rows = with_price_inputs(rows, rules)
    asked = report_trade_refusals(rules)
    takes = pl.col(TRADES_REPORT) & ~pl.col("refusal").is_in(UNASKABLE).fill_null(value=False)
    rows = rows.with_columns(takes.alias(TRADES_REPORT))
    code = first_refusal(asked)
    changed = {
        "strategy": pl.when(code.is_null()).then(wanted_trade(rules)).otherwise(pl.lit(NO_TRADE)),
        "refusal": code,
        "needs": first_needs(asked),
        "confident_call": pl.lit(value=False),
        "otherwise": pl.lit(value=False),
        "votes": pl.lit(None, rows.schema["votes"]),
    }
    mine = pl.col(TRADES_REPORT)
    return rows.with_columns(
        pl.when(mine).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in changed.items()
    )


def with_price_inputs(rows: pl.DataFrame, rules: EarningsTradeRules) -> pl.DataFrame:
    """`rows` with null in each input that they do not have, and with `TRADES_REPORT`."""
    rows = with_report_inputs(rows).with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in PRICE_INPUTS.items()
        if name not in rows.columns
    )
    for day, name in (("date", "_planned"), ("report_anchor", "_anchor")):
        number = ordinals().select(pl.col("date").alias(day), pl.col("session").alias(name))
        rows = rows.join(number, on=day, how="left", maintain_order="left")
    ahead = pl.col("_anchor") - pl.col("_planned")
    is_due = (ahead == rules.planned_ahead).fill_null(value=False) & pl.lit(rules.enabled)
    return rows.with_columns(is_due.alias(TRADES_REPORT)).drop("_planned", "_anchor")


def wanted_trade(rules: EarningsTradeRules) -> pl.Expr:
    """The strategy that the ratio of implied to forecast move asks for: its name or none."""
    ratio = pl.col("priced_ratio")
    return (
        pl.when(ratio >= rules.sell_from)
        .then(pl.lit(rules.sell))
        .when(ratio <= rules.buy_to)
        .then(pl.lit(rules.buy))
        .otherwise(pl.lit(NO_TRADE))
    )


def report_trade_refusals(rules: EarningsTradeRules) -> tuple[RefusalRule, ...]:
    """The rules that are asked of the rows of reports, in their order; none if not enabled."""
    if not rules.enabled:
        return ()
    asked = pl.col(TRADES_REPORT)
    report = pl.format("{}, {}", pl.col("report_date").cast(pl.String), "report_status")
    return (
        RefusalRule(
            "EARNINGS_UNCONFIRMED",
            report,
            "a confirmed date",
            asked & (pl.col("report_status") != "confirmed").fill_null(value=True),
            pl.format("a source that confirms the report of {}", pl.col("report_date")),
        ),
        RefusalRule(
            "EARNINGS_NOT_PRICED",
            as_text("priced_move"),
            "a move that options price, and a forecast one",
            asked & (is_missing("priced_move") | is_missing("priced_ratio")),
            pl.lit(
                "a stored option chain of the session that prices the report, and at least four "
                "past reports of the ticker; earnings.event_premium prices it by the model"
            ),
        ),
        RefusalRule(
            "NO_EDGE_EARNINGS",
            as_text("priced_ratio"),
            f"a priced move of at least {rules.sell_from:g} times the forecast one to sell it, at "
            f"most {rules.buy_to:g} times to buy it",
            asked & (wanted_trade(rules) == NO_TRADE),
        ),
    )


def reasons_of(strategy: str, rules: EarningsTradeRules, *, modelled: bool) -> list[str]:
    """Why a plan of an earnings strategy trades: the side, and what its record and prices are."""
    return [
        "EARNINGS_SELL" if strategy in SELLING else "EARNINGS_BUY",
        *([] if strategy in rules.proven else ["EARNINGS_RESEARCH"]),
        *(["EARNINGS_MODELLED"] if modelled else []),
    ]


def traded_names(rules: EarningsTradeRules) -> tuple[str, ...]:
    """The earnings strategies that plans may trade, in a fixed order."""
    wanted = {rules.sell, rules.buy} if rules.enabled else set()
    return tuple(name for name in EARNINGS_STRATEGIES if name in wanted)
