"""Instances of DuckDB wait for the next use of their file, and keep nobody from it meanwhile."""

import os
import subprocess
import sys

import duckdb
import pytest

from options_platform.adapters.storage import duck_instances
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.duck_instances import MOST_WAITING


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "it's a file.duckdb"
    with held(path, wait_seconds=5) as connection:
        connection.execute("CREATE TABLE t AS SELECT 1 AS a")
    return path


def rows(path):
    with held(path, wait_seconds=5) as connection:
        return connection.execute("SELECT a FROM t").fetchall()


def test_the_next_use_of_a_file_takes_its_instance(path):
    waiting = duck_instances._waiting[path]
    assert rows(path) == [(1,)]
    assert duck_instances._waiting[path] is waiting


def test_another_process_may_write_while_the_instance_waits_and_is_read_then(path):
    assert not path.with_name(f"{path.name}.wal").exists()
    code = "import duckdb, sys; duckdb.connect(sys.argv[1]).execute('UPDATE t SET a = 2')"
    subprocess.run([sys.executable, "-c", code, path], check=True)
    assert rows(path) == [(2,)]


def test_a_file_that_was_replaced_is_read_anew(path, tmp_path):
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("CREATE TABLE t AS SELECT 3 AS a")
    (tmp_path / "other.duckdb").replace(path)
    assert rows(path) == [(3,)]


def test_an_instance_in_which_work_failed_is_not_used_again(path):
    failed = duck_instances._waiting[path]
    work = "BEGIN; UPDATE t SET a = 4; SELECT 'x'::INTEGER"
    with pytest.raises(duckdb.ConversionException), held(path, wait_seconds=5) as connection:
        connection.execute(work)
    assert path not in duck_instances._waiting
    assert rows(path) == [(1,)]
    assert duck_instances._waiting[path] is not failed


def test_only_a_few_instances_wait(tmp_path):
    for number in range(MOST_WAITING + 3):
        with held(tmp_path / f"{number}.duckdb", wait_seconds=5):
            pass
    assert len(duck_instances._waiting) == MOST_WAITING
    assert tmp_path / "0.duckdb" not in duck_instances._waiting


def test_a_file_that_the_process_has_open_elsewhere_is_shared_with_it(path):
    with duckdb.connect(str(path)) as mine:
        assert rows(path) == [(1,)]
        with held(path, wait_seconds=5) as connection:
            connection.execute("INSERT INTO t VALUES (5)")
        assert mine.execute("SELECT sum(a) FROM t").fetchone() == (6,)


def test_a_file_may_have_the_name_of_a_catalog_of_duckdb(tmp_path):
    for name in ("memory", "system", "temp", "main"):
        with held(tmp_path / f"{name}.duckdb", wait_seconds=5) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        assert rows(tmp_path / f"{name}.duckdb") == [(1,)]


# Python 3.12 warns of every fork of a process with threads.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_starts_instances_of_its_own(path):
    child = os.fork()
    if child == 0:
        os._exit(0 if rows(path) == [(1,)] else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rows(path) == [(1,)]
