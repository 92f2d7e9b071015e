"""Failed runs that are not in the outbox of alerts yet.

Dagster's sensor for failed runs advances even if a message could not be delivered. This one hands
each failed run to the outbox, which keeps its messages until they are delivered.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import dagster as dg

MOST_CHARACTERS = 500
# Runs that end at the same time may be stored a little later.
OVERLAP_SECONDS = 300.0
MOST_REMEMBERED = 1000


@dataclass(frozen=True)
class FailedRun:
    """A failed run: when it ended (Unix seconds), its job, and its first error, shortened."""

    run_id: str
    ended: float
    job: str
    text: str


@dataclass(frozen=True)
class Recorded:
    """Recorded failures: all before `since` (Unix seconds), and later ones in `run_ids`."""

    since: float
    run_ids: tuple[str, ...] = ()

    def after(self, failed: Sequence[FailedRun]) -> Recorded:
        """The recorded failures after those of `failed` were recorded too."""
        newest = max([self.since, *(run.ended - OVERLAP_SECONDS for run in failed)])
        run_ids = (*self.run_ids, *(run.run_id for run in failed))
        return Recorded(newest, run_ids[-MOST_REMEMBERED:])


def write_cursor(recorded: Recorded) -> str:
    """The recorded failures as a sensor's cursor (JSON)."""
    return json.dumps(asdict(recorded))


def read_cursor(cursor: str | None, now: datetime) -> Recorded:
    """The recorded failures; only failures after `now` are news for a new or unreadable cursor.

    Of an older cursor, which has the delivered failures of each address, what every address has
    counts as recorded.
    """
    try:
        stored = json.loads(cursor or "{}")
        parts = [stored] if "since" in stored else list(stored.values())
        since = min(float(part["since"]) for part in parts)
        common = set.intersection(*({*part["run_ids"]} for part in parts))
        return Recorded(since, tuple(run for run in parts[0]["run_ids"] if run in common))
    except (AttributeError, KeyError, TypeError, ValueError):
        # A cursor that Dagster's sensor for failed runs wrote.
        return Recorded(now.timestamp())


def failed_runs(instance: dg.DagsterInstance, recorded: Recorded) -> list[FailedRun]:
    """The failed runs that are not yet recorded, in the order in which they ended."""
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.fromtimestamp(recorded.since, UTC),
        )
    )
    failed = [
        FailedRun(
            record.dagster_run.run_id,
            record.end_time or record.update_timestamp.timestamp(),
            record.dagster_run.job_name,
            _first_error(instance, record.dagster_run.run_id),
        )
        for record in records
        if record.dagster_run.run_id not in recorded.run_ids
    ]
    return sorted((run for run in failed if run.ended >= recorded.since), key=lambda r: r.ended)


def _first_error(instance: dg.DagsterInstance, run_id: str) -> str:
    """The first error of a failed step, else of the run, shortened, with the run's id."""
    steps = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    text = ""
    for entry in [*steps, *instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE)]:
        event = entry.get_dagster_event()
        error = event.step_failure_data.error if event.is_step_failure else None
        cause = None if error is None else error.cause or error
        text = f"{event.step_key}: {cause.message}" if cause is not None else event.message or ""
        if text:
            break
    return f"{text.strip()[:MOST_CHARACTERS]} (run {run_id})"
