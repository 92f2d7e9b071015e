import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from options_platform.adapters.duck import held
from options_platform.errors import HomeError, WarehouseBusyError

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
    """A second process that holds the file until it is told to let go."""
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


def test_a_file_held_elsewhere_is_given_up_in_bounded_time_saying_who_and_what_to_do(path, holder):
    started = time.monotonic()
    with pytest.raises(WarehouseBusyError) as error, held(path, wait_seconds=0.5):
        pass
    assert time.monotonic() - started < 3
    said = str(error.value)
    assert str(path) in said
    assert f"process {holder.pid}" in said
    assert "try again" in said
    assert "\n" not in said


def test_a_file_let_go_in_time_is_opened(path, holder):
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


def test_the_file_is_let_go_at_the_end_also_after_an_error(path):
    with pytest.raises(ZeroDivisionError), held(path, wait_seconds=1):
        raise ZeroDivisionError
    code = "import sys, duckdb; duckdb.connect(sys.argv[1]).close()"
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 0


def test_a_visit_inside_a_visit_has_the_same_connection(path):
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


def test_a_file_that_is_no_database_is_said_in_one_line(path):
    path.write_text("date,open\n" * 1000)
    with pytest.raises(HomeError, match=r"no DuckDB file|cannot be opened") as error:
        _first_row(path)
    assert "\n" not in str(error.value)


def test_a_folder_in_the_files_place_is_said_in_one_line(path):
    path.mkdir()
    with pytest.raises(HomeError, match="OPTIONS_HOME") as error:
        _first_row(path)
    assert "\n" not in str(error.value)
