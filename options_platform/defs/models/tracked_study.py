"""What MLflow shows of a backfill's study: scores by fold and year, plots and descriptions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import polars as pl

from options_platform.adapters.tracking.first_page import run_page
from options_platform.adapters.tracking.model_store import ModelStore
from options_platform.adapters.tracking.run_details import StepScore
from options_platform.common import PartitionRange
from options_platform.defs.models.mlflow_run import MlflowRun
from options_platform.models.evaluation import ALL
from options_platform.models.fold_records import DataRange
from options_platform.models.selection.importance import overall_importance
from options_platform.models.study.fold_scores import fold_scores
from options_platform.models.study.model_study import NAIVE, SHIPPED, Study, Tables
from options_platform.reporting import figures
from options_platform.reporting.model_notes import SHOWN, walk_note

BY_YEAR = {
    "direction": ("log_loss", "auc_macro", "accuracy"),
    "iv_rank": ("rmse", "mae", "change_sign"),
}
"""Scores that are logged for each year, too."""
SHOWN_PLOTS = ("skill.png", "calibration.png")
"""Plots in the description of a run; the others are among its artifacts."""


def track(
    store: ModelStore,
    mlflow: MlflowRun,
    target: str,
    tables: Tables,
    result: Study,
    *,
    selected: PartitionRange,
    champion: str,
) -> None:
    """Log a study in the runs of the backfill and of the Dagster run, if a fold was trained."""
    model = SHIPPED[target]
    run = store.run_of(model)
    if run is None:
        return
    known_labels = tables.labels.filter(pl.col("known_on") <= selected.end)
    months = fold_scores(
        tables.predictions, known_labels, target=target, model=model, naive=NAIVE[target]
    )
    if months.is_empty():
        return
    first, last = months["fold"].to_list()[0], months["fold"].to_list()[-1]
    plots = _plots(result, months, model)
    page = run_page(*run)
    note = walk_note(
        result.scores,
        target,
        model,
        variant=champion,
        months=(first, last),
        images={
            name: f"get-artifact?path={name}&run_uuid={run[1]}"
            for name in plots
            if name in SHOWN_PLOTS
        },
        links={
            "all scores, parameters and folds": page,
            "scores by month and year": page.replace("?", "/model-metrics?"),
            "registered model": f"#/models/{target}",
            "Dagster run": mlflow.dagster_page,
        },
    )
    by_month = list(_by_month(months))
    evaluated = _scored_rows(tables.predictions.filter(model=model), result, months)
    store.log_walk(
        model,
        scores=_headline(result.scores, model),
        steps=[*by_month, *_by_year(result.scores, target)],
        tags={"variant": champion},
        plots=plots,
        evaluated=evaluated,
        note=str(note),
    )
    mlflow.show(
        target,
        note=note,
        scores=_headline(result.scores, model, SHOWN[target]),
        steps=[each for each in by_month if each.name.startswith("fold/skill")],
        params={
            "champion": champion,
            "first month": months["fold"].first(),
            "rows": evaluated.rows,
        },
        evaluated=evaluated,
    )


def _scored_rows(predictions: pl.DataFrame, result: Study, months: pl.DataFrame) -> DataRange:
    """The sessions of the months that were scored: all that are stored, not only the run's."""
    scored = predictions.filter(pl.col("fold").is_in(months["fold"].to_list()))
    return DataRange(
        digest=result.data_hash,
        tickers=tuple(scored["ticker"].unique().sort()),
        first=min(scored["date"]),
        last=max(scored["date"]),
        rows=int(months["rows"].sum()),
        inputs=result.inputs,
    )


def _plots(result: Study, months: pl.DataFrame, model: str) -> dict[str, bytes]:
    plots = {"skill.png": figures.skill_by_month(months)}
    if result.calibration.height:
        plots["calibration.png"] = figures.calibration(result.calibration, model)
    if result.importance.height:
        plots["importance.png"] = figures.importance(overall_importance(result.importance))
    return plots


def _headline(
    scores: pl.DataFrame, model: str, metrics: Sequence[str] | None = None
) -> dict[str, float]:
    """Scores over all tickers and years, each with its naive baseline and interval, by name."""
    rows = scores.filter(model=model, ticker=ALL, period="all")
    by_name = {row["metric"]: row for row in rows.iter_rows(named=True)}
    suffixes = {"value": "", "baseline": " baseline", "low": " low", "high": " high"}
    return {
        f"{name}{suffix}": by_name[name][column]
        for name in metrics or by_name
        for column, suffix in suffixes.items()
        if name in by_name and by_name[name][column] is not None
    }


def _by_month(months: pl.DataFrame) -> Iterator[StepScore]:
    """The steps are 1, 2, ..., each at the first day of its month."""
    for step, row in enumerate(months.iter_rows(named=True), start=1):
        day = date.fromisoformat(f"{row['fold']}-01")
        for name in ("loss", "naive_loss", "skill", "skill_to_date"):
            if row[name] is not None:
                yield StepScore(f"fold/{name}", row[name], step, day)


def _by_year(scores: pl.DataFrame, target: str) -> Iterator[StepScore]:
    rows = scores.filter(
        (pl.col("model") == SHIPPED[target])
        & (pl.col("ticker") == ALL)
        & pl.col("period").str.contains(r"^\d{4}$")
        & pl.col("metric").is_in(BY_YEAR[target])
    )
    for row in rows.sort("metric", "period").iter_rows(named=True):
        year = int(row["period"])
        for column, suffix in (("value", ""), ("baseline", " baseline")):
            if row[column] is not None:
                name = f"year/{row['metric']}{suffix}"
                yield StepScore(name, row[column], year, date(year, 1, 1))
