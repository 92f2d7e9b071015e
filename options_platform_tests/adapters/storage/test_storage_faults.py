"""A full disk and a damaged file are recognised in any library's error; a bug is not changed."""

import errno
import sqlite3

import pytest
import sqlalchemy as db

from options_platform.adapters.storage.storage_faults import fault_in_words, storage_fault
from options_platform.errors import DamagedError, DiskFullError


@pytest.fixture
def small(tmp_path):
    """A real SQLite database limited to four pages."""
    path = tmp_path / "runs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    return path


def raised(work):
    with pytest.raises(Exception) as caught:  # noqa: PT011 (whatever class it is)
        work()
    return caught.value


def fill(path):
    engine = db.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count=2")
        connection.exec_driver_sql("INSERT INTO t SELECT zeroblob(100000)")


def test_a_full_sqlite_database_inside_an_error_of_sqlalchemy_is_a_full_disk(small):
    fault = storage_fault(raised(lambda: fill(small)), "/data/x")
    assert isinstance(fault, DiskFullError)
    assert "/data/x" in str(fault)
    assert "\n" not in str(fault)


def test_a_file_that_is_not_a_sqlite_database_is_damaged(small):
    small.write_text("date,open\n" * 1000)

    def read():
        with db.create_engine(f"sqlite:///{small}").connect() as connection:
            connection.exec_driver_sql("SELECT * FROM t")

    error = raised(read)
    fault = storage_fault(error, "/data/x")
    assert isinstance(fault, DamagedError)
    assert "options-platform doctor" in str(fault)
    assert isinstance(fault_in_words(str(error), "/data/x"), DamagedError)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_found_behind_what_was_raised_from_it(number):
    def work():
        try:
            raise OSError(number, "No space", "/disk/file")  # noqa: TRY301
        except OSError as error:
            raise RuntimeError("a step failed") from error

    assert "/disk/file" in str(storage_fault(raised(work), "/data/x"))


@pytest.mark.parametrize(
    "error",
    [ValueError("block"), PermissionError(errno.EACCES, "no"), sqlite3.OperationalError("locked")],
)
def test_other_errors_are_not_changed(error):
    assert storage_fault(error, "/data/x") is None
    assert fault_in_words(str(error), "/data/x") is None
