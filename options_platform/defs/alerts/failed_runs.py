"""Runs that failed and were not told of yet.

Dagster's own sensor of failed runs moves on whether or not its function could deliver; this one
remembers what was delivered, so that nothing is lost while an address is out of order.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import dagster as dg

MOST_WORDS = 500
# Runs of one moment may be stored after one another.
OVERLAP_SECONDS = 300.0
MOST_REMEMBERED = 1000


@dataclass(frozen=True)
class FailedRun:
    """One run that failed: when it ended (Unix time), its job, and its first error in short."""

    run_id: str
    ended: float
    job: str
    text: str


@dataclass(frozen=True)
class Told:
    """All failures before `since` (Unix time) were told, and of later ones those of `run_ids`."""

    since: float
    run_ids: tuple[str, ...] = ()

    def after(self, failed: Sequence[FailedRun], sent: Collection[str]) -> Told:
        """What is told once `sent` of the failed runs were delivered."""
        waiting = [run.ended for run in failed if run.run_id not in sent]
        newest = max([self.since, *(run.ended - OVERLAP_SECONDS for run in failed)])
        return Told(min([newest, *waiting]), (*self.run_ids, *sent)[-MOST_REMEMBERED:])


def write_cursor(told: Mapping[int, Told]) -> str:
    """What each address was told, as a sensor's cursor."""
    return json.dumps({number: asdict(own) for number, own in told.items()})


def read_cursor(cursor: str | None, numbers: Iterable[int], now: datetime) -> dict[int, Told]:
    """What a cursor says of each address; of one that it does not know, all before `now` is told.

    One without addresses is of all of them.
    """
    try:
        found = json.loads(cursor or "{}")
        known = found if "since" not in found else dict.fromkeys(map(str, numbers), found)
        return {
            number: Told(float(own["since"]), tuple(own["run_ids"]))
            if (own := known.get(str(number)))
            else Told(now.timestamp())
            for number in numbers
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        # That of Dagster's own sensor.
        return {number: Told(now.timestamp()) for number in numbers}


def failed_runs(instance: dg.DagsterInstance, told: Told) -> list[FailedRun]:
    """The failed runs that are not told of, in the order in which they ended."""
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.fromtimestamp(told.since, UTC),
        )
    )
    found = [
        FailedRun(
            record.dagster_run.run_id,
            record.end_time or record.update_timestamp.timestamp(),
            record.dagster_run.job_name,
            _first_error(instance, record.dagster_run.run_id),
        )
        for record in records
        if record.dagster_run.run_id not in told.run_ids
    ]
    return sorted((run for run in found if run.ended >= told.since), key=lambda run: run.ended)


def _first_error(instance: dg.DagsterInstance, run_id: str) -> str:
    """The failing step's first error, or the run's, in short."""
    steps = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    said = ""
    for entry in [*steps, *instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)]:
        event = entry.get_dagster_event()
        error = event.step_failure_data.error if event.is_step_failure else None
        cause = None if error is None else error.cause or error
        said = f"{event.step_key}: {cause.message}" if cause is not None else event.message or ""
        if said:
            break
    return f"{said.strip()[:MOST_WORDS]} (run {run_id})"
