"""Which strategy, if any: the matrix of regimes and directions, confidence, and the vetoes.

The matrix is the plan's section 5.1 with its holes filled: iv_contraction and high_vol with a
neutral direction call for an iron condor, iv_expansion with a neutral direction for nothing,
and a confident direction in the neutral regime for a debit spread where IV rank is below one
half, else for a credit spread.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.strategies import STRATEGIES

DEBIT = {"bullish": "bull_call_spread", "bearish": "bear_put_spread"}
CREDIT = {"bullish": "bull_put_spread", "bearish": "bear_call_spread"}
CONDOR = "iron_condor"
NONE = "none"
BY_MATRIX = "matrix"

MATRIX: dict[str, dict[str, str]] = {
    "low_vol": {**DEBIT, "neutral": NONE},
    "high_vol": {**CREDIT, "neutral": CONDOR},
    "iv_expansion": {**DEBIT, "neutral": NONE},
    "iv_contraction": {**CREDIT, "neutral": CONDOR},
}


def _base_dte() -> dict[str, int]:
    return {"low_vol": 30, "high_vol": 21, "iv_contraction": 21, "iv_expansion": 45, "neutral": 30}


@dataclass(frozen=True)
class SelectionRules:
    """`min_probability` is the calibrated probability that counts as confident; the vetoes are
    changes of IV rank (0 to 1); days are calendar days. `strategy` other than `matrix` trades the
    one that it names in every regime, whatever the predicted direction and its probability; the
    vetoes still hold."""

    strategy: str = BY_MATRIX
    iron_condor_enabled: bool = False
    min_probability: float = 0.50
    debit_below_iv_rank: float = 0.5
    veto_debit_below: float = -0.05
    veto_credit_above: float = 0.05
    base_dte: dict[str, int] = field(default_factory=_base_dte)
    high_iv_rank: float = 0.7
    low_iv_rank: float = 0.3
    dte_shift: int = 7
    min_dte: int = 14
    max_dte: int = 45

    def __post_init__(self) -> None:
        if self.strategy not in (BY_MATRIX, *STRATEGIES):
            raise ValueError(f"strategy is {BY_MATRIX} or one of {', '.join(STRATEGIES)}")
        if not 0.0 <= self.min_probability <= 1.0:
            raise ValueError("min_probability lies between 0 and 1")

    @property
    def condors_allowed(self) -> bool:
        """Whether iron condors may be traded: switched on, or named as the one strategy."""
        return self.iron_condor_enabled or self.strategy == CONDOR


def select_strategies(inputs: pl.DataFrame, rules: SelectionRules) -> pl.DataFrame:
    """`inputs` with `strategy` (a name or none), `refusal` (a code or null) and `target_dte`.

    Needed columns: bad_reason, vix, iv_close, regime, direction, p_bearish, p_neutral,
    p_bullish, iv_rank, iv_rank_change_pred. The first refusal that applies is given.
    """
    wanted = wanted_strategy(rules)
    rows = inputs.with_columns(wanted.alias("wanted"), target_dte=target_dte(rules))
    kind = pl.col("wanted").replace_strict(
        {name: strategy.kind for name, strategy in STRATEGIES.items()}, default=None
    )
    change = pl.col("iv_rank_change_pred")
    unsure = (pl.col("regime") == "neutral") & (pl.col("direction") != "neutral")
    unsure = unsure & (rules.strategy == BY_MATRIX)
    p_max = pl.max_horizontal("p_bearish", "p_neutral", "p_bullish")
    refusal = (
        pl.when(pl.col("bad_reason").is_not_null())
        .then(pl.lit("BAD_BAR"))
        .when(_missing("vix") | _missing("iv_close"))
        .then(pl.lit("NO_VIX"))
        .when(pl.col("regime").is_null())
        .then(pl.lit("NO_REGIME"))
        .when(pl.col("direction").is_null() | _missing("iv_rank_change_pred"))
        .then(pl.lit("NO_PREDICTION"))
        .when(unsure & (p_max < rules.min_probability))
        .then(pl.lit("LOW_CONFIDENCE"))
        .when(pl.col("wanted") == NONE)
        .then(pl.lit("NO_EDGE"))
        .when(pl.lit(not rules.condors_allowed) & (pl.col("wanted") == CONDOR))
        .then(pl.lit("IRON_CONDOR_DISABLED"))
        .when((kind == "debit") & (change < rules.veto_debit_below))
        .then(pl.lit("VOL_VETO_DEBIT"))
        .when((kind == "credit") & (change > rules.veto_credit_above))
        .then(pl.lit("VOL_VETO_CREDIT"))
    )
    rows = rows.with_columns(refusal.alias("refusal"))
    strategy = pl.when(pl.col("refusal").is_null()).then("wanted").otherwise(pl.lit(NONE))
    return rows.with_columns(strategy.alias("strategy")).drop("wanted")


def target_dte(rules: SelectionRules) -> pl.Expr:
    """Days to expiry that the rule asks for (the plan's section 5.3); null without a regime."""
    base = pl.col("regime").replace_strict(rules.base_dte, default=None, return_dtype=pl.Int32)
    shift = (
        pl.when(pl.col("iv_rank") > rules.high_iv_rank)
        .then(-rules.dte_shift)
        .when(pl.col("iv_rank") < rules.low_iv_rank)
        .then(rules.dte_shift)
        .otherwise(0)
    )
    return (base + shift).clip(rules.min_dte, rules.max_dte).cast(pl.Int32)


def wanted_strategy(rules: SelectionRules) -> pl.Expr:
    """What the matrix, or the one strategy, asks for before any veto: its name or none."""
    if rules.strategy != BY_MATRIX:
        return pl.lit(rules.strategy)
    cheap = pl.col("iv_rank") < rules.debit_below_iv_rank
    chain: list[pl.Expr] = []
    for regime in REGIMES:
        for direction in ("bullish", "bearish", "neutral"):
            here = (pl.col("regime") == regime) & (pl.col("direction") == direction)
            if regime in MATRIX:
                chain.append(pl.when(here).then(pl.lit(MATRIX[regime][direction])))
            elif direction != "neutral":
                chain.append(pl.when(here & cheap).then(pl.lit(DEBIT[direction])))
                chain.append(pl.when(here).then(pl.lit(CREDIT[direction])))
    return pl.coalesce(*chain, pl.lit(NONE))


def _missing(column: str) -> pl.Expr:
    return pl.col(column).is_null() | pl.col(column).is_nan()
