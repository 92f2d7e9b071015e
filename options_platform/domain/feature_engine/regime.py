"""Rule-based volatility regimes.

The first matching rule, in order of precedence, determines the regime. A null or NaN input gives no
regime, never `high_vol`.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import REGIME, REGIME_TRANSITIONS
from options_platform.contracts.regimes import REGIMES

RANK = "iv_rank"


@dataclass(frozen=True)
class RegimeRules:
    """Thresholds of the regimes: VIX in index points, IV rank and HV/IV ratio as fractions.

    Of a stock both leave reports out: the rank is `iv_rank_ex`, the ratio hv_20x / iv_ex_earnings.

    `order` is the precedence of the rules. `confirmation_days` is the number of consecutive
    sessions with the same raw regime before the regime changes (0 or 1: immediately). Raises
    ValueError unless `order` contains every regime, with neutral last.
    """

    vix_low: float = 15.0
    vix_high: float = 25.0
    rank_low: float = 0.3
    rank_high: float = 0.8
    rank_middle: float = 0.5
    hv_iv_contraction: float = 0.6
    hv_iv_expansion: float = 0.9
    order: tuple[str, ...] = REGIMES
    confirmation_days: int = 0

    def __post_init__(self) -> None:
        if set(self.order) != set(REGIMES) or self.order[-1] != "neutral":
            raise ValueError(f"order must hold each of {', '.join(REGIMES)}, neutral last")


def rule_expressions(rules: RegimeRules, rank: str = RANK) -> dict[str, pl.Expr]:
    """Each rule except `neutral` as a Boolean expression of vix, hv_iv_ratio and the rank."""
    vix, ranked, hv_iv = pl.col("vix"), pl.col(rank), pl.col("hv_iv_ratio")
    return {
        "low_vol": (vix < rules.vix_low) & (ranked < rules.rank_low),
        "high_vol": (vix > rules.vix_high) | (ranked > rules.rank_high),
        "iv_expansion": (hv_iv > rules.hv_iv_expansion) & (ranked > rules.rank_middle),
        "iv_contraction": (hv_iv < rules.hv_iv_contraction) & (ranked < rules.rank_middle),
    }


def inputs_known() -> pl.Expr:
    """Whether vix, iv_rank and hv_iv_ratio are all neither null nor NaN."""
    names = ("vix", "iv_rank", "hv_iv_ratio")
    return pl.all_horizontal(
        *(pl.col(name).is_not_null() & ~pl.col(name).is_nan() for name in names)
    )


def raw_regime(rules: RegimeRules, rank: str = RANK) -> pl.Expr:
    """The regime of each row before confirmation; null if an input is missing.

    `rank` is the column with the rank that the rules read, null only where `iv_rank` is.
    """
    expressions = rule_expressions(rules, rank)
    first = pl.coalesce(
        *(pl.when(expressions[name]).then(pl.lit(name)) for name in rules.order[:-1]),
        pl.lit("neutral"),
    )
    return pl.when(inputs_known()).then(first)


def matched_rules(rules: RegimeRules) -> pl.Expr:
    """All matching rules in order; ["neutral"] if none matches, null if an input is missing."""
    expressions = rule_expressions(rules)
    matches = pl.concat_list(
        [
            pl.when(expressions[name].fill_null(value=False)).then(pl.lit(name))
            for name in rules.order[:-1]
        ]
    ).list.drop_nulls()
    neutral = pl.lit(["neutral"], pl.List(pl.String))
    return (
        pl.when(inputs_known().fill_null(value=False) & (matches.list.len() > 0))
        .then(matches)
        .when(inputs_known().fill_null(value=False))
        .then(neutral)
    )


def days_in(column: str) -> pl.Expr:
    """Sessions since the value of `column` last changed, per ticker; 0 on its first session.

    Null where the value is null; a null also ends the current run. Rows must be sorted by ticker
    and date.
    """
    value, at = pl.col(column), pl.int_range(pl.len())
    begins = _is_first() | ~value.eq_missing(value.shift(1))
    began = pl.when(begins).then(at).forward_fill()
    return pl.when(value.is_not_null()).then(at - began).cast(pl.Int32)


def changed_within(column: str, sessions: int) -> pl.Expr:
    """Whether `column` changed within the last `sessions`, per ticker; null where it is null.

    Rows must be sorted by ticker and date.
    """
    value, at = pl.col(column), pl.int_range(pl.len())
    change = (value != value.shift(1)).fill_null(value=False)
    # Treat each ticker's start as a change that is already too old to count.
    changed = pl.when(_is_first()).then(at - sessions).when(change).then(at).forward_fill()
    return pl.when(value.is_not_null()).then(at - changed < sessions)


def _is_first() -> pl.Expr:
    ticker = pl.col("ticker")
    return (ticker != ticker.shift(1)).fill_null(value=True)


def compute_regime(
    features: pl.DataFrame, rules: RegimeRules, reports: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The regime of each row of `features`, in the schema of the table `regime`.

    `features` are whole histories with date, ticker, vix, iv_rank and hv_iv_ratio. `reports` have
    date, ticker and `iv_rank_ex` of tickers that report: where it is known the rules read it in
    place of `iv_rank`, so that the fall of implied volatility after a report is no other regime.
    """
    if reports is not None and reports.height:
        ex = features.select(KEY).join(
            reports.select(*KEY, "iv_rank_ex"), on=KEY, how="left", maintain_order="left"
        )
        known = pl.when(pl.col(RANK).is_not_null()).then(pl.coalesce("iv_rank_ex", RANK))
        features = features.with_columns(ex["iv_rank_ex"]).with_columns(known.alias(RANK))
    rows = features.sort("ticker", "date").select(
        "date", "ticker", raw_regime(rules).alias("raw"), matched_rules(rules).alias("matched")
    )
    rows = rows.with_columns(_confirmed(rules.confirmation_days).alias("regime"))
    rows = rows.with_columns(days_in("regime").alias("days_in_regime"))
    before = pl.col("regime").shift(1).over("ticker")
    entered = pl.when(pl.col("days_in_regime") == 0).then(before)
    # All sessions of a run share the regime before its first session.
    run = (~pl.col("regime").eq_missing(before)).cum_sum().over("ticker")
    rows = rows.with_columns(entered.alias("entered"), run.alias("run"))
    previous = pl.col("entered").first().over("ticker", "run")
    return (
        rows.with_columns(
            pl.when(pl.col("regime").is_not_null()).then(previous).alias("previous_regime")
        )
        .select(REGIME.schema.names())
        .sort("date", "ticker")
    )


def _confirmed(days: int) -> pl.Expr:
    raw = pl.col("raw")
    if days <= 1:
        return raw
    same = pl.all_horizontal(*(raw.eq_missing(raw.shift(n)).over("ticker") for n in range(1, days)))
    confirmed = pl.when(same.over("ticker") & raw.is_not_null()).then(raw)
    return pl.when(raw.is_not_null()).then(confirmed.forward_fill().over("ticker"))


def regime_transitions(regime: pl.DataFrame) -> pl.DataFrame:
    """Sessions on which the regime changed, in the schema of `regime_transitions`."""
    rows = regime.sort("ticker", "date").with_columns(
        before=pl.col("regime").shift(1).over("ticker"),
        lasted=(pl.col("days_in_regime").shift(1).over("ticker") + 1).cast(pl.Int32),
    )
    return (
        rows.filter((pl.col("regime") != pl.col("before")).fill_null(value=False))
        .select(
            "date",
            "ticker",
            pl.col("before").alias("from_regime"),
            pl.col("regime").alias("to_regime"),
            pl.col("lasted").alias("sessions_in_previous"),
        )
        .sort("date", "ticker")
        .cast(dict(REGIME_TRANSITIONS.schema))  # type: ignore[arg-type]
    )
