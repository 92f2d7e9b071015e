"""`direction_model` and `volatility_model`: walk-forward predictions, one fold per month."""

from collections.abc import Callable

import dagster as dg
import polars as pl

from options_platform.adapters.tracking.model_registry import ModelRegistry
from options_platform.adapters.tracking.model_store import ModelStore
from options_platform.common import PartitionRange
from options_platform.contracts import (
    DIRECTION_MODEL,
    LABELS,
    MODEL_PREDICTIONS,
    MODEL_SCORES,
    VOLATILITY_MODEL,
    Table,
)
from options_platform.defs.models.study import stored_study, study_backfill
from options_platform.defs.shared.asset_options import (
    MODEL_POLICY,
    all_tickers,
    asset_options,
    where_listed,
)
from options_platform.defs.shared.context import result, selected_range
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.models.dataset import model_inputs
from options_platform.models.direction import predict_direction
from options_platform.models.evaluation import summary
from options_platform.models.promotion import blend_of
from options_platform.models.study.model_study import SHIPPED
from options_platform.models.volatility import predict_volatility
from options_platform.services.market_data.listing import listed_pool
from options_platform.services.market_data.platform import Platform
from options_platform.settings import Settings

SUMMARY = {
    "direction": ("auc_macro", "log_loss", "accuracy"),
    "iv_rank": ("rmse", "mae", "change_sign"),
}
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
            deps=[all_tickers("features"), all_tickers("labels")],
            policy=MODEL_POLICY,
        )
    )
    @where_listed(settings)
    def model(
        context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> dg.MaterializeResult:
        selected = selected_range(context, settings)
        warehouse = platform.warehouse
        store = ModelStore(settings.home, warehouse)
        registry = ModelRegistry(settings.home, warehouse)
        champion = registry.champion(target)
        shipped, all_models = predict(
            warehouse.read(FEATURES_TABLE, tickers=settings.tickers, end=selected.end),
            warehouse.read(LABELS, tickers=settings.tickers, end=selected.end),
            start=selected.start,
            end=selected.end,
            tickers=selected.tickers,
            pool=listed_pool(warehouse, settings.tickers, selected.end),
            store=store,
            baselines=wanted_baselines(selected, settings),
            n_jobs=settings.workers,
            progress=platform.progress,
            champion=blend_of(target, champion),
        )
        warehouse.write([(table, shipped), (MODEL_PREDICTIONS, all_models)])
        is_backfill = selected.start < selected.end
        if is_backfill:
            study_backfill(platform, target, selected, store, champion, context.run.run_id)
        # A daily run without training need not import MLflow, which is slow.
        if is_backfill or store.has_trained(SHIPPED[target]):
            registry.publish(target, shipped, store=store, inputs=model_inputs())
        study = stored_study(platform, target, selected.end, champion)
        scores = warehouse.read(MODEL_SCORES).filter(target=target)
        return result(
            context,
            shipped,
            selected,
            {"folds": shipped["fold"].n_unique(), **study},
            summary=summary(scores, SHIPPED[target], SUMMARY[target]),
        )

    return model


def wanted_baselines(selected: PartitionRange, settings: Settings) -> tuple[str, ...]:
    """The baselines to train: the settings' in a backfill, none in a daily run."""
    is_daily: bool = selected.start == selected.end
    return () if is_daily else settings.baselines
