"""`earnings_events` and `earnings_forecast`: what reports did, and what the next one may do.

A home of index funds alone has neither asset. Both read other tickers (SPY, and the reports of the
whole pool), so they have the backfill policy of the models.
"""

from typing import Any

import dagster as dg
import polars as pl

from options_platform.adapters.tracking.model_store import ModelStore
from options_platform.contracts import EARNINGS_EVENTS, EARNINGS_FORECAST
from options_platform.defs.models.mlflow_run import MlflowRun
from options_platform.defs.models.study import markdown_table
from options_platform.defs.shared.all_tickers import all_tickers
from options_platform.defs.shared.asset_options import (
    MODEL_POLICY,
    asset_options,
    where_listed,
)
from options_platform.defs.shared.context import answered_range, report_earlier_rows, result
from options_platform.models.earnings_moves.gamma import NAME
from options_platform.models.earnings_moves.scores import SCORES
from options_platform.services.earnings.events import update_events
from options_platform.services.earnings.forecasts import update_forecasts
from options_platform.services.earnings.scores import forecast_scores
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

READ = ("raw_ohlcv", "vix", "earnings")


def make_earnings_moves(
    settings: Settings, *, with_chains: bool = False
) -> list[dg.AssetsDefinition]:
    """Both assets; `with_chains` if the source provides chains, their inputs then."""
    # A session may have no `option_chain`; `iv_history` comes from the same step and always runs.
    deps = [*READ, *(["iv_history"] if with_chains else [])]
    return [_make_events(settings, deps), _make_forecast(settings, deps)]


def _make_events(settings: Settings, deps: list[str]) -> dg.AssetsDefinition:
    @dg.asset(
        **asset_options(
            EARNINGS_EVENTS,
            settings,
            group="earnings",
            kinds={"polars"},
            deps=[all_tickers(name) for name in deps],
            policy=MODEL_POLICY,
        )
    )
    @where_listed(settings)
    def earnings_events(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        update = update_events(platform, selected)
        report_earlier_rows(context, EARNINGS_EVENTS, update.earlier, selected.start)
        extra: dict[str, Any] = {"earlier_rows_written": update.earlier.height}
        if update.rows.height:
            extra["newest"] = dg.MetadataValue.md(
                markdown_table(
                    update.rows.tail(10),
                    ("date", "ticker", "move", "iv_crush", "implied_move", "suspicious"),
                )
            )
        return result(context, update.rows, selected, extra)

    return earnings_events


def _make_forecast(settings: Settings, deps: list[str]) -> dg.AssetsDefinition:
    @dg.asset(
        **asset_options(
            EARNINGS_FORECAST,
            settings,
            group="earnings",
            kinds={"scikit-learn", "mlflow"},
            deps=[EARNINGS_EVENTS.name, *(all_tickers(name) for name in deps)],
            policy=MODEL_POLICY,
        )
    )
    @where_listed(settings)
    def earnings_forecast(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        mlflow: dg.ResourceParam[MlflowRun],
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        store = ModelStore(settings.home, platform.warehouse, mlflow.run_id, mlflow.tags)
        rows = update_forecasts(platform, selected, store)
        extra: dict[str, Any] = {}
        if rows.height:
            scores = forecast_scores(platform.warehouse, settings.tickers, selected.end)
            extra = {"scores": dg.MetadataValue.md(markdown_table(scores, scores.columns))}
            store.log_walk(NAME, scores=_metrics(scores), tags={"target": NAME}, plots={})
        return result(context, rows, selected, {**extra, **mlflow.metadata()})

    return earnings_forecast


def _metrics(scores: pl.DataFrame) -> dict[str, float]:
    """The scores of each forecast by name, for MLflow."""
    numbers = [name for name, dtype in SCORES.items() if dtype == pl.Float64]
    return {
        f"{row['forecast']}/{name}": row[name]
        for row in scores.iter_rows(named=True)
        for name in numbers
        if row[name] is not None
    }
