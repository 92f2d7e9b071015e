"""MLflow's experiments: what each holds, shown in the lists of the UI."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from options_platform.adapters.tracking.client import (
    NOTE_TAG,
    artifacts_of,
    clear_errors,
    one_at_a_time,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

DAGSTER_RUNS = "dagster runs"
KIND_TAG = "mlflow.experimentKind"
MODEL_TRAINING = "custom_model_development"
"""Opens an experiment with its runs; without it MLflow takes it for one of language models."""
DESCRIPTIONS = {
    DAGSTER_RUNS: "Begin here: one run for each Dagster run that trained a model, with the scores "
    "of its models beside the naive forecasts.",
    "direction": "The shipped model of the next 5 sessions (bearish, neutral, bullish): a run for "
    "each backfill, with its monthly folds as children.",
    "volatility": "The shipped model of the IV rank in 5 sessions: a run for each backfill, with "
    "its monthly folds as children.",
    "earnings_move": "The size of the move on an earnings report, a gamma regression on past ones: "
    "a run for each backfill, with its monthly folds as children.",
    "seed_direction": "Baseline of the direction: XGBoost with fixed parameters.",
    "seed_volatility": "Baseline of the IV rank: XGBoost with fixed parameters.",
}
TRIALS = "Candidates scored by `options-platform research` and `search`, beside the naive loss."


def ensure_experiment(
    client: MlflowClient, home: Path, name: str, folder: str | None = None
) -> str:
    """The id of an experiment, whose artifacts lie in `folder` (default: its name) if it is new.

    An experiment of a former version gets its description.
    """
    tags = {KIND_TAG: MODEL_TRAINING, NOTE_TAG: DESCRIPTIONS.get(name, TRIALS)}
    with one_at_a_time(home), clear_errors(home):
        existing = client.get_experiment_by_name(name)
        if existing is None:
            location = f"{artifacts_of(home)}/{folder or name}"
            return str(client.create_experiment(name, artifact_location=location, tags=tags))
        for key in tags.keys() - existing.tags.keys():
            client.set_experiment_tag(existing.experiment_id, key, tags[key])
        return str(existing.experiment_id)
