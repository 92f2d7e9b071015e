"""Versions of the published copy: whole or absent, shared where nothing changed, kept if read."""

import errno
import os
import shutil
import signal
import subprocess
import sys

import duckdb
import polars as pl
import pytest

from options_platform.adapters.storage.changes import end_change
from options_platform.adapters.storage.published import exporting, publishing, retention
from options_platform.adapters.storage.published.versions import (
    kept_version,
    newest_version,
    version_folders,
)
from options_platform.contracts import RAW_OHLCV
from options_platform.errors import DamagedError, WarehouseBusyError
from options_platform_tests.adapters.storage.published.published_home import (
    BARS,
    INDEX,
    add_to_bars,
    another_process,
    inodes,
    ledger_of,
    make_home,
    published,
    warehouse_of,
)

KILLED_AT = {
    "an unfinished file": "exporting.export = lambda *_: kill()",
    "before the manifest": "publishing._write_through = lambda *_: kill()",
    "before the name": "Path.rename = lambda *_: kill()",
    "before it is current": "publishing._make_current = lambda *_: kill()",
    "with the link made": "Path.replace = lambda *_: kill()",
    "before the former are removed": "publishing.remove_old = lambda *_: kill()",
}
KILL = """
import os, signal, sys
from pathlib import Path
from options_platform.adapters.storage.changes import end_change
from options_platform.adapters.storage.published import exporting, publishing, retention
def kill():
    os.kill(os.getpid(), signal.SIGKILL)
home, at = Path(sys.argv[1]), sys.argv[2]
exec(at)
publishing.export = exporting.export
publishing.publish(home, wait_seconds=10)
"""
READ = """
import sys
from pathlib import Path
from options_platform.adapters.storage.published.versions import kept_version
version = kept_version(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""
HOLD = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def large_tables(monkeypatch):
    """Tables of some hundred rows have a file for each year."""
    monkeypatch.setattr(exporting, "MOST_VALUES_IN_A_FILE", 1000)


def closes(version):
    files = version.files("warehouse/raw_ohlcv")
    return pl.read_parquet(files, columns=["close"])["close"].to_list()


def numbers(home):
    return sorted(number for number, _ in version_folders(home))


def test_a_year_that_changed_is_written_and_all_other_files_are_shared(home, large_tables):
    first = published(home)
    add_to_bars(home)
    second = published(home)
    before, after = inodes(first), inodes(second)
    assert before.keys() == after.keys()
    changed = {path for path in after if after[path] != before[path]}
    assert changed == {"warehouse/raw_ohlcv/2017.parquet"}
    assert {2015, 2016, 2017} == {f["year"] for f in second.tables["warehouse/vix"]["files"]}


def test_nothing_is_written_where_nothing_has_changed(home):
    first = published(home)
    assert warehouse_of(home).read(RAW_OHLCV).height == BARS.height
    assert published(home).number == first.number
    # Put in place anew, as by a reader's copy or a restore, the rows are compared.
    stored = home / "warehouse.duckdb"
    stored.rename(home / "moved")
    shutil.copyfile(home / "moved", stored)
    second = published(home)
    assert second.number > first.number
    assert inodes(second) == inodes(first)


def test_a_change_of_the_ledger_reads_no_warehouse(home):
    first = published(home)
    ledger_of(home).keep("note", "second", None)
    with another_process(HOLD, home / "warehouse.duckdb"):
        second = published(home)
    changed = {path for path, at in inodes(second).items() if inodes(first)[path] != at}
    assert changed == {"ledger/meta/all.parquet"}


@pytest.mark.parametrize("at", KILLED_AT.values(), ids=KILLED_AT)
def test_a_kill_leaves_the_former_version_or_the_new_one_and_the_next_repairs(home, at):
    first = published(home)
    add_to_bars(home)
    end_change(home / "warehouse.duckdb")
    killed = subprocess.run(
        [sys.executable, "-c", KILL, home, at], capture_output=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    left = newest_version(home)
    assert closes(left) in (closes(first), warehouse_of(home).read(RAW_OHLCV)["close"].to_list())
    new = published(home)
    assert closes(new) == warehouse_of(home).read(RAW_OHLCV)["close"].to_list()
    assert newest_version(home).number == new.number
    names = {path.name for path in (home / "published" / "versions").iterdir()}
    assert all(name.isdigit() for name in names)
    assert max(numbers(home)) == new.number


def test_a_version_that_another_process_reads_stays_and_then_goes(home, monkeypatch):
    monkeypatch.setattr(retention, "KEPT_SECONDS", 0.0)
    first = published(home)
    with another_process(READ, home):
        for by in range(1, 5):
            add_to_bars(home, by)
            published(home)
        assert numbers(home) == [first.number, first.number + 3, first.number + 4]
        assert len(closes(first)) == BARS.height
    add_to_bars(home)
    newest = published(home)
    assert numbers(home) == [newest.number - 1, newest.number]


def test_a_young_version_stays_for_who_reads_its_files_by_name(home):
    kept = [published(home).number]
    for by in range(1, 4):
        add_to_bars(home, by)
        kept.append(published(home).number)
    assert numbers(home) == kept


def test_a_version_that_is_removed_at_this_moment_is_not_read(home, monkeypatch):
    monkeypatch.setattr(retention, "KEPT_SECONDS", 0.0)
    seen = []
    for by in range(1, 6):
        version = kept_version(home) or published(home)
        seen.append(len(closes(version)))
        del version
        add_to_bars(home, by)
        published(home)
    assert seen == [BARS.height] * 5


def test_a_damaged_store_keeps_its_former_files_and_the_others_are_published(home):
    first = published(home)
    stored = home / "ledger.duckdb"
    stored.write_bytes(stored.read_bytes()[:5000])
    add_to_bars(home)
    with pytest.raises(DamagedError):
        published(home)
    second = newest_version(home)
    assert closes(second) != closes(first)
    assert inodes(second)["ledger/meta/all.parquet"] == inodes(first)["ledger/meta/all.parquet"]


def test_a_store_that_is_held_is_waited_for_and_then_named(home):
    with another_process(HOLD, home / "warehouse.duckdb"):
        with pytest.raises(WarehouseBusyError, match=r"warehouse\.duckdb is held by another"):
            publishing.publish(home, wait_seconds=0.1)
        assert newest_version(home) is None
        assert not any((home / "published" / "versions").iterdir())


def test_a_notebook_that_reads_a_store_delays_no_publishing_and_is_not_copied_for_it(home):
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True):
        before = (home / "warehouse.duckdb").stat().st_ino
        assert len(closes(published(home))) == BARS.height
    assert (home / "warehouse.duckdb").stat().st_ino == before


def test_a_home_that_was_copied_with_its_links_followed_goes_on(home):
    first = published(home)
    copy = home.with_name("copy")
    shutil.copytree(home, copy)
    assert (copy / "published" / "current").is_dir()
    assert closes(newest_version(copy)) == closes(first)
    add_to_bars(copy)
    second = published(copy)
    assert second.number > first.number
    assert (copy / "published" / "current").is_symlink()
    assert closes(newest_version(copy)) == closes(second)


def test_a_file_system_without_hard_links_gets_copies(home, monkeypatch):
    first = published(home)

    def refuse(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    ledger_of(home).keep("note", "second", None)
    second = published(home)
    path = "warehouse/raw_ohlcv/all.parquet"
    assert inodes(second)[path] != inodes(first)[path]
    assert closes(second) == closes(first)


def test_tables_of_a_user_are_published_as_they_are(home):
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute('CREATE TABLE own AS SELECT 1 AS one; CREATE TABLE "a/b" AS SELECT 1')
        connection.execute("CREATE SCHEMA marts; CREATE TABLE marts.m AS SELECT 2 AS two")
    version = published(home)
    assert {"warehouse/own", "marts/m"} < set(version.tables)
    assert pl.read_parquet(version.files("marts/m"))["two"].to_list() == [2]
    assert version.tables["warehouse/own"]["columns"] == [
        {"name": "one", "type": "INTEGER", "unit": "", "description": ""}
    ]


SMALL_TABLES = {
    "values swapped": ("(VALUES (1, 10), (2, 20)) AS v(k, t)", "UPDATE own SET t = 30 - t"),
    "two last values alike": ("(VALUES (1, 0), (2, 0)) AS v(k, t)", "UPDATE own SET t = -500"),
    "a pair of equal rows": ("(VALUES (1), (1)) AS v(t)", "UPDATE own SET t = 2"),
    "another column than the alias": ("(VALUES (1, 10)) AS v(t, k)", "UPDATE own SET k = 11"),
}


@pytest.mark.parametrize(("rows", "change"), SMALL_TABLES.values(), ids=SMALL_TABLES)
def test_rows_that_change_together_are_seen_to_have_changed(home, rows, change):
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(f"CREATE TABLE own AS FROM {rows}")
    published(home)
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute(change)
        stored = connection.execute("FROM own ORDER BY ALL").fetchall()
    (file,) = published(home).files("warehouse/own")
    assert sorted(pl.read_parquet(file).rows()) == stored


@pytest.mark.parametrize("text", ["", "[]", "null", '{"format": 1}', '{"format": 2}'])
def test_a_manifest_that_somebody_changed_is_no_version_and_is_made_anew(home, text):
    first = published(home)
    (first.folder / "manifest.json").write_text(text)
    assert (newest_version(home), kept_version(home)) == (None, None)
    assert sum(closes(published(home))) == pytest.approx(BARS["close"].sum())


@pytest.mark.parametrize("harm", ["lost", "cut"])
def test_a_file_that_was_lost_or_cut_is_written_anew_and_never_linked(home, harm):
    first = published(home)
    (file,) = first.files("warehouse/vix")
    if harm == "lost":
        file.unlink()
    else:
        os.truncate(file, 100)
    assert newest_version(home) is None
    ledger_of(home).keep("note", "second", None)
    (anew,) = published(home).files("warehouse/vix")
    assert pl.read_parquet(anew).height == INDEX.height
