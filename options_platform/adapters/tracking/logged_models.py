"""A stored fold as an MLflow model: signature, example and requirements, nothing pickled."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from options_platform.adapters.tracking.client import clear_errors
from options_platform.models.base import Artifacts

if TYPE_CHECKING:
    from mlflow.models.model import ModelInfo

SERVED_FOLD = Path(__file__).with_name("served_fold.py")
SERVING = ("numpy", "pandas", "polars", "scikit-learn", "xgboost-cpu")


def log_fold(
    home: Path,
    run_id: str,
    fold: Artifacts,
    *,
    config: Mapping[str, str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    example: pl.DataFrame | None = None,
) -> ModelInfo:
    """Log the files of a fold as a model of a run.

    Requirements are listed, because inferring them would take half a minute.

    Args:
        home: the home of the store.
        run_id: the run that the model belongs to.
        fold: the fold's files, which the model has uncompressed.
        config: `target` and `variant`, which the served model reads.
        inputs: names of the inputs, in their order; all are numbers, and may be missing.
        outputs: names of the predicted columns, in their order; all are numbers.
        example: a few rows of inputs, stored with the model.
    """
    import mlflow
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(
        inputs=Schema([ColSpec(DataType.double, name, required=False) for name in inputs]),
        outputs=Schema([ColSpec(DataType.double, name) for name in outputs]),
    )
    with clear_errors(home), warnings.catch_warnings():
        # The warning asks for an input example, which a model may be logged without.
        warnings.simplefilter("ignore", UserWarning)
        with mlflow_run(home, run_id), tempfile.TemporaryDirectory() as folder:
            # MLflow copies permissions too, and files of the package are readable by all.
            files = Path(folder, "fold")
            files.mkdir()
            for name, data in fold.items():
                (files / name).write_bytes(data)
            served = shutil.copyfile(SERVED_FOLD, Path(folder, SERVED_FOLD.name))
            logged: ModelInfo = mlflow.pyfunc.log_model(
                name="model",
                python_model=str(served),
                artifacts={"fold": str(files)},
                model_config=dict(config),
                signature=signature,
                input_example=None if example is None else example.to_pandas(),
                pip_requirements=[f"{name}=={version(name)}" for name in SERVING],
            )
    return logged


@contextmanager
def mlflow_run(home: Path, run_id: str) -> Iterator[None]:
    """Within the block, MLflow's global functions log into a run of the home's store.

    It may be within another active run, which is active again afterwards.
    """
    import mlflow

    before, outer = mlflow.get_tracking_uri(), mlflow.active_run()
    mlflow.set_tracking_uri(f"sqlite:///{home / 'mlflow.db'}")
    try:
        # A run can be started only in the experiment that is set.
        mlflow.set_experiment(experiment_id=mlflow.get_run(run_id).info.experiment_id)
        with mlflow.start_run(run_id=run_id, nested=True):
            yield
    finally:
        mlflow.set_tracking_uri(before)
        if outer is not None:
            mlflow.set_experiment(experiment_id=outer.info.experiment_id)
