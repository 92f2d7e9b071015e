"""`regime` and `trade_plan`: the market regime, and the trading decision of each session."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import dagster as dg
import polars as pl

from options_platform.common import KEY, PartitionRange
from options_platform.contracts import (
    EARNINGS_FORECAST,
    REGIME,
    REGIME_TRANSITIONS,
    TRADE_PLAN,
    VIX,
)
from options_platform.defs.shared.asset_options import MODEL_POLICY, asset_options, where_listed
from options_platform.defs.shared.context import answered_range, pictures, report_rows, result
from options_platform.domain.feature_engine.regime import compute_regime, regime_transitions
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.domain.planning.reasons import refusals_by_reason
from options_platform.reporting import figures
from options_platform.reporting.session.bars import bars_svg, svg_uri
from options_platform.services.earnings.trade_evidence import with_proven
from options_platform.services.market_data.family_inputs import companies, stored_report_features
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.stored_chains import stored_chains
from options_platform.services.planning.heavy_weeks import heavy_weeks
from options_platform.services.planning.later_plans import PlanFrames, make_plans
from options_platform.services.planning.plan_inputs import require_premium_features
from options_platform.settings import Settings

YEAR_DAYS = 365
PLAN_INPUTS = (
    "raw_ohlcv", "vix", "features", "direction_model", "volatility_model", "regime", "earnings"
)  # fmt: skip


def make_regime(settings: Settings) -> dg.AssetsDefinition:
    """The asset `regime`."""

    @dg.asset(
        **asset_options(
            REGIME,
            settings,
            group="decisions",
            kinds={"polars"},
            deps=["features", *(["earnings_features"] if companies(settings) else [])],
            policy=MODEL_POLICY,
        )
    )
    @where_listed(settings)
    def regime(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        features = platform.warehouse.read(
            FEATURES_TABLE, tickers=selected.tickers, end=selected.end
        )
        reports = stored_report_features(platform.warehouse, settings, selected)
        rows = compute_regime(features, settings.regime, reports)
        changes = regime_transitions(rows).filter(pl.col("date") >= selected.start)
        rows = rows.filter(pl.col("date") >= selected.start)
        platform.warehouse.write([(REGIME, rows), (REGIME_TRANSITIONS, changes)], scope=selected)
        shares = rows.group_by("regime").len().sort("regime")
        return result(
            context,
            rows,
            selected,
            {
                "sessions_by_regime": {str(name): count for name, count in shares.iter_rows()},
                "transitions": changes.height,
                **pictures(selected, regimes=_ribbon(platform, rows)),
            },
        )

    return regime


def make_trade_plan(settings: Settings, *, with_chains: bool = False) -> dg.AssetsDefinition:
    """The asset `trade_plan`; `with_chains` if the source provides chains, its inputs then."""
    # A session may have no `option_chain`; `iv_history` comes from the same step and always runs.
    chains = ["iv_history", "surface_error"] if with_chains else []
    # A home of funds alone has no forecasts of reports.
    if settings.earnings_trades.enabled and companies(settings):
        chains.append(EARNINGS_FORECAST.name)

    @dg.asset(
        **asset_options(
            TRADE_PLAN,
            settings,
            group="decisions",
            kinds={"polars"},
            deps=[*PLAN_INPUTS, *chains],
            policy=MODEL_POLICY,
        )
    )
    @where_listed(settings)
    def trade_plan(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        fitted = with_fits(settings, platform.warehouse)
        fitted = with_proven(fitted, platform.warehouse)
        if selected.start < selected.end:
            fitted.require_rule_sets()
        lost = fitted.lost_sets
        of_sets = [fitted.of_set(name).plan for name in fitted.traded_sets]
        require_premium_features(
            platform.warehouse,
            selected.tickers,
            selected.start,
            selected.end,
            [rules for rules in of_sets if rules.rule_set not in lost],
        )

        def build(inputs: pl.DataFrame, scope: PartitionRange) -> PlanFrames:
            chain_of = stored_chains(platform.chains, scope.tickers, scope.start, scope.end)
            plans, alternates = plans_of_sets(inputs, of_sets, chain_of, lost)
            return (*plans, *alternates)

        made = make_plans(platform.warehouse, selected, settings.earnings, build)
        platform.warehouse.write(made.frames, scope=made.scope)
        later = report_rows(context, TRADE_PLAN, made.later)
        plans = made.plans.filter(pl.col("date") <= selected.end)
        counts = refusals_by_reason(plans)
        return result(
            context,
            plans,
            selected,
            {
                "later_plans_made_anew": later,
                **({"lost_rule_sets": dict(lost)} if lost else {}),
                **_heavy_weeks(platform, selected),
                "trades": plans.filter(pl.col("decision") == "trade").height,
                "on_real_chains": plans.filter(pl.col("chain_source") == "real").height,
                "no_trades_by_reason": dict(counts.iter_rows()),
                **_refusals(platform, selected, settings.tickers),
            },
        )

    return trade_plan


def _heavy_weeks(platform: Platform, selected: PartitionRange) -> dict[str, str]:
    """What is said of index funds of the run whose companies report after its last session."""
    weeks = heavy_weeks(platform.settings, platform.warehouse, selected.end)
    words = " ".join(weeks[ticker] for ticker in selected.tickers if ticker in weeks)
    return {"heavy_week": words} if words else {}


def _refusals(
    platform: Platform, selected: PartitionRange, tickers: Sequence[str]
) -> dict[str, dg.MetadataValue]:
    """Refusals by reason as a picture: of the run's sessions, at least of the last year."""
    start = min(selected.start, selected.end - timedelta(days=YEAR_DAYS))
    plans = platform.warehouse.read(
        TRADE_PLAN,
        columns=[*KEY, "rule_set", "decision", "reasons"],
        tickers=tickers,
        start=start,
        end=selected.end,
    )
    counts = list(refusals_by_reason(plans).iter_rows())
    if not counts:
        return {}
    title = f"Plans refused by reason, {plans['date'].min()!s} to {selected.end}"
    picture = svg_uri(bars_svg(counts, title))
    return {"refusals": dg.MetadataValue.md(f"![refusals]({picture})")}


def _ribbon(platform: Platform, regime: pl.DataFrame) -> Callable[[], bytes] | None:
    classified = regime.filter(pl.col("regime").is_not_null())
    if classified.is_empty():
        return None
    return lambda: figures.regime_ribbon(
        classified, platform.warehouse.read(VIX, columns=[*KEY, "vix"])
    )
