"""The log of trials: stored and counted in the warehouse, shown in MLflow."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.client import clear_errors, open_client
from options_platform.adapters.tracking.experiments import ensure_experiment
from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.models.selection.trials import Trial

SHOWN = 250


class TrialLog:
    """The trials of one home."""

    def __init__(self, home: Path, warehouse: Warehouse) -> None:
        self.home = home
        self.warehouse = warehouse

    def known(self) -> set[str]:
        """Ids of all recorded trials."""
        return set(self.warehouse.read(TRIALS, columns=["trial_id"])["trial_id"].to_list())

    def record(self, trial: Trial) -> None:
        """Store a trial unless it is recorded already."""
        self.record_all([trial])

    def record_all(self, trials: Sequence[Trial]) -> int:
        """Store the new trials in one transaction; returns how many are new."""
        recorded = self.known()
        new = {
            trial_id: trial
            for trial in trials
            if (trial_id := trial.row["trial_id"].item()) not in recorded
        }
        if not new:
            return 0
        for trial_id, trial in new.items():
            # A backfill has its own runs in MLflow.
            if trial.row["purpose"].item() != "backfill":
                self._show(trial, trial_id)
        self.warehouse.write(
            [
                (TRIAL_FOLDS, pl.concat([trial.folds for trial in new.values()])),
                (TRIALS, pl.concat([trial.row for trial in new.values()])),
            ]
        )
        return len(new)

    def _show(self, trial: Trial, trial_id: str) -> None:
        client = open_client(self.home)
        from mlflow.entities import Metric, Param

        row = trial.row.row(0, named=True)
        name = f"trials of {row['target']}"
        experiment = ensure_experiment(client, self.home, name, "trials")
        now = int(time.time() * 1000)
        tags = {"trial_id": trial_id, "purpose": row["purpose"], "data_hash": row["data_hash"]}
        with clear_errors(self.home):
            run = client.create_run(experiment, run_name=row["model"], tags=tags)
            metrics = {"loss": row["loss"], "naive_loss": row["naive_loss"]}
            metrics |= {k: v for k, v in trial.scores.items() if " " not in k}
            client.log_batch(
                run.info.run_id,
                metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
                params=[
                    Param(key, str(value)[:SHOWN])
                    for key, value in json.loads(row["parameters"]).items()
                ],
            )
            client.set_terminated(run.info.run_id)
