"""Rows of `trade_plan` and `trade_plan_legs`, and the hash that names a plan."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import polars as pl

from options_platform.common import DEFAULT_RULE_SET
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.chain import Quotes
from options_platform.domain.planning.expiries import LegExpiries
from options_platform.domain.planning.selection import NONE
from options_platform.domain.strategies.base import Strategy

KEPT = (
    "date",
    "ticker",
    "direction",
    "confidence",
    "regime",
    "iv_rank",
    "spot",
    "target_dte",
    "strike_basis",
    "needs",
    "rule_set",
    "account_share",
)
"""What a refused plan shows of the row that it was made from."""

OF_INPUTS = (
    "call_rank",
    "earlier_calls",
    "iv_symbol",
    "iv_basis",
    "vol_error",
    "votes",
    "vol_scale",
)
"""What every plan takes over from its inputs, null where they do not have it."""


def leg_rows(
    rows: pl.DataFrame, strategy: Strategy, quotes: list[Quotes], expiries: LegExpiries
) -> pl.DataFrame:
    """The legs of each row of one strategy, as in `trade_plan_legs` but for the plan's id."""
    frames = [
        rows.select("date", "ticker").with_columns(
            leg=pl.lit(number, pl.Int32),
            side=pl.lit(leg.side),
            right=pl.lit(leg.right),
            strike=pl.Series(q.strike),
            expiry=pl.Series(expiries.of(leg)).cast(pl.Date),
            ratio=pl.lit(leg.ratio, pl.Int32),
            iv=pl.Series(q.iv),
            delta=pl.Series(q.greeks.delta),
            bid=pl.Series(q.bid),
            mid=pl.Series(q.mid),
            ask=pl.Series(q.ask),
        )
        for number, (leg, q) in enumerate(zip(strategy.legs, quotes, strict=True), start=1)
    ]
    return pl.concat(frames).sort("date", "ticker", "leg")


def traded_rows(
    rows: pl.DataFrame,
    legs: pl.DataFrame,
    strategy: Strategy,
    source: str,
    own_reasons: Sequence[str] | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows that trade as rows of `trade_plan` and of `trade_plan_legs`.

    `own_reasons` are the codes of why they trade, where regime and direction are not.
    """
    if rows.is_empty():
        return TRADE_PLAN.empty(), TRADE_PLAN_LEGS.empty()
    legs = legs.join(rows.select("date", "ticker"), on=["date", "ticker"], how="semi")
    shown = legs.group_by("date", "ticker", maintain_order=True).agg(
        pl.concat_str(["side", "right", pl.col("strike").cast(pl.String), "expiry"], separator=" ")
    )
    texts = dict(zip(shown.select("date", "ticker").rows(), shown["side"].to_list(), strict=True))
    ids = [
        plan_id(day, ticker, strategy.name, texts[day, ticker], count, price, rule_set=rule_set)
        for day, ticker, count, price, rule_set in rows.select(
            "date", "ticker", "contracts", "limit_price", "rule_set"
        ).iter_rows()
    ]
    reasons = _reasons(rows) if own_reasons is None else pl.concat_list(map(pl.lit, own_reasons))
    plans = rows.with_columns(
        plan_id=pl.Series(ids),
        decision=pl.lit("trade"),
        reasons=reasons,
        chain_source=pl.lit(source),
        needs=pl.lit(None, pl.String),
    ).select(TRADE_PLAN.schema.names())
    keyed = legs.join(plans.select("date", "ticker", "plan_id", "rule_set"), on=["date", "ticker"])
    return plans, keyed.select(TRADE_PLAN_LEGS.schema.names())


def _reasons(rows: pl.DataFrame) -> pl.Expr:
    return pl.concat_list(
        pl.concat_str(pl.lit("REGIME_"), pl.col("regime").str.to_uppercase()),
        pl.concat_str(pl.lit("DIRECTION_"), pl.col("direction").str.to_uppercase()),
        pl.when("confident_call").then(pl.lit("CONFIDENT_CALL")),
        _vote_reason(rows.columns),
        pl.when("narrowed").then(pl.lit("NARROWED")),
        pl.when("dividends_unknown").then(pl.lit("DIVIDENDS_UNKNOWN")),
    ).list.drop_nulls()


def _vote_reason(columns: Sequence[str]) -> pl.Expr:
    """Why votes let a row through; null where none are asked."""
    if "otherwise" not in columns:
        return pl.lit(None, pl.String)
    reason = pl.when("otherwise").then(pl.lit("THIN_PREMIUM")).otherwise(pl.lit("VOTES_HOLD"))
    return pl.when(pl.col("votes").is_not_null()).then(reason)


def plan_id(
    day: object, ticker: str, strategy: str, *content: object, rule_set: str = DEFAULT_RULE_SET
) -> str:
    """A short hash of a plan's key and content, and of its rule set unless that is the default.

    So the plans of different sets have different ids, and those that were stored before there were
    sets keep theirs.
    """
    parts = [str(day), ticker, strategy, *(str(part) for part in content)]
    text = "|".join(parts if rule_set == DEFAULT_RULE_SET else [*parts, rule_set])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def refused_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """Plans without a trade; what was chosen before the refusal is not kept."""
    ids = [
        plan_id(day, ticker, NONE, code, rule_set=rule_set)
        for day, ticker, code, rule_set in rows.select(
            "date", "ticker", "refusal", "rule_set"
        ).iter_rows()
    ]
    return (
        rows.select(*KEPT, *OF_INPUTS, "refusal")
        .with_columns(
            plan_id=pl.Series(ids, dtype=pl.String),
            decision=pl.lit("no_trade"),
            strategy=pl.lit(NONE),
            reasons=pl.concat_list("refusal"),
            contracts=pl.lit(0, pl.Int32),
        )
        .pipe(_with_nulls, TRADE_PLAN.schema.names())
        .select(TRADE_PLAN.schema.names())
    )


def with_inputs_of_plans(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with null in each of `OF_INPUTS` that they do not have."""
    return _with_nulls(rows, OF_INPUTS)


def _with_nulls(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(None, TRADE_PLAN.schema[name]).alias(name)
        for name in names
        if name not in rows.columns
    )
