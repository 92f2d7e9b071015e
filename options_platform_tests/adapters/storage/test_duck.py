import os
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from options_platform.adapters.storage.duck import held, looked_at
from options_platform.errors import DamagedError, HomeError, WarehouseBusyError

HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "w.duckdb"


@pytest.fixture
def holder(path):
    """A second process that keeps the file open until it is told to stop."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline().strip() == "held"
        yield process
        process.kill()


def test_a_file_in_use_is_an_error_after_a_limited_time_with_user_and_advice(path, holder):
    started = time.monotonic()
    with pytest.raises(WarehouseBusyError) as error, held(path, wait_seconds=0.5):
        pass
    assert time.monotonic() - started < 3
    message = str(error.value)
    assert str(path) in message
    assert f"process {holder.pid}" in message
    assert "try again" in message
    assert "\n" not in message


def test_a_file_that_is_released_in_time_is_opened(path, holder):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: _first_row(path))
        time.sleep(0.2)
        assert not waiting.done()
        holder.stdin.write("go\n")
        holder.stdin.flush()
        assert waiting.result(timeout=30) == (42,)


def _first_row(path):
    with held(path, wait_seconds=20) as connection:
        return connection.execute("SELECT 42").fetchone()


def test_the_file_is_closed_at_the_end_even_after_an_error(path):
    with pytest.raises(ZeroDivisionError), held(path, wait_seconds=1):
        raise ZeroDivisionError
    code = "import sys, duckdb; duckdb.connect(sys.argv[1]).close()"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0


def test_a_nested_block_has_the_same_connection(path):
    with held(path, wait_seconds=1) as outer:
        with held(path.parent / "." / path.name, wait_seconds=1) as inner:
            assert inner is outer
        assert outer.execute("SELECT 1").fetchone() == (1,)


def test_threads_take_turns(path):
    def add(_):
        with held(path, wait_seconds=5) as connection:
            connection.execute("BEGIN")
            connection.execute("UPDATE counter SET n = n + 1")
            connection.execute("COMMIT")

    with held(path, wait_seconds=5) as connection:
        connection.execute("CREATE TABLE counter AS SELECT 0 AS n")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(20)))
    with held(path, wait_seconds=5) as connection:
        assert connection.execute("SELECT n FROM counter").fetchone() == (20,)


def test_a_file_that_is_not_a_database_is_reported_in_one_line(path):
    path.write_text("date,open\n" * 1000)
    with pytest.raises(HomeError, match="is damaged") as error:
        _first_row(path)
    assert "\n" not in str(error.value)


def test_a_folder_in_place_of_the_file_is_reported_in_one_line(path):
    path.mkdir()
    with pytest.raises(HomeError, match="OPTIONS_HOME") as error:
        _first_row(path)
    assert "\n" not in str(error.value)


@pytest.fixture(scope="module")
def ledger_bytes(tmp_path_factory):
    """A real ledger's file, and a log that a killed process left beside it."""
    folder = tmp_path_factory.mktemp("ledger")
    code = KILLED_WHILE_NOTING.format(path=str(folder / "ledger.duckdb"))
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    return (folder / "ledger.duckdb").read_bytes(), (folder / "ledger.duckdb.wal").read_bytes()


KILLED_WHILE_NOTING = """
import os
from datetime import UTC, datetime
from pathlib import Path
from options_platform.adapters.storage.ledger import Ledger
from options_platform_tests.domain.trading.orders.test_orders import ORDER
ledger = Ledger(Path({path!r}))
ledger.record_intent(ORDER, datetime.now(UTC))
with ledger.holding():
    for number in range(30):
        ledger.note(ORDER.client_order_id, datetime.now(UTC), f"note {{number}}")
    os._exit(9)
"""


def read_all(path, wait_seconds=30.0):
    """Every row of every table, or what was said instead."""
    with held(path, wait_seconds=wait_seconds) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        return {name: connection.execute(f'FROM "{name}"').fetchall() for (name,) in names}


def test_a_changed_byte_is_reported_as_damage_or_is_harmless(tmp_path, ledger_bytes):
    whole, log = ledger_bytes
    path, beside = tmp_path / "block.duckdb", tmp_path / "block.duckdb.wal"
    message = []

    def reopened(content, wal):
        path.write_bytes(content)
        beside.write_bytes(wal)
        try:
            return read_all(path)
        except DamagedError as error:
            message.append(str(error))
            return None

    sound = reopened(whole, log)
    assert len(sound["order_events"]) == 31
    began, damaged = time.monotonic(), 0
    rng = random.Random(5)
    for offset in [*range(0, 12_288, 251), *rng.sample(range(len(whole)), 60)]:
        rows = reopened(flipped(whole, offset), log)
        assert rows in (None, sound), offset
        damaged += rows is None
    assert damaged > 60
    for offset in rng.sample(range(len(log)), 60):
        rows = reopened(whole, flipped(log, offset))
        damaged += rows is None
        # What a torn log says before its tear is true; nothing that was never written is read.
        assert rows is None or set(rows["order_events"]) <= set(sound["order_events"]), offset
    assert damaged > 100
    assert all(str(path) in line and "options-platform doctor" in line for line in message)
    assert not any("\n" in line or "held by another" in line for line in message)
    # A file that is held is waited for, half a minute here; one that is damaged never is.
    assert time.monotonic() - began < 60


def flipped(content, offset):
    changed = bytearray(content)
    changed[offset] ^= 0xFF
    return bytes(changed)


@pytest.mark.parametrize("share", [0.0001, 0.001, 0.01, 0.3, 0.6])
def test_a_truncated_file_is_reported_as_damage(tmp_path, ledger_bytes, share):
    path = tmp_path / "cut.duckdb"
    path.write_bytes(ledger_bytes[0][: int(len(ledger_bytes[0]) * share)])
    with pytest.raises(DamagedError, match="doctor") as error:
        read_all(path)
    assert "held by another process" not in str(error.value)


def test_damage_that_shows_within_the_block_is_reported_too(path):
    with held(path, wait_seconds=1) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT range AS n, hash(range) AS h FROM range(500000)"
        )
    content = path.read_bytes()
    path.write_bytes(flipped(content, len(content) - 300_000))
    with pytest.raises(DamagedError), held(path, wait_seconds=1) as connection:
        connection.execute("SELECT sum(n), sum(h::HUGEINT) FROM t").fetchall()


def test_a_file_name_with_the_word_lock_changes_nothing(tmp_path):
    path = tmp_path / "Could not set lock on file.duckdb"
    path.write_text("date,open\n" * 1000)
    began = time.monotonic()
    with pytest.raises(DamagedError):
        read_all(path)
    assert time.monotonic() - began < 5


def test_a_reader_waits_a_limited_time_for_a_writer_of_its_own_process(path):
    is_held, may_end = Event(), Event()

    def write():
        with held(path, wait_seconds=5):
            is_held.set()
            may_end.wait(30)

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        assert is_held.wait(30)
        with (
            pytest.raises(WarehouseBusyError, match="another thread of this process"),
            looked_at(path, wait_seconds=0.1),
        ):
            pass
        may_end.set()
        writing.result(timeout=30)
        with looked_at(path, wait_seconds=5) as connection:
            assert connection.execute("SELECT 42").fetchone() == (42,)


def test_what_a_killed_process_was_about_to_put_in_place_is_deleted(path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait(30)

    def left(process, age_seconds):
        file = path.with_name(f".{path.name}.{process}.1.new")
        file.touch()
        moment = time.time() - age_seconds
        os.utime(file, (moment, moment))
        return file

    old, of_living = left(dead.pid, 3600), left(os.getppid(), 3600)
    with held(path, wait_seconds=5):
        pass
    assert not old.exists()
    assert of_living.exists()
