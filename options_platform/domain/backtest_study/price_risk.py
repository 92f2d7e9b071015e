"""What a backtest is worth if the prices that it rests on are wrong.

Synthetic prices come from a surface whose error is about a vol point. So the rules, and baselines
that sell options, are run anew with the implied volatility of every strike moved: entries, sizes,
marks, stops and exits all follow. The shift is of the surface's result, so that the wings move as
much as the middle; quoted indices stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import polars as pl

from options_platform.contracts import BACKTEST_PRICE_RISK
from options_platform.contracts.backtest import OF_RUN
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.baseline_registry import BASELINES, BaselineComparison
from options_platform.domain.backtest_study.error_band import (
    HIGHER,
    LOWER,
    mean_error,
    ticker_errors,
)
from options_platform.domain.backtest_study.scorecard import MODEL, curves_of, scorecard
from options_platform.domain.backtest_study.variants import Variant, run_variants, vary
from options_platform.domain.chain.learned import moved_by_ticker
from options_platform.domain.planning.plan import PlanRules

AS_MEASURED = "as_measured"
BESIDE = ("always_bull_put", "always_iron_condor", "put_write")
"""The baselines that are run anew with the model."""
LARGE_CHANGE = 0.2
SURFACE = "plan.chain.surface"


@dataclass(frozen=True)
class Scenario:
    """The volatility of every strike times `iv_scale`, plus `iv_points` vol points.

    With `by_ticker` each ticker has its own points, and `iv_points` is the mean of the trades.
    """

    iv_points: float = 0.0
    iv_scale: float = 1.0
    by_ticker: Mapping[str, float] | None = None


SCENARIOS = {
    AS_MEASURED: Scenario(),
    "iv_minus_1pt": Scenario(iv_points=-1.0),
    "iv_minus_8pct": Scenario(iv_scale=0.92),
}
"""The surface as calibrated, one vol point lower, and 8% lower."""
SCENARIO_NAMES = (*SCENARIOS, LOWER, HIGHER)
"""Those of a run whose error is measured."""


def with_scenario(comparison: BaselineComparison, scenario: Scenario) -> BaselineComparison:
    """The comparison with the volatilities of its plans and of its market moved by a scenario."""
    moved = under_scenario(comparison.plan, comparison.rules, scenario)
    return replace(comparison, plan=moved.plan, rules=moved.rules)


def under_scenario(plan: PlanRules, rules: BacktestRules, scenario: Scenario) -> Variant:
    """The rules with the volatilities of plans and of the market moved by a scenario."""
    surface = plan.chain.surface
    points = surface.iv_points * scenario.iv_scale
    scaled = replace(surface, iv_points=points, iv_scale=surface.iv_scale * scenario.iv_scale)
    if scenario.by_ticker is None:
        shifted = replace(scaled, iv_points=points + scenario.iv_points)
    else:
        shifted = moved_by_ticker(scaled, scenario.by_ticker)
    (moved,) = vary(plan, rules, {SURFACE: [shifted]})
    return moved


def scenarios(errors: pl.DataFrame, tickers: Sequence[str]) -> dict[str, Scenario]:
    """`SCENARIOS`, and the measured error of each ticker's surface down and up.

    `errors` are rows of `OWN_ERRORS`; without a mean error these two are left out.
    """
    points, mean = ticker_errors(errors, tickers), mean_error(errors)
    if points is None or mean is None:
        return SCENARIOS
    return SCENARIOS | {
        name: Scenario(sign * mean, by_ticker={t: sign * own for t, own in points.items()})
        for name, sign in ((LOWER, -1.0), (HIGHER, 1.0))
    }


def scenario_runs(
    errors: pl.DataFrame, tickers: Sequence[str]
) -> list[Callable[[BaselineComparison], pl.DataFrame]]:
    """What gives the rows of each scenario but `AS_MEASURED`; each may run in another process.

    `errors` are the surface's measured errors at the strikes and tenors of the trades, rows of
    `OWN_ERRORS`.
    """
    return [
        partial(scenario_rows, name=name, scenario=scenario)
        for name, scenario in scenarios(errors, tickers).items()
        if name != AS_MEASURED
    ]


def measured_rows(comparison: BaselineComparison, scores: pl.DataFrame) -> pl.DataFrame:
    """The rows of `AS_MEASURED`, from rows of `backtest_scores` of the run as configured.

    Like those of the scenarios rows of `backtest_price_risk` without `OF_RUN`.
    """
    shown = pl.col("name").is_in([MODEL, *BESIDE])
    of_fill = pl.col("fill_model") == comparison.rules.fills.model
    return _rows(scores.filter(of_fill & shown), AS_MEASURED, SCENARIOS[AS_MEASURED])


def scenario_rows(comparison: BaselineComparison, name: str, scenario: Scenario) -> pl.DataFrame:
    """The rows of one scenario: the model and `BESIDE` run anew at its prices."""
    fill = comparison.rules.fills.model
    moved = with_scenario(comparison, scenario)
    curves = curves_of({fill: _model(moved)}, _baselines(moved), {}, fill)
    return _rows(scorecard(curves, moved.market), name, scenario)


def rests_on_surface(rows: pl.DataFrame) -> pl.DataFrame:
    """Whether each result holds only at the surface's own prices.

    It rests on the surface if its Sharpe ratio changes by more than `LARGE_CHANGE`, or if its
    interval excludes zero as measured, and in some scenario does not.

    Returns:
        name, sharpe, one column of the Sharpe ratio a scenario, and rests_on_surface.
    """
    wide = rows.pivot("scenario", index="name", values=["sharpe", "sharpe_low", "sharpe_high"])
    moved = [name for name in SCENARIOS if name != AS_MEASURED]

    def clear(scenario: str) -> pl.Expr:
        low, high = (pl.col(f"sharpe_{end}_{scenario}") for end in ("low", "high"))
        return ((low > 0) | (high < 0)).fill_null(value=False)

    base = pl.col(f"sharpe_{AS_MEASURED}")
    changes = [(pl.col(f"sharpe_{name}") - base).abs() > LARGE_CHANGE for name in moved]
    unclear = [clear(AS_MEASURED) & ~clear(name) for name in moved]
    rests = pl.any_horizontal(*changes, *unclear).fill_null(value=True)
    shown = [pl.col(f"sharpe_{name}").alias(name) for name in moved]
    return wide.select("name", base.alias("sharpe"), *shown, rests_on_surface=rests)


def sentence(row: dict[str, object]) -> str:
    """One row of :func:`rests_on_surface` in words."""
    others = ", ".join(
        f"{_two(row[name])} {words}"
        for name, words in (
            ("iv_minus_1pt", "with one vol point less"),
            ("iv_minus_8pct", "with 8% less"),
        )
    )
    verdict = "; rests on the surface" if row["rests_on_surface"] else ""
    return f"{row['name']}: Sharpe {_two(row['sharpe'])} ({others}){verdict}"


def _model(comparison: BaselineComparison) -> BacktestResult:
    variants = vary(comparison.plan, comparison.rules, {})
    ((_, result),) = run_variants(variants, comparison.inputs, comparison.market)
    return result


def _baselines(comparison: BaselineComparison) -> dict[str, dict[str, BacktestResult]]:
    return {name: BASELINES[name].run(comparison) for name in BESIDE}


def _rows(scores: pl.DataFrame, name: str, scenario: Scenario) -> pl.DataFrame:
    columns = [name for name in BACKTEST_PRICE_RISK.schema.names() if name not in OF_RUN]
    return scores.with_columns(
        scenario=pl.lit(name),
        iv_points=pl.lit(scenario.iv_points),
        iv_scale=pl.lit(scenario.iv_scale),
    ).select(columns)


def _two(value: object) -> str:
    return f"{value:.2f}" if isinstance(value, float) else "undefined"
