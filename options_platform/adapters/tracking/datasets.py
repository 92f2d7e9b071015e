"""The data sets of MLflow's runs: which rows of the home, with their hash, never a copy of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from options_platform.models.fold_records import DataRange

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

CONTEXT_TAG = "mlflow.data.context"
TRAINED_ON, SCORED_ON = "features and labels", "scored sessions"


def training_input(data: DataRange) -> DatasetInput:
    """All rows of a walk-forward, of which its folds train on the first, up to their months."""
    return _data_set(TRAINED_ON, data, "training")


def evaluation_input(data: DataRange) -> DatasetInput:
    """The rows that a backfill predicted out of sample and scored."""
    return _data_set(SCORED_ON, data, "evaluation")


def _data_set(name: str, data: DataRange, context: str) -> DatasetInput:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    tickers = ", ".join(data.tickers)
    columns = [{"name": each, "type": "double", "required": False} for each in data.inputs]
    where = f"warehouse.duckdb: tables features and labels, {tickers}, {data.first} to {data.last}"
    return DatasetInput(
        Dataset(
            name=name,
            digest=data.digest,
            source_type="local",
            source=json.dumps({"uri": where}),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"num_rows": data.rows, "tickers": tickers}),
        ),
        [InputTag(CONTEXT_TAG, context)],
    )
