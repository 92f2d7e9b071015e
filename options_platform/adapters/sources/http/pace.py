"""A rate limit that all processes of a home share."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

MINUTE_SECONDS = 60.0
# Time stamps further ahead than a queue can reach come from a clock that was set back.
LONGEST_QUEUE_SECONDS = 600.0


class Pace:
    """At most `most` requests in any minute, over all processes that share `path`.

    The file has the times at which the latest requests were or will be sent. A process reserves
    its time under a lock and sleeps without it; the lock of a process that dies is released.
    """

    def __init__(
        self,
        path: Path,
        most: int,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
        window_seconds: float = MINUTE_SECONDS,
    ) -> None:
        """`window_seconds` takes the place of the minute where a source counts otherwise."""
        self._path = path
        self._most = most
        self._window_seconds = window_seconds
        self._sleep = sleep
        self._clock = clock
        self._waited_seconds = 0.0

    def wait(self) -> None:
        """Return when the next request may be sent."""
        pause = self._reserve() - self._clock()
        if pause > 0:
            self._sleep(pause)
            self._waited_seconds += pause

    def working_seconds(self) -> float:
        """A monotonic clock that excludes the time spent waiting here, for deadlines."""
        return time.monotonic() - self._waited_seconds

    def _reserve(self) -> float:
        from filelock import FileLock

        self._path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._path.with_suffix(".lock")):
            now = self._clock()
            stamps = [at for at in self._stamps() if at <= now + LONGEST_QUEUE_SECONDS]
            full = len(stamps) >= self._most
            at = max(now, stamps[-self._most] + self._window_seconds) if full else now
            self._store([*stamps, at][-self._most :])
        return at

    def _stamps(self) -> list[float]:
        try:
            return sorted(float(at) for at in json.loads(self._path.read_text()))
        except (OSError, ValueError, TypeError):
            return []

    def _store(self, stamps: list[float]) -> None:
        new = self._path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(stamps))
        new.replace(self._path)
