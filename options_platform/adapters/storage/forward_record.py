"""The file of the forward record: read whole, checked, and only ever lengthened.

The file is written anew beside itself and renamed, under a lock: a killed process leaves it as it
was, and two processes append one after the other. It is a file of its own, so that neither a
warehouse made anew nor another account's ledger touches it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from options_platform import __version__
from options_platform.adapters.storage.storage_faults import FULL_ERRNOS
from options_platform.domain.forward.coverage import may_record
from options_platform.domain.forward.links import Content, Link, next_links
from options_platform.domain.forward.verification import Chain, read_chain
from options_platform.errors import DiskFullError, HomeError, WarehouseBusyError

PRIVATE_FILE = 0o600


@dataclass(frozen=True)
class ForwardRecord:
    """The forward record at `path`; it may not exist yet."""

    path: Path
    wait_seconds: float = 60.0

    def read(self) -> Chain:
        """The chain as it is stored; empty if there is none yet.

        Raises :class:`HomeError` if the file cannot be read.
        """
        return read_chain(self._bytes())

    def state(self) -> tuple[int, ...]:
        """What changes whenever the file does, by whomever; empty if there is no file.

        Raises :class:`HomeError` if the file cannot be looked at.
        """
        try:
            seen = self.path.stat()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreadable(error) from error
        # Whoever sets the time of writing back cannot set back that of the change.
        return seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns

    def append(self, contents: Sequence[Content], now: Callable[[], datetime]) -> list[Link]:
        """Add what `contents` adds to the chain, all of it or nothing; returns the new links.

        `now` is asked under the lock. Content whose session is no longer the newest one, or whose
        next open has passed, is left out, and so is what the chain has already.

        Raises :class:`ForwardRecordError` if a stored link was altered, ValueError for a value that
        JSON does not have, :class:`WarehouseBusyError` if another process keeps the lock, and
        :class:`HomeError` or :class:`DiskFullError` if the file cannot be written.
        """
        with self._alone():
            data = self._bytes()
            chain = read_chain(data)
            chain.require_sound()
            moment = now()
            head = chain.head
            in_time = [
                content
                for content in contents
                if may_record(content.session, moment)
                and (head is None or head.session <= content.session)
            ]
            added = next_links(chain.links, in_time, moment, __version__)
            if added:
                self._replace(data + b"".join(line for _, line in added))
            return [link for link, _ in added]

    def _bytes(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> HomeError:
        return HomeError(
            f"{self.path.name} cannot be read ({error.strerror}); check the permissions of the home"
        )

    def _replace(self, data: bytes) -> None:
        new = self.path.with_name(f"{self.path.name}.new")
        try:
            new.unlink(missing_ok=True)
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path)
            _sync(self.path.parent)
        except OSError as error:
            if error.errno in FULL_ERRNOS:
                raise DiskFullError(self.path) from error
            raise HomeError(
                f"{self.path.name} cannot be written ({error.strerror}); nothing was recorded; "
                "check the permissions of the home"
            ) from error

    @contextmanager
    def _alone(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            with FileLock(f"{self.path}.lock", timeout=self.wait_seconds):
                yield
        except Timeout as error:
            raise WarehouseBusyError(
                f"another process writes {self.path.name} and did for {self.wait_seconds:g} s; "
                "let it end, then try again"
            ) from error


def _sync(folder: Path) -> None:
    """Make a renamed file last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class WatchedRecord:
    """A forward record that is looked at every minute: read and verified again once it changes."""

    def __init__(self, record: ForwardRecord) -> None:
        self._record = record
        self._read: tuple[tuple[int, ...], Chain] | None = None

    def read(self) -> Chain:
        """The chain without its plans, which would fill the memory of a process that stays.

        Raises :class:`HomeError` if the file cannot be read.
        """
        state = self._record.state()
        if self._read is None or self._read[0] != state:
            self._read = state, self._record.read().without_plans()
        return self._read[1]
