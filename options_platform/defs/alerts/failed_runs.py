"""Failed runs that still have to be reported, by address.

Dagster's sensor for failed runs advances even if a message could not be delivered. This one
remembers the delivered messages, so that none is lost while an address does not work.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
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
class Delivered:
    """Delivered failures: all before `since` (Unix seconds), and later ones in `run_ids`."""

    since: float
    run_ids: tuple[str, ...] = ()

    def after(self, failed: Sequence[FailedRun], sent: Collection[str]) -> Delivered:
        """The delivered failures after those of the run ids `sent`, out of `failed`."""
        waiting = [run.ended for run in failed if run.run_id not in sent]
        newest = max([self.since, *(run.ended - OVERLAP_SECONDS for run in failed)])
        return Delivered(min([newest, *waiting]), (*self.run_ids, *sent)[-MOST_REMEMBERED:])


def write_cursor(delivered: Mapping[int, Delivered]) -> str:
    """The delivered failures of each address number as a sensor's cursor (JSON)."""
    return json.dumps({number: asdict(each) for number, each in delivered.items()})


def read_cursor(cursor: str | None, numbers: Iterable[int], now: datetime) -> dict[int, Delivered]:
    """The delivered failures of each address number; a new address gets only failures after `now`.

    A cursor without address numbers applies to all of them; an unreadable one counts as none.
    """
    try:
        stored = json.loads(cursor or "{}")
        by_address = stored if "since" not in stored else dict.fromkeys(map(str, numbers), stored)
        return {
            number: Delivered(float(fields["since"]), tuple(fields["run_ids"]))
            if (fields := by_address.get(str(number)))
            else Delivered(now.timestamp())
            for number in numbers
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        # A cursor that Dagster's sensor for failed runs wrote.
        return {number: Delivered(now.timestamp()) for number in numbers}


def failed_runs(instance: dg.DagsterInstance, delivered: Delivered) -> list[FailedRun]:
    """The failed runs that are not yet delivered, in the order in which they ended."""
    records = instance.get_run_records(
        dg.RunsFilter(
            statuses=[dg.DagsterRunStatus.FAILURE],
            updated_after=datetime.fromtimestamp(delivered.since, UTC),
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
        if record.dagster_run.run_id not in delivered.run_ids
    ]
    return sorted((run for run in failed if run.ended >= delivered.since), key=lambda r: r.ended)


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
