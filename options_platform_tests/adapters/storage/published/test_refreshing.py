"""Readers have the newest state that is complete, know where it is not, and disturb nobody."""

import errno
import os
import subprocess
import sys
import time

import pytest

from options_platform.adapters.storage.changes import changed_here
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.published import refreshing
from options_platform.adapters.storage.published.refreshing import (
    last_failure,
    open_copy,
    publish_changes,
    publish_if_due,
)
from options_platform.adapters.storage.published.versions import newest_version
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.errors import DamagedError
from options_platform_tests.adapters.storage.published.published_home import (
    BARS,
    add_to_bars,
    another_process,
    ledger_of,
    make_home,
    published,
    warehouse_of,
)

RUN = """
import sys
from pathlib import Path
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.published.refreshing import publish_changes
ledger = Ledger(Path(sys.argv[1]) / "ledger.duckdb", wait_seconds=10)
from datetime import datetime
ledger.keep("note", "of the run", datetime(2026, 1, 2))
print("ready", flush=True)
if sys.stdin.readline() == "publish\\n":
    publish_changes()
    print("published", flush=True)
sys.stdin.read()
"""

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""

FULL = """
import resource, sys
from datetime import datetime
from pathlib import Path
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.published.refreshing import publish_changes
ledger = Ledger(Path(sys.argv[1]) / "ledger.duckdb", wait_seconds=10)
ledger.keep("note", "second", datetime(2026, 1, 2))
usual = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, usual[1]))
publish_changes()
resource.setrlimit(resource.RLIMIT_FSIZE, usual)
print("kept", ledger.kept("note"))
"""


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


def closes(copy, home):
    return copy.warehouse(home / "warehouse.duckdb", wait_seconds=1).read(RAW_OHLCV)["close"].sum()


def note(copy, home):
    return copy.ledger(ledger_of(home)).kept("note")


def test_the_first_reader_of_a_home_publishes_it(home):
    copy = open_copy(home, wait_seconds=10)
    assert copy.behind is None
    assert closes(copy, home) == BARS["close"].sum()
    assert note(copy, home) == "first"


def test_a_reader_of_a_run_at_work_has_the_state_before_it_and_is_told(home):
    open_copy(home, wait_seconds=10)
    with another_process(RUN, home) as run:
        before = open_copy(home, wait_seconds=10)
        assert note(before, home) == "first"
        assert before.behind.startswith("as of 20")
        assert "publishes them when it is done" in before.behind
        run.stdin.write("publish\n")
        run.stdin.flush()
        assert run.stdout.readline() == "published\n"
        after = open_copy(home, wait_seconds=10)
        assert (note(after, home), after.behind) == ("of the run", None)
        # Who has begun to read goes on with what it has.
        assert note(before, home) == "first"


def test_what_a_killed_run_left_is_published_by_the_next_reader(home):
    open_copy(home, wait_seconds=10)
    with another_process(RUN, home) as run:
        run.kill()
        run.wait()
        copy = open_copy(home, wait_seconds=10)
        assert (note(copy, home), copy.behind) == ("of the run", None)


def test_a_reader_waits_for_no_store_that_another_process_holds(home):
    first = published(home)
    os.utime(home / "ledger.duckdb")
    with another_process(HOLD, home / "ledger.duckdb"):
        began = time.monotonic()
        copy = open_copy(home, wait_seconds=60)
        assert time.monotonic() - began < 5
        assert copy.version.number == first.number
        assert copy.behind is not None


def test_a_held_store_keeps_no_other_one_from_being_published(home):
    published(home)
    ledger_of(home).keep("note", "second", None)
    add_to_bars(home)
    with another_process(HOLD, home / "ledger.duckdb"):
        copy = open_copy(home, wait_seconds=60)
        assert closes(copy, home) > BARS["close"].sum()
        assert copy.behind is not None
    copy = open_copy(home, wait_seconds=60)
    assert copy.behind is None


def test_on_a_full_disk_the_change_stays_and_the_failure_is_noted_until_it_is_published(home):
    published(home)
    full = subprocess.run(
        [sys.executable, "-c", FULL, home], capture_output=True, text=True, check=True
    )
    assert full.stdout == "kept second\n"
    assert last_failure(home).why.startswith("no space is left on the disk")
    assert changed_here(home) == []
    assert not any(path.name.startswith(".") for path in (home / "published/versions").iterdir())
    copy = open_copy(home, wait_seconds=1)
    assert (note(copy, home), copy.behind, last_failure(home)) == ("second", None, None)


def test_a_reader_on_a_full_disk_has_the_former_version_and_is_told(home, monkeypatch):
    published(home)
    add_to_bars(home)

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(home))

    monkeypatch.setattr(refreshing, "publish", fail)
    old = open_copy(home, wait_seconds=1)
    assert closes(old, home) == BARS["close"].sum()
    assert "no space is left" in old.behind


def test_a_home_that_cannot_be_written_is_read_from_its_stores(home, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(home))

    monkeypatch.setattr(refreshing, "publish", refuse)
    copy = open_copy(home, wait_seconds=1)
    assert copy.version is None
    assert "Permission denied" in copy.behind
    assert closes(copy, home) == BARS["close"].sum()
    assert note(copy, home) == "first"


def test_a_damaged_store_is_never_covered_up_by_its_copy(home):
    published(home)
    stored = home / "warehouse.duckdb"
    stored.write_bytes(stored.read_bytes()[:5000])
    copy = open_copy(home, wait_seconds=1)
    with pytest.raises(DamagedError):
        closes(copy, home)
    assert note(copy, home) == "first"


def test_a_home_without_stores_has_nothing_and_gets_nothing(tmp_path):
    copy = open_copy(tmp_path, wait_seconds=1)
    warehouse = copy.warehouse(tmp_path / "warehouse.duckdb", wait_seconds=1)
    assert warehouse.read(RAW_OHLCV).equals(RAW_OHLCV.empty())
    assert not copy.ledger(ledger_of(tmp_path)).exists
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_was_removed_is_gone_for_readers_too(home):
    published(home)
    (home / "warehouse.duckdb").unlink()
    assert closes(open_copy(home, wait_seconds=1), home) == 0.0


def test_a_run_that_goes_on_for_long_publishes_on_the_way(home, monkeypatch):
    first = published(home)
    warehouse = Warehouse(
        home / "warehouse.duckdb", wait_seconds=10, after_write=lambda: publish_if_due(home)
    )
    warehouse.write([(RAW_OHLCV, BARS.head(5))])
    assert newest_version(home).number == first.number
    monkeypatch.setattr(refreshing, "EVERY_SECONDS", 0.0)
    with held(warehouse.path, wait_seconds=10):
        warehouse.write([(RAW_OHLCV, BARS.head(6))])
        # Within a block that holds the file, nothing is complete yet.
        assert newest_version(home).number == first.number
    warehouse_of(home)
    warehouse.write([(RAW_OHLCV, BARS.head(7))])
    assert newest_version(home).number == first.number + 1


PUBLISH = """
import fcntl, sys
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print("ready", flush=True)
sys.stdin.read()
"""


def test_a_run_that_goes_on_waits_for_nobody_that_publishes_and_publishes_later(home):
    published(home)
    ledger_of(home).keep("note", "second", None)
    with another_process(PUBLISH, home / "locks/published.lock"):
        began = time.monotonic()
        publish_changes(home, wait_seconds=0.0)
        assert time.monotonic() - began < 5
        assert changed_here(home) == [home / "ledger.duckdb"]
    publish_changes(home, wait_seconds=0.0)
    copy = open_copy(home, wait_seconds=1)
    assert (note(copy, home), copy.behind, changed_here(home)) == ("second", None, [])
