"""The MLflow run of a Dagster run: dagster-mlflow opens it, and the models' runs are its children.

It is opened when a model is trained, since a daily run without training imports no MLflow.
"""

from __future__ import annotations

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
    ensure_experiment(open_client(home), home, EXPERIMENT)
    import mlflow
    from dagster_mlflow import mlflow_tracking

    before = mlflow.get_tracking_uri()
    page = f"{DAGSTER_UI}/runs/{context.run_id}"
    config = {
        "experiment_name": EXPERIMENT,
        "mlflow_tracking_uri": f"sqlite:///{home / 'mlflow.db'}",
        "extra_tags": {
            **code_version(),
            "mlflow.note.content": f"[Dagster run {context.run_id}]({page})",
        },
    }
    opened = contextmanager(mlflow_tracking.resource_fn)
    try:
        with opened(context.replace_config(config)) as tracking:
            run = tracking.active_run()
            if context.instance is not None:
                context.instance.add_run_tags(context.run_id, {RUN_TAG: run.info.run_id})
            yield run
            tracking.end_run(status="FAILED" if _has_failed(context) else "FINISHED")
    finally:
        mlflow.set_tracking_uri(before)


def _has_failed(context: dg.InitResourceContext) -> bool:
    failures = dg.DagsterEventType.STEP_FAILURE
    return bool(context.instance and context.instance.all_logs(context.run_id, of_type=failures))
