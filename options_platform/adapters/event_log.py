"""The event log that the `dagster.yaml` of a home names: with batches, or Dagster's own.

Batches rest on interfaces that Dagster may change in any release. In a release that they were not
tested with, the stock storage is used: slower by far for a backfill, but it reads and writes the
same databases, so a home can go back and forth between both.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, TextIO

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._serdes import ConfigurableClassData
from packaging.version import Version

from options_platform.adapters.event_frames import make_whole

TESTED = "1.13.27", "1.13.29"
"""The oldest and the newest release of Dagster that the batches were tested with."""

# Dagster prints these lines if an event or a batch fails, before it continues or tries the events
# one by one.
FALLBACK = (
    "Exception while storing event batch: ",
    "Falling back to storing multiple single-event storage requests",
    "Exception while writing logger call to event log: ",
)


class _Console:
    """Standard error without Dagster's messages about its fallback."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner

    def write(self, text: str) -> int:
        return len(text) if text.startswith(FALLBACK) else self._inner.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def quiet_fallback() -> Iterator[None]:
    """Hide Dagster's messages about its fallback; if that fails too, the run's error says why."""
    with redirect_stderr(_Console(sys.stderr)):
        yield


class BatchedSqliteEventLogStorage(SqliteEventLogStorage):
    """The storage with batches where Dagster's release allows it, else Dagster's own.

    Every home's `dagster.yaml` names this module and class, so their names cannot change.
    """

    @classmethod
    def from_config_value(  # type: ignore[override]
        cls, inst_data: ConfigurableClassData | None, config_value: Any
    ) -> SqliteEventLogStorage:
        """The storage for a `dagster.yaml`; warns where it is the stock one."""
        if is_tested(dg.__version__):
            from options_platform.adapters.batched_event_log import BatchedEventLogStorage

            return BatchedEventLogStorage.from_config_value(inst_data, config_value)
        warnings.warn(
            f"Dagster {dg.__version__} is none of the releases that the fast event log was tested "
            f"with ({' to '.join(TESTED)}): Dagster's own is used, and a backfill takes many times "
            "as long. Install a tested release: pip install "
            f"'dagster>={TESTED[0]},<={TESTED[1]}'",
            stacklevel=2,
        )
        make_whole(Path(config_value["base_dir"]))
        return SqliteEventLogStorage(inst_data=inst_data, **config_value)


def is_tested(release: str) -> bool:
    """Whether the batches were tested with this release of Dagster."""
    oldest, newest = map(Version, TESTED)
    return oldest <= Version(release) <= newest
