"""Which strategy, if any: the matrix of regimes and directions, confidence, and the vetoes.

The matrix is the plan's section 5.1 with its holes filled: iv_contraction and high_vol with a
neutral direction call for an iron condor, iv_expansion with a neutral direction for nothing,
and a confident direction in the neutral regime for a debit spread where IV rank is below one
half, else for a credit spread. A direction is confident if it is among the surest of the ticker's
earlier calls (`call_ranks`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.conditions.cadence import (
    CADENCES,
    EVERY_SESSION,
    cadence_rules,
)
from options_platform.domain.planning.conditions.votes import (
    HELD,
    NO_STRATEGY,
    VoteRules,
    trades_otherwise,
    vote_rules,
    votes_held,
)
from options_platform.domain.planning.refusals import (
    RefusalRule,
    apart_from,
    as_text,
    first_needs,
    first_refusal,
    is_missing,
)
from options_platform.domain.strategies import STRATEGIES

DEBIT = {"bullish": "bull_call_spread", "bearish": "bear_put_spread"}
CREDIT = {"bullish": "bull_put_spread", "bearish": "bear_call_spread"}
CONDOR = "iron_condor"
NONE = NO_STRATEGY
BY_MATRIX = "matrix"
ORDER_OF_DIRECTIONS = ("bullish", "bearish", "neutral")

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
    """A call is confident if its probability is in the upper `confident_share` (a fraction) of the
    ticker's earlier directional calls, of which there must be `fewest_calls`; `min_probability`, if
    set, is the probability that counts as confident instead. The vetoes are changes of IV rank (0
    to 1), and that of debits holds in `veto_debit_regimes` only; days are calendar days. `strategy`
    other than `matrix` trades the one that it names in every regime, whatever the predicted
    direction and its probability; the vetoes still hold. Only predictions among `directions` are
    traded. `cadence` is how often entries are
    planned: in each `session`, or in the first one of a `week` or `month`."""

    strategy: str = BY_MATRIX
    directions: tuple[str, ...] = ORDER_OF_DIRECTIONS
    cadence: str = EVERY_SESSION
    votes: VoteRules = field(default_factory=VoteRules)
    iron_condor_enabled: bool = True
    confident_share: float = 1 / 3
    fewest_calls: int = 60
    min_probability: float | None = None
    debit_below_iv_rank: float = 0.5
    veto_debit_below: float = -0.05
    veto_debit_regimes: tuple[str, ...] = ("low_vol", "high_vol", "iv_contraction", "neutral")
    veto_credit_above: float = 0.05
    base_dte: dict[str, int] = field(default_factory=_base_dte)
    high_iv_rank: float = 0.7
    low_iv_rank: float = 0.3
    dte_shift: int = 7
    min_dte: int = 14
    max_dte: int = 45

    def __post_init__(self) -> None:
        if self.strategy != BY_MATRIX and self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {BY_MATRIX} or one of {', '.join(STRATEGIES)}")
        if not self.directions or {*self.directions} - {*ORDER_OF_DIRECTIONS}:
            raise ValueError(f"directions are some of {', '.join(ORDER_OF_DIRECTIONS)}")
        if self.cadence not in CADENCES:
            raise ValueError(f"cadence is one of {', '.join(CADENCES)}")
        if self.min_probability is not None and not 0.0 <= self.min_probability <= 1.0:
            raise ValueError("min_probability lies between 0 and 1, or is none")
        if not 0.0 < self.confident_share <= 1.0:
            raise ValueError("confident_share is above 0, and at most 1")
        if self.fewest_calls < 1:
            raise ValueError("fewest_calls is at least 1")
        unknown = sorted({*self.veto_debit_regimes} - {*REGIMES})
        if unknown:
            raise ValueError(f"veto_debit_regimes: {unknown[0]} is none of {', '.join(REGIMES)}")

    @property
    def condors_allowed(self) -> bool:
        """Whether iron condors may be traded: switched on, or named as the one strategy."""
        return self.iron_condor_enabled or self.strategy == CONDOR


def select_strategies(inputs: pl.DataFrame, rules: SelectionRules) -> pl.DataFrame:
    """`inputs` with `strategy` (a name or none), `refusal` (a code or null), `needs` (what would
    let a refused row through, null where none refuses), `target_dte` and `votes` (the number that
    hold, null where none are asked).

    Needed columns: bad_reason, vix, iv_close, regime, direction, p_bearish, p_neutral,
    p_bullish, call_rank, earlier_calls, iv_rank, iv_rank_change_pred, and the features that votes
    ask about. The first refusal that applies is given.
    """
    rows = with_wanted(inputs, rules).with_columns(target_dte=target_dte(rules))
    refusals = selection_refusals(rules)
    rows = rows.with_columns(refusal=first_refusal(refusals), needs=first_needs(refusals))
    strategy = pl.when(pl.col("refusal").is_null()).then("wanted").otherwise(pl.lit(NONE))
    is_level = rules.min_probability is None
    confident_call = _asked_confidence(rules) & is_confident(rules) & pl.lit(is_level)
    return rows.with_columns(
        strategy.alias("strategy"),
        confident_call=confident_call & pl.col("refusal").is_null(),
        otherwise=trades_otherwise(rules.votes),
    ).drop("wanted", "kind", "p_max")


def with_wanted(inputs: pl.DataFrame, rules: SelectionRules) -> pl.DataFrame:
    """`inputs` with what the refusals look at beside its own columns.

    `wanted` is the strategy that is asked for, `kind` whether it is a debit or a credit (null for
    none), `p_max` the probability of the likeliest direction, `votes` how many hold (null where
    none are asked).
    """
    kinds = {name: strategy.kind for name, strategy in STRATEGIES.items()}
    otherwise = pl.lit(rules.votes.otherwise)
    return (
        inputs.with_columns(votes_held(rules.votes).alias(HELD))
        .with_columns(
            pl.when(trades_otherwise(rules.votes))
            .then(otherwise)
            .otherwise(wanted_strategy(rules))
            .alias("wanted"),
            p_max=pl.max_horizontal("p_bearish", "p_neutral", "p_bullish"),
        )
        .with_columns(kind=pl.col("wanted").replace_strict(kinds, default=None))
    )


def selection_refusals(rules: SelectionRules) -> tuple[RefusalRule, ...]:
    """The rules that are asked of `with_wanted`, in their order."""
    return (
        *missing_inputs(),
        *cadence_rules(rules.cadence),
        *vote_rules(rules.votes),
        *_refusals_of_matrix(rules),
        *_vetoes(rules),
    )


def missing_inputs() -> tuple[RefusalRule, ...]:
    """The rules that are asked first: whether there is what the others look at."""
    return (
        RefusalRule(
            "BAD_BAR",
            pl.col("bad_reason"),
            "none",
            pl.col("bad_reason").is_not_null(),
            pl.lit("a bar of the session that passes the quarantine"),
        ),
        RefusalRule(
            "NO_VIX",
            as_text("vix"),
            "known",
            is_missing("vix") | is_missing("iv_close"),
            pl.lit("a volatility index of the session or the one before"),
        ),
        RefusalRule(
            "NO_REGIME",
            pl.col("regime"),
            "known",
            pl.col("regime").is_null(),
            pl.lit("every input of the regime rules: the index, IV rank and HV/IV"),
        ),
        RefusalRule(
            "NO_PREDICTION",
            pl.col("direction"),
            "known",
            pl.col("direction").is_null() | is_missing("iv_rank_change_pred"),
            pl.lit("predictions of direction and volatility, after about two years of history"),
        ),
    )


def _refusals_of_matrix(rules: SelectionRules) -> tuple[RefusalRule, ...]:
    return (
        _low_confidence(rules),
        RefusalRule(
            "NO_EDGE",
            pl.col("wanted"),
            f"not {NONE}",
            pl.col("wanted") == NONE,
            _traded_directions(rules),
        ),
        RefusalRule(
            "IRON_CONDOR_DISABLED",
            pl.col("wanted"),
            "any" if rules.condors_allowed else f"not {CONDOR}",
            pl.lit(not rules.condors_allowed) & (pl.col("wanted") == CONDOR),
            pl.lit("iron_condor_enabled=true"),
        ),
    )


def _vetoes(rules: SelectionRules) -> tuple[RefusalRule, ...]:
    change = pl.col("iv_rank_change_pred")
    return (
        RefusalRule(
            "VOL_VETO_DEBIT",
            as_text("iv_rank_change_pred"),
            f"at least {rules.veto_debit_below:g} for a debit{_except_in(rules)}",
            (pl.col("kind") == "debit")
            & pl.col("regime").is_in(rules.veto_debit_regimes)
            & (change < rules.veto_debit_below),
            _needs_change("at least", rules.veto_debit_below),
        ),
        RefusalRule(
            "VOL_VETO_CREDIT",
            as_text("iv_rank_change_pred"),
            f"at most {rules.veto_credit_above:g} for a credit",
            (pl.col("kind") == "credit") & (change > rules.veto_credit_above),
            _needs_change("at most", rules.veto_credit_above),
        ),
    )


def _low_confidence(rules: SelectionRules) -> RefusalRule:
    """A direction in the neutral regime is traded only if the call is confident."""
    by_matrix, least = rules.strategy == BY_MATRIX, rules.min_probability
    refuses = _asked_confidence(rules) & ~is_confident(rules)
    if least is not None:
        threshold = f"at least {least:g} in the neutral regime" if by_matrix else "any"
        return RefusalRule("LOW_CONFIDENCE", as_text("p_max"), threshold, refuses)
    asked = f"in the {upper_part(rules.confident_share)} of {rules.fewest_calls} earlier calls or "
    threshold = f"{asked}more, in the neutral regime" if by_matrix else "any"
    earlier, least_rank = pl.col("earlier_calls").fill_null(0), 1.0 - rules.confident_share
    needs = (
        pl.when(earlier < rules.fewest_calls)
        .then(
            pl.format(
                f"{rules.fewest_calls} earlier directional calls of this model; {{}} are stored",
                earlier,
            )
        )
        .otherwise(
            pl.format(
                f"a rank of {least_rank:.4f} among {{}} earlier calls; it is {{}}",
                earlier,
                apart_from(pl.col("call_rank"), round(least_rank, 4), digits=4),
            )
        )
    )
    return RefusalRule("LOW_CONFIDENCE", as_text("call_rank"), threshold, refuses, needs)


def asks_for_confidence(rules: SelectionRules) -> pl.Expr:
    """Whether a row is traded only if its call is confident: a direction in the neutral regime."""
    is_directional = (pl.col("direction") != "neutral").fill_null(value=False)
    in_regime = (pl.col("regime") == "neutral").fill_null(value=False)
    return pl.lit(rules.strategy == BY_MATRIX) & in_regime & is_directional


def _asked_confidence(rules: SelectionRules) -> pl.Expr:
    """The same for rows with `votes`: what is traded instead of the matrix takes no call."""
    return asks_for_confidence(rules) & ~trades_otherwise(rules.votes)


def is_confident(rules: SelectionRules) -> pl.Expr:
    """Whether the call of a row counts as confident; false where its rank is not known.

    With `min_probability` the rows need `p_max`, otherwise `call_rank` and `earlier_calls`.
    """
    if rules.min_probability is not None:
        return (pl.col("p_max") >= rules.min_probability).fill_null(value=False)
    # Two thirds as a share of calls and as 1 - 1/3 differ in the last bit.
    bound = 1.0 - rules.confident_share - 1e-12
    is_sure = pl.col("call_rank").fill_nan(None).fill_null(-1.0) >= bound
    return is_sure & (pl.col("earlier_calls").fill_null(0) >= rules.fewest_calls)


def upper_part(share: float) -> str:
    """The upper `share` of something in words: upper third, upper 40%."""
    names = {2: "half", 3: "third", 4: "quarter", 5: "fifth", 10: "tenth"}
    parts = round(1.0 / share)
    if parts in names and abs(1.0 / parts - share) < 1e-6:
        return f"upper {names[parts]}"
    return f"upper {100.0 * share:g}%"


def _needs_change(wanted: str, bound: float) -> pl.Expr:
    forecast = apart_from(pl.col("iv_rank_change_pred"), bound, digits=3)
    return pl.format(
        "a forecast change of IV rank of {}, not {}", pl.lit(f"{wanted} {bound:g}"), forecast
    )


def _except_in(rules: SelectionRules) -> str:
    exempt = [regime for regime in REGIMES if regime not in rules.veto_debit_regimes]
    return f", except in {' and '.join(exempt)}" if exempt else ""


def _traded_directions(rules: SelectionRules) -> pl.Expr:
    """The predictions that the matrix trades in a row's regime, in words."""
    cells = pl.DataFrame(
        [(regime, direction, 0.0) for regime in REGIMES for direction in ORDER_OF_DIRECTIONS],
        schema=("regime", "direction", "iv_rank"),
        orient="row",
    )
    traded = cells.filter(wanted_strategy(rules) != NONE).group_by("regime").agg("direction")
    texts = {
        regime: f"a {' or '.join(directions)} prediction in {regime}"
        for regime, directions in traded.iter_rows()
    }
    return pl.col("regime").replace_strict(texts, default=None, return_dtype=pl.String)


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
    by_call = by_matrix(rules) if rules.strategy == BY_MATRIX else pl.lit(rules.strategy)
    if {*rules.directions} == {*ORDER_OF_DIRECTIONS}:
        return by_call
    return (
        pl.when(pl.col("direction").is_in(rules.directions)).then(by_call).otherwise(pl.lit(NONE))
    )


def by_matrix(rules: SelectionRules) -> pl.Expr:
    """What the matrix asks for: a name or none."""
    cheap = pl.col("iv_rank") < rules.debit_below_iv_rank
    chain: list[pl.Expr] = []
    for regime in REGIMES:
        for direction in ORDER_OF_DIRECTIONS:
            here = (pl.col("regime") == regime) & (pl.col("direction") == direction)
            if regime in MATRIX:
                chain.append(pl.when(here).then(pl.lit(MATRIX[regime][direction])))
            elif direction != "neutral":
                chain.append(pl.when(here & cheap).then(pl.lit(DEBIT[direction])))
                chain.append(pl.when(here).then(pl.lit(CREDIT[direction])))
    return pl.coalesce(*chain, pl.lit(NONE))
