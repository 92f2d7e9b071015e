"""The MLflow run of a Dagster run: dagster-mlflow opens it, and the models' runs are its children.

It is opened when a model is trained, since a daily run without training imports no MLflow.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from options_platform.adapters.tracking.client import NOTE_TAG, clear_errors, open_client
from options_platform.adapters.tracking.datasets import evaluation_input
from options_platform.adapters.tracking.experiments import DAGSTER_RUNS, ensure_experiment
from options_platform.adapters.tracking.first_page import SCORED_TAG, run_page
from options_platform.adapters.tracking.run_details import StepScore, code_version, log
from options_platform.models.fold_records import DataRange
from options_platform.reporting.model_notes import WalkNote, together
from options_platform.settings import Settings

if TYPE_CHECKING:
    from mlflow.entities import Run

RANGE_TAGS = (ASSET_PARTITION_RANGE_START_TAG, ASSET_PARTITION_RANGE_END_TAG)
RUN_TAG = "mlflow/run_id"
# Where `options-platform ui` and `make mlflow` serve by default.
DAGSTER_UI, MLFLOW_UI = "http://127.0.0.1:3000", "http://127.0.0.1:5000"


class MlflowRun:
    """The MLflow run of the present Dagster run."""

    def __init__(self, context: dg.InitResourceContext, home: Path, stack: ExitStack) -> None:
        self._context = context
        self._home = home
        self._stack = stack
        self._run: Run | None = None
        self._notes: dict[str, WalkNote] = {}

    @property
    def dagster_page(self) -> str:
        """The page of the Dagster run in its web UI."""
        return f"{DAGSTER_UI}/runs/{_run_id(self._context)}"

    @property
    def tags(self) -> dict[str, str]:
        """Tags that lead from the MLflow runs of models to the Dagster run."""
        return {
            "dagster_run_id": _run_id(self._context),
            NOTE_TAG: f"[Dagster run]({self.dagster_page})",
            "mlflow.source.name": "options-platform",
            "mlflow.source.type": "LOCAL",
        }

    def show(
        self,
        target: str,
        *,
        note: WalkNote,
        scores: Mapping[str, float],
        steps: Sequence[StepScore],
        params: Mapping[str, object],
        evaluated: DataRange,
    ) -> None:
        """Log the scores of a target, those by month as the first charts, and their description.

        The run becomes the first page of MLflow's UI.
        """
        run_id = self.run_id()
        self._notes[target] = note
        client = open_client(self._home)
        with clear_errors(self._home):
            log(
                client,
                run_id,
                params={f"{target} {name}": value for name, value in params.items()},
                metrics={f"{target}/{name}": value for name, value in scores.items()},
                steps=[
                    each._replace(name=f"by month/{target} {each.name.removeprefix('fold/')}")
                    for each in steps
                ],
                tags={
                    SCORED_TAG: ", ".join(self._notes),
                    NOTE_TAG: together(self._notes.values()),
                },
            )
            client.log_inputs(run_id, [evaluation_input(evaluated)])

    def run_id(self) -> str:
        """The id of the MLflow run; the first call opens it and links it with the Dagster run."""
        if self._run is None:
            self._run = self._stack.enter_context(_opened(self._context, self._home))
        return str(self._run.info.run_id)

    def metadata(self) -> dict[str, dg.MetadataValue[Any]]:
        """A link to the MLflow run for an asset's metadata; empty if nothing was trained."""
        if self._run is None:
            return {}
        info = self._run.info
        address = f"{MLFLOW_UI}/{run_page(info.experiment_id, info.run_id)}"
        return {"mlflow_run": dg.MetadataValue.url(address)}


def make_mlflow(settings: Settings) -> dg.ResourceDefinition:
    """The resource `mlflow`, for assets that train models."""

    @dg.resource(description="The MLflow run of the Dagster run, opened on first use.")
    def mlflow(context: dg.InitResourceContext) -> Iterator[MlflowRun]:
        with ExitStack() as stack:
            yield MlflowRun(context, settings.home, stack)

    return mlflow


@contextmanager
def _opened(context: dg.InitResourceContext, home: Path) -> Iterator[Run]:
    ensure_experiment(open_client(home), home, DAGSTER_RUNS, "dagster_runs")
    import mlflow

    run_id = _run_id(context)
    config = {
        "experiment_name": DAGSTER_RUNS,
        "mlflow_tracking_uri": f"sqlite:///{home / 'mlflow.db'}",
        "extra_tags": {
            **code_version(),
            NOTE_TAG: f"[Dagster run {run_id}]({DAGSTER_UI}/runs/{run_id})",
            "mlflow.runName": _name_of(context),
        },
    }
    before = mlflow.get_tracking_uri()
    try:
        with ExitStack() as stack:
            tracking = _enter(stack, context, config)
            run = tracking.active_run()
            if context.instance is not None:
                context.instance.add_run_tags(run_id, {RUN_TAG: run.info.run_id})
            yield run
            tracking.end_run(status="FAILED" if _has_failed(context) else "FINISHED")
    finally:
        mlflow.set_tracking_uri(before)


def _enter(stack: ExitStack, context: dg.InitResourceContext, config: dict[str, Any]) -> Any:
    """The resource of dagster-mlflow, which is marked beta and reads deprecated properties."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        from dagster_mlflow import mlflow_tracking

        opened = contextmanager(mlflow_tracking.resource_fn)
        return stack.enter_context(opened(context.replace_config(config)))


def _run_id(context: dg.InitResourceContext) -> str:
    if context.run is None:
        raise dg.DagsterInvariantViolationError("the resource mlflow belongs to a run")
    return context.run.run_id


def _name_of(context: dg.InitResourceContext) -> str:
    """The sessions of the run, or the name of its job if it has no range."""
    tags = context.run.tags if context.run is not None else {}
    first, last = (tags.get(name, "").partition("|")[0] for name in RANGE_TAGS)
    if not first or not last:
        return str(context.run.job_name) if context.run is not None else ""
    return f"session {last}" if first == last else f"backfill {first} to {last}"


def _has_failed(context: dg.InitResourceContext) -> bool:
    failures = dg.DagsterEventType.STEP_FAILURE
    return bool(context.instance and context.instance.all_logs(_run_id(context), of_type=failures))
