"""The study of a backfill's models: score tables, an MLflow run, and metadata in the UI."""

from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from options_platform.adapters.tracking.model_store import ModelStore
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.common import PartitionRange
from options_platform.contracts import (
    LABELS,
    MODEL_IMPORTANCE,
    MODEL_PREDICTIONS,
    MODEL_SCORES,
    VOLATILITY_MODEL,
)
from options_platform.defs.models.mlflow_run import MlflowRun
from options_platform.defs.models.tracked_study import track
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.formats import cell
from options_platform.models.evaluation import calibration_curve
from options_platform.models.evaluation.scores import REACTIONS
from options_platform.models.selection.importance import overall_importance
from options_platform.models.study.backfill_trials import backfill_trials
from options_platform.models.study.model_study import SHIPPED, Tables, study
from options_platform.services.market_data.family_inputs import stock_rows
from options_platform.services.market_data.listing import listed_pool
from options_platform.services.market_data.platform import Platform

SHOWN_METRICS = (
    "auc_macro",
    "auc_bull_vs_bear",
    "log_loss",
    "accuracy_top",
    "rmse",
    "mae",
    "change_sign",
    "qlike",
    "shift_brier",
)
SHOWN_INPUTS = 15


def study_backfill(
    platform: Platform,
    target: str,
    selected: PartitionRange,
    store: ModelStore,
    champion: str,
    mlflow: MlflowRun,
) -> None:
    """Score the models of a backfill; store scores, importance and trials, and log to MLflow."""
    warehouse, tickers = platform.warehouse, platform.settings.tickers
    rows: dict[str, Any] = {"tickers": tickers, "end": selected.end}
    tables = Tables(
        warehouse.read(FEATURES_TABLE, **rows),
        warehouse.read(LABELS, **rows),
        warehouse.read(MODEL_PREDICTIONS, **rows).filter(pl.col("target") == target),
        warehouse.read(VOLATILITY_MODEL, **rows),
    )
    result = study(
        target,
        tables,
        pool=listed_pool(warehouse, tickers, selected.end),
        start=selected.start,
        end=selected.end,
        store=store,
        champion=champion,
        stocks=stock_rows(warehouse, platform.settings, target, selected.end),
    )
    if result.scores.is_empty():
        return
    warehouse.write([(MODEL_SCORES, result.scores)])
    if result.importance.height:
        warehouse.write([(MODEL_IMPORTANCE, result.importance)])
    TrialLog(platform.settings.home, warehouse).record_all(
        backfill_trials(
            target,
            tables.predictions,
            tables.labels,
            champion=champion,
            data_hash=result.data_hash,
            tickers=selected.tickers,
            start=selected.start,
            end=selected.end,
            tried_at=platform.now(),
        )
    )
    track(store, mlflow, target, tables, result, selected=selected, champion=champion)


def stored_study(platform: Platform, target: str, end: date, champion: str) -> dict[str, Any]:
    """Scores, importance and calibration of the last backfill as metadata; empty without one."""
    warehouse = platform.warehouse
    scores = warehouse.read(MODEL_SCORES).filter(target=target)
    if scores.is_empty():
        return {}
    sections = {"variant": champion, **_scores(target, scores)}
    importance = warehouse.read(MODEL_IMPORTANCE).filter(target=target)
    if importance.height:
        top = overall_importance(importance).head(SHOWN_INPUTS)
        sections["importance"] = dg.MetadataValue.md(markdown_table(top, top.columns))
    if target == "direction":
        rows: dict[str, Any] = {"tickers": platform.settings.tickers, "end": end}
        curve = calibration_curve(
            warehouse.read(MODEL_PREDICTIONS, **rows).filter(model=SHIPPED[target]),
            warehouse.read(LABELS, **rows).filter(pl.col("known_on") <= end),
        ).drop("model")
        sections["calibration"] = dg.MetadataValue.md(markdown_table(curve, curve.columns))
    return sections


def _by_reaction(shipped: pl.DataFrame) -> dict[str, Any]:
    """The scores of stocks with and without a reaction ahead; nothing in a home of funds."""
    rows = shipped.filter(pl.col("period").is_in([*REACTIONS.values()]))
    return {"by_reaction": markdown(rows, ("period", "metric"))} if rows.height else {}


def _scores(target: str, scores: pl.DataFrame) -> dict[str, Any]:
    shown = scores.filter((pl.col("ticker") == "ALL") & pl.col("metric").is_in(SHOWN_METRICS))
    shipped = shown.filter(pl.col("model") == SHIPPED[target])
    return {
        "scores": markdown(shown.filter(pl.col("period") == "all"), ("model", "metric")),
        "by_year": markdown(
            shipped.filter(pl.col("period").str.len_chars() == 4), ("period", "metric")
        ),
        "by_regime": markdown(
            shipped.filter(pl.col("period").str.starts_with("regime ")), ("period", "metric")
        ),
        **_by_reaction(shipped),
        "by_age": markdown(
            shipped.filter(pl.col("period").str.starts_with("sessions ")), ("period", "metric")
        ),
    }


def markdown(scores: pl.DataFrame, keys: tuple[str, ...]) -> dg.MarkdownMetadataValue:
    """Scores as a Markdown table: keys, value, interval, naive baseline, rows."""
    return dg.MetadataValue.md(
        markdown_table(scores, (*keys, "value", "low", "high", "baseline", "n"))
    )


def markdown_table(frame: pl.DataFrame, names: Any) -> str:
    """Rows as a Markdown table of the named columns."""
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [
        " | ".join(cell(value, name, digits=4) for name, value in row.items())
        for row in frame.select(names).iter_rows(named=True)
    ]
    return "\n".join(lines)
