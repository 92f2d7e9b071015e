"""Blocking checks of the two model assets: they stop trading on an unsound model.

They judge the whole stored walk-forward up to the run's end, however few rows the run wrote. A
score that is too good to be true blocks every run. The other checks block runs of a single
session, which trade, and warn in a backfill, so that history can be computed for any model.
"""

from collections.abc import Iterator
from datetime import date, timedelta

import dagster as dg
import polars as pl

from options_platform.contracts import (
    DIRECTION_MODEL,
    LABELS,
    MODEL_FOLDS,
    MODEL_PREDICTIONS,
    RAW_OHLCV,
    VOLATILITY_MODEL,
    Table,
)
from options_platform.defs.shared.context import run_range
from options_platform.domain.features.registry import feature_version
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.models.dataset import make_dataset
from options_platform.models.monitoring.alarms import direction_alarms, volatility_alarms
from options_platform.models.monitoring.health import (
    HealthFinding,
    fold_losses,
    fresh,
    kept_skill,
    no_drift,
    not_too_good,
    same_features,
)
from options_platform.services.market_data.listing import listed_pool
from options_platform.services.market_data.platform import Platform
from options_platform.services.market_data.session_bounds import newest_date
from options_platform.settings import Settings

DESCRIPTIONS = {
    "too_good": "No out-of-sample score is too good to be true.",
    "skill": "The model's mean loss of the last 24 months is below the naive forecast's.",
    "fresh": "The newest predictions come from a model trained just before their month.",
    "features_same": "Training and prediction use the same declaration of the features.",
    "features_drift": "The newest inputs are distributed like the training data.",
}
ALWAYS_BLOCKING = frozenset({"too_good"})
SKILL_HISTORY = timedelta(days=3 * 366)
"""History to read for the newest 24 months, with a margin for the month at its edge."""
NAIVE = {"direction": "prior", "iv_rank": "persistence"}


def make_model_checks(settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The checks of `direction_model` and `volatility_model`."""
    return [
        _checks_of(DIRECTION_MODEL, "direction", settings),
        _checks_of(VOLATILITY_MODEL, "iv_rank", settings),
    ]


def _checks_of(table: Table, target: str, settings: Settings) -> dg.AssetChecksDefinition:
    @dg.multi_asset_check(
        name=f"{table.name}_health",
        specs=[
            dg.AssetCheckSpec(name, asset=table.name, description=text, blocking=True)
            for name, text in DESCRIPTIONS.items()
        ],
    )
    def checks(
        context: dg.AssetCheckExecutionContext, platform: dg.ResourceParam[Platform]
    ) -> Iterator[dg.AssetCheckResult]:
        selected = run_range(context, settings)
        end = selected.end if selected else newest_date(settings, platform.now())
        backfill = selected is not None and selected.start != selected.end
        for name, verdict in judge(platform, table, target, end).items():
            warns = backfill and name not in ALWAYS_BLOCKING
            yield dg.AssetCheckResult(
                asset_key=table.name,
                check_name=name,
                passed=verdict.passed,
                severity=dg.AssetCheckSeverity.WARN if warns else dg.AssetCheckSeverity.ERROR,
                description=verdict.description,
                metadata=dict(verdict.figures),
            )

    return checks


def judge(platform: Platform, table: Table, target: str, end: date) -> dict[str, HealthFinding]:
    """The verdict by check name, on the rows up to `end` or the newest stored row."""
    warehouse, tickers = platform.warehouse, platform.settings.tickers
    rows = warehouse.read(table, tickers=tickers, end=end)
    end = min([end, *rows["date"].tail(1)])
    labels = warehouse.read(LABELS, tickers=tickers, end=end)
    known_labels = labels.filter(pl.col("known_on") <= end)
    recent = warehouse.read(MODEL_PREDICTIONS, tickers=tickers, start=end - SKILL_HISTORY, end=end)
    shipped = table.name.removesuffix("_model")
    alarms = direction_alarms if target == "direction" else volatility_alarms
    verdicts = {
        "too_good": not_too_good(alarms(rows, known_labels)),
        "skill": kept_skill(fold_losses(recent, known_labels, target), shipped, NAIVE[target]),
        "fresh": fresh(rows, warehouse.read(MODEL_FOLDS)),
    }
    features = warehouse.read(FEATURES_TABLE, tickers=tickers, end=end)
    versions = features["feature_version"].unique().to_list()
    verdicts["features_same"] = same_features(versions, feature_version())
    pool = listed_pool(warehouse, tickers, end)
    data = make_dataset(features, labels, pool=pool, end=end)
    # A ticker without a good bar today does not trade; its drift must not block the others.
    bars = warehouse.read(
        RAW_OHLCV, columns=["ticker", "bad_reason"], tickers=pool, start=end, end=end
    )
    traded = bars.filter(pl.col("bad_reason").is_null())["ticker"].to_list()
    verdicts["features_drift"] = no_drift(data.of_tickers(traded))
    return verdicts
