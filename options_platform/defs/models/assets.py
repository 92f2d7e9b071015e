"""`direction_model` and `volatility_model`: walk-forward predictions, one fold per month.

A run also predicts the direction of earlier sessions without a stored prediction, since a plan
ranks a call among all calls of earlier months.
"""

from collections.abc import Callable

import dagster as dg
import polars as pl

from options_platform.adapters.tracking.model_registry import ModelRegistry
from options_platform.adapters.tracking.model_store import ModelStore
from options_platform.common import KEY, PartitionRange
from options_platform.contracts import (
    DIRECTION_MODEL,
    LABELS,
    MODEL_PREDICTIONS,
    MODEL_SCORES,
    VOLATILITY_MODEL,
    Table,
)
from options_platform.defs.models.mlflow_run import MlflowRun
from options_platform.defs.models.study import stored_study, study_backfill
from options_platform.defs.shared.all_tickers import all_tickers
from options_platform.defs.shared.asset_options import (
    MODEL_POLICY,
    asset_options,
    where_listed,
)
from options_platform.defs.shared.context import (
    answered_range,
    report_earlier_rows,
    report_rows,
    result,
)
from options_platform.domain.features.table import EARNINGS_FEATURES_TABLE, FEATURES_TABLE
from options_platform.models.dataset import input_table
from options_platform.models.direction import predict_direction
from options_platform.models.evaluation import summary
from options_platform.models.promotion import blend_of
from options_platform.models.stock_rows import StockRows
from options_platform.models.study.model_study import SHIPPED
from options_platform.models.volatility import predict_volatility
from options_platform.reporting.model_notes import registered_note, version_note
from options_platform.services.market_data.family_inputs import companies, stock_rows
from options_platform.services.market_data.listing import listed_pool
from options_platform.services.market_data.platform import Platform
from options_platform.services.planning.ranked_calls import outdated_plans, unpredicted
from options_platform.settings import Settings

SUMMARY = {
    "direction": ("auc_macro", "log_loss", "accuracy"),
    "iv_rank": ("rmse", "mae", "change_sign"),
}
EXAMPLE_ROWS = 3
Predict = Callable[..., tuple[pl.DataFrame, pl.DataFrame]]


def make_direction_model(settings: Settings) -> dg.AssetsDefinition:
    """The asset `direction_model`."""
    return _make_model(settings, DIRECTION_MODEL, "direction", predict_direction)


def make_volatility_model(settings: Settings) -> dg.AssetsDefinition:
    """The asset `volatility_model`."""
    return _make_model(settings, VOLATILITY_MODEL, "iv_rank", predict_volatility)


def _make_model(
    settings: Settings, table: Table, target: str, predict: Predict
) -> dg.AssetsDefinition:
    @dg.asset(
        **asset_options(
            table,
            settings,
            group="models",
            kinds={"xgboost", "mlflow"},
            deps=[all_tickers(name) for name in _inputs(settings, target)],
            policy=MODEL_POLICY,
        )
    )
    @where_listed(settings)
    def model(
        context: dg.AssetExecutionContext,
        platform: dg.ResourceParam[Platform],
        mlflow: dg.ResourceParam[MlflowRun],
    ) -> dg.MaterializeResult:
        selected = answered_range(context, settings)
        warehouse = platform.warehouse
        store = ModelStore(settings.home, warehouse, mlflow.run_id, mlflow.tags)
        registry = ModelRegistry(settings.home, warehouse)
        champion = registry.champion(target)
        earlier = _to_predict_before(platform, selected, table)
        stocks = stock_rows(warehouse, settings, target, selected.end)
        shipped, all_models = predict(
            warehouse.read(FEATURES_TABLE, tickers=settings.tickers, end=selected.end),
            warehouse.read(LABELS, tickers=settings.tickers, end=selected.end),
            start=min([selected.start, *earlier["date"]]),
            end=selected.end,
            tickers=selected.tickers,
            pool=listed_pool(warehouse, settings.tickers, selected.end),
            store=store,
            baselines=wanted_baselines(selected, settings),
            n_jobs=settings.workers,
            progress=platform.progress,
            champion=blend_of(target, champion),
            stocks=stocks,
        )
        shipped, all_models = (_within(frame, selected, earlier) for frame in (shipped, all_models))
        warehouse.write([(table, shipped), (MODEL_PREDICTIONS, all_models)])
        report_earlier_rows(context, table, shipped, selected.start)
        if table is DIRECTION_MODEL:
            # A plan made with ranks that are no longer these is stale.
            outdated = outdated_plans(warehouse, selected.tickers, selected.end)
            report_rows(context, table, outdated)
        is_backfill = selected.start < selected.end
        if is_backfill:
            study_backfill(platform, target, selected, store, champion, mlflow)
        # A daily run without training need not import MLflow, which is slow.
        if is_backfill or store.has_trained(SHIPPED[target]):
            _publish(registry, target, shipped, store, settings, stocks)
        study = stored_study(platform, target, selected.end, champion)
        scores = warehouse.read(MODEL_SCORES).filter(target=target)
        return result(
            context,
            shipped,
            selected,
            {"folds": shipped["fold"].n_unique(), **mlflow.metadata(), **study},
            summary=summary(scores, SHIPPED[target], SUMMARY[target]),
        )

    return model


def _inputs(settings: Settings, target: str) -> tuple[str, ...]:
    """The assets that a model reads; that of the rank also whether a report lies ahead."""
    reports = target == "iv_rank" and bool(companies(settings))
    return ("features", "labels", *([EARNINGS_FEATURES_TABLE.name] if reports else []))


def _publish(
    registry: ModelRegistry,
    target: str,
    shipped: pl.DataFrame,
    store: ModelStore,
    settings: Settings,
    stocks: StockRows,
) -> None:
    """Make the model of the newest session a version in MLflow's registry, and describe it."""
    warehouse = registry.warehouse
    last = max(shipped["date"])
    scope = {"tickers": settings.tickers, "start": last, "end": last}
    newest = input_table(
        warehouse.read(FEATURES_TABLE, **scope), warehouse.read(LABELS, **scope), stocks
    )
    published = registry.publish(target, shipped, store=store, example=newest.head(EXAMPLE_ROWS))
    if published is not None:
        scores = warehouse.read(MODEL_SCORES).filter(target=target)
        registry.describe(
            target,
            published.number,
            model=registered_note(target),
            version=version_note(
                scores,
                target,
                SHIPPED[target],
                variant=published.variant,
                fold=published.fold,
            ),
        )


def _to_predict_before(platform: Platform, selected: PartitionRange, table: Table) -> pl.DataFrame:
    """date and ticker of the sessions before the run's range that it has to predict as well."""
    rows = unpredicted(platform.warehouse, selected.tickers, selected.start)
    return rows if table is DIRECTION_MODEL else rows.clear()


def _within(
    predictions: pl.DataFrame, selected: PartitionRange, earlier: pl.DataFrame
) -> pl.DataFrame:
    """The rows of the run's range and of the `earlier` sessions."""
    before = predictions.filter(pl.col("date") < selected.start)
    return pl.concat(
        [
            before.join(earlier, on=KEY, how="semi", maintain_order="left"),
            predictions.filter(pl.col("date") >= selected.start),
        ]
    )


def wanted_baselines(selected: PartitionRange, settings: Settings) -> tuple[str, ...]:
    """The baselines to train: the settings' in a backfill, none in a daily run."""
    is_daily: bool = selected.start == selected.end
    return () if is_daily else settings.baselines
