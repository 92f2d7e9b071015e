"""The MLflow run of a Dagster run: dagster-mlflow opens it, and the models' runs are its children.

It is opened when a model is trained, since a daily run without training imports no MLflow.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from options_platform.adapters.tracking.client import ensure_experiment, open_client
from options_platform.adapters.tracking.run_details import code_version
from options_platform.settings import Settings

if TYPE_CHECKING:
    from mlflow.entities import Run

EXPERIMENT = "dagster runs"
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
        address = f"{MLFLOW_UI}/#/experiments/{info.experiment_id}/runs/{info.run_id}"
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
    ensure_experiment(open_client(home), home, EXPERIMENT, "dagster_runs")
    import mlflow

    run_id = _run_id(context)
    config = {
        "experiment_name": EXPERIMENT,
        "mlflow_tracking_uri": f"sqlite:///{home / 'mlflow.db'}",
        "extra_tags": {
            **code_version(),
            "mlflow.note.content": f"[Dagster run {run_id}]({DAGSTER_UI}/runs/{run_id})",
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


def _has_failed(context: dg.InitResourceContext) -> bool:
    failures = dg.DagsterEventType.STEP_FAILURE
    return bool(context.instance and context.instance.all_logs(_run_id(context), of_type=failures))
