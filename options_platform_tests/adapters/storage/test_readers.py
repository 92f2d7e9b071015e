"""Readers of other programs: they delay no writer, and no write is lost by them."""

import os
import random
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import duckdb
import pytest

from options_platform.adapters.storage import readers
from options_platform.adapters.storage.duck import held
from options_platform.errors import DiskFullError

READ = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=True)
query = "SELECT count(*) FROM numbers"
print(connection.execute(query).fetchone()[0], flush=True)
for _ in sys.stdin:
    print(connection.execute(query).fetchone()[0], flush=True)
"""
WRITE = """
import sys
from pathlib import Path
from options_platform.adapters.storage.duck import held
path, first, count = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for number in range(first, first + count):
    with held(path, wait_seconds=60) as connection:
        connection.execute("INSERT INTO numbers VALUES (?)", [number])
    print(number, flush=True)
"""
POLL = """
import sys, time, duckdb
print("polls", flush=True)
while True:
    try:
        with duckdb.connect(sys.argv[1], read_only=True) as connection:
            connection.execute("SELECT count(*) FROM numbers").fetchone()
            time.sleep(0.02)
    except duckdb.IOException:
        pass
    time.sleep(0.01)
"""
CRASH = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("INSERT INTO numbers VALUES (-1)")
os._exit(1)
"""


CRASH_LARGE = """
import os, sys, duckdb
connection = duckdb.connect(sys.argv[1])
connection.execute("SET checkpoint_threshold = '1GB'")
for _ in range(20):
    connection.execute("INSERT INTO numbers SELECT (random() * 1e18)::BIGINT FROM range(10000)")
os._exit(1)
"""
KILLED = """
import os, sys
from pathlib import Path
from options_platform.adapters.storage import readers
from options_platform.adapters.storage.duck import held
finish = readers._finish
readers._finish = lambda path: os._exit(9) if readers.is_waiting(path) else finish(path)
with held(Path(sys.argv[1]), wait_seconds=5):
    pass
"""
LIMITED = """
import resource, sys
from pathlib import Path
from options_platform.adapters.storage.duck import held
most = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
try:
    with held(Path(sys.argv[1]), wait_seconds=1):
        print("held")
except Exception as error:
    print(type(error).__name__, error)
"""


def python(code, *arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


@contextmanager
def reader(path):
    """A process that has the file open to read; ask it with `rows_of`."""
    with python(READ, path) as process:
        process.seen = int(process.stdout.readline())
        yield process
        process.kill()


def rows_of(process):
    process.stdin.write("again\n")
    process.stdin.flush()
    return int(process.stdout.readline())


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "w.duckdb"
    with held(path, wait_seconds=1) as connection:
        connection.execute("CREATE TABLE numbers AS SELECT range::BIGINT AS n FROM range(1000)")
    return path


def numbers(path):
    with held(path, wait_seconds=5) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM numbers ORDER BY n").fetchall()]


def files(path):
    return sorted(found.name for found in path.parent.iterdir() if found.is_file())


def test_a_writer_does_not_wait_for_a_reader_and_each_sees_its_own_file(path):
    path.chmod(0o600)
    with reader(path) as reads:
        started = time.monotonic()
        with held(path, wait_seconds=60) as connection:
            connection.execute("INSERT INTO numbers VALUES (7000)")
        assert time.monotonic() - started < 30
        assert rows_of(reads) == 1000
        # A reader that comes now sees what was written, and delays nobody either.
        with reader(path) as later:
            assert later.seen == 1001
            with held(path, wait_seconds=0) as connection:
                connection.execute("INSERT INTO numbers VALUES (8000)")
            assert (rows_of(reads), rows_of(later)) == (1000, 1001)
    assert numbers(path) == [*range(1000), 7000, 8000]
    assert files(path) == ["w.duckdb"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_killed_process_left_in_the_log_is_in_the_copy_once(path):
    assert subprocess.run([sys.executable, "-c", CRASH, str(path)], check=False).returncode == 1
    assert files(path) == ["w.duckdb", "w.duckdb.wal"]
    with reader(path) as reads:
        assert reads.seen == 1001
        with held(path, wait_seconds=60) as connection:
            connection.execute("INSERT INTO numbers VALUES (7000)")
    assert numbers(path) == [-1, *range(1000), 7000]
    assert files(path) == ["w.duckdb"]


@pytest.fixture
def waiting(path):
    """A copy whose process was killed before it was in its place; the log is still there."""
    subprocess.run([sys.executable, "-c", CRASH, str(path)], check=False)
    with reader(path):
        killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    assert killed.returncode == 9
    assert readers.is_waiting(path)
    return path


@pytest.mark.parametrize("is_log_gone", [False, True])
def test_the_copy_of_a_killed_process_takes_its_place_at_the_next_use(waiting, is_log_gone):
    if is_log_gone:
        waiting.with_name("w.duckdb.wal").unlink()
    assert numbers(waiting) == [-1, *range(1000)]
    assert files(waiting) == ["w.duckdb"]


def test_a_waiting_copy_of_what_has_changed_since_takes_no_place(waiting):
    with duckdb.connect(str(waiting)) as connection:
        connection.execute("INSERT INTO numbers VALUES (7000)")
    assert numbers(waiting) == [-1, *range(1000), 7000]
    assert files(waiting) == ["w.duckdb"]


def test_a_file_that_was_moved_away_does_not_come_back(waiting):
    waiting.rename(waiting.with_name("damaged"))
    waiting.with_name("w.duckdb.wal").unlink()
    with held(waiting, wait_seconds=1) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)
    assert not readers.is_waiting(waiting)


def test_a_log_that_cannot_be_merged_for_want_of_space_stays_as_it_is(path):
    subprocess.run([sys.executable, "-c", CRASH_LARGE, str(path)], check=False)
    before = {name: (path.parent / name).read_bytes() for name in files(path)}
    assert [*before] == ["w.duckdb", "w.duckdb.wal"]
    most = max(len(content) for content in before.values()) + 4096
    with reader(path) as reads:
        assert reads.seen == 201_000
        done = subprocess.run(
            [sys.executable, "-c", LIMITED, str(path), str(most)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "DiskFullError" in done.stdout
    assert {name: (path.parent / name).read_bytes() for name in files(path)} == before
    assert len(numbers(path)) == 201_000


def test_a_database_behind_a_link_stays_behind_it(path, tmp_path):
    linked = tmp_path / "home" / "w.duckdb"
    linked.parent.mkdir()
    linked.symlink_to(path)
    with reader(linked), held(linked, wait_seconds=5) as connection:
        connection.execute("INSERT INTO numbers VALUES (7000)")
    assert linked.is_symlink()
    assert numbers(path) == numbers(linked) == [*range(1000), 7000]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_a_copy_belongs_to_the_owner_of_the_file(path):
    os.chown(path, 1000, 1000)
    with reader(path), held(path, wait_seconds=5) as connection:
        connection.execute("INSERT INTO numbers VALUES (7000)")
    assert (path.stat().st_uid, path.stat().st_gid) == (1000, 1000)


def test_a_file_that_is_written_to_is_left_alone(path):
    before = path.stat().st_ino
    with held(path, wait_seconds=1):
        readers.leave_to_readers(path)
    assert path.stat().st_ino == before
    assert files(path) == ["w.duckdb"]


def test_a_copy_that_does_not_fit_on_the_disk_is_one_line_and_leaves_the_file(path, monkeypatch):
    # The limit on the size of files is that of the copying process alone.
    limited = (
        f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n{readers.COPY}"
    )
    monkeypatch.setattr(
        readers,
        "COPY",
        f"import signal\nsignal.signal({int(signal.SIGXFSZ)}, signal.SIG_IGN)\n{limited}",
    )
    with reader(path), pytest.raises(DiskFullError, match="no space"), held(path, wait_seconds=5):
        pass
    monkeypatch.undo()
    assert files(path) == ["w.duckdb"]
    assert len(numbers(path)) == 1000


@pytest.mark.long
def test_no_write_of_several_processes_is_lost_while_others_read(path):
    with reader(path), python(POLL, path) as polling:
        polling.stdout.readline()
        writing = [python(WRITE, path, 10_000 * (at + 1), 12) for at in range(3)]
        for process in writing:
            process.communicate()
            assert process.returncode == 0
        polling.kill()
    written = [10_000 * (at + 1) + k for at in range(3) for k in range(12)]
    assert numbers(path) == [*range(1000), *written]


@pytest.mark.long
def test_a_kill_at_any_moment_loses_no_committed_write(path):
    chance, said = random.Random(5), []
    for at in range(12):
        with reader(path), python(WRITE, path, 10_000 * (at + 1), 1000) as writing:
            writing.stdout.readline() if at % 3 == 0 else None
            time.sleep(chance.uniform(0.0, 0.6))
            writing.kill()
            said += [int(line) for line in writing.stdout.read().split()]
    stored = set(numbers(path))
    assert stored >= {*range(1000), *said}
    assert len(said) > 20
    with duckdb.connect(str(path)) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT n) FROM numbers").fetchone() == (
            len(stored), len(stored),
        )  # fmt: skip
