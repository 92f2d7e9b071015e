"""`doctor --deep` reads every database completely; both report damage and how to restore it."""

import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime

import duckdb
import pytest

from options_platform.adapters.storage.backups.archive import write_archive
from options_platform.adapters.storage.backups.soundness import check_databases, way_back
from options_platform.adapters.storage.ledger import Ledger
from options_platform.services.market_data.diagnosis import diagnose
from options_platform_tests.adapters.storage.test_duck import HOLD
from options_platform_tests.domain.trading.orders.test_orders import ORDER
from options_platform_tests.platform import make_platform_settings

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def made_sqlite(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE runs (n INTEGER PRIMARY KEY, text)")
        connection.execute("CREATE INDEX by_text ON runs (text)")
        connection.executemany(
            "INSERT INTO runs VALUES (?, ?)", [(n, "x" * 50) for n in range(rows)]
        )


@pytest.fixture
def settings(tmp_path):
    made = make_platform_settings(tmp_path / "home")
    Ledger(made.ledger_path).record_intent(ORDER, NOW)
    with closing(duckdb.connect(str(made.warehouse_path))) as connection:
        connection.execute(
            "CREATE TABLE t AS SELECT range AS n, hash(range) AS h FROM range(200000)"
        )
    made_sqlite(made.home / "mlflow.db", 500)
    made_sqlite(made.dagster_home / "history" / "runs.db", 500)
    made_sqlite(made.dagster_home / "schedules" / "schedules.db", 500)
    return made


NAMES = [
    "warehouse.duckdb",
    "ledger.duckdb",
    "mlflow.db",
    "dagster/history/runs.db",
    "dagster/schedules/schedules.db",
]


def broken(settings):
    found = diagnose(settings, deep=True)
    return {one.what: one.detail for one in found if one.state == "BROKEN"}


def test_a_sound_home_reports_how_many_databases_were_read(settings):
    found = {one.what: (one.state, one.detail) for one in diagnose(settings, deep=True)}
    assert found["databases"] == ("ok", "5 are sound (every page read)")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_database_is_named_without_reading_its_pages(settings, name, share):
    path = settings.home / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    found = [one.what for one in diagnose(settings) if one.state == "BROKEN"]
    assert found == [name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_a_truncated_database_is_named_with_the_backup_that_restores_it(
    settings, tmp_path, name, share
):
    archive = tmp_path / "backup.tar.gz"
    write_archive(settings.home, archive, wait_seconds=5, now=NOW)
    path = settings.home / name
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    found = broken(settings)
    assert set(found) == {name}
    assert ("damaged" in found[name]) or ("empty" in found[name])
    part = name.split("/")[0]
    assert f"restore {archive} --only {part} (of 2026-03-02)" in found[name]
    assert "\n" not in found[name]
    archive.unlink()
    assert f"restore FILE --only {part}" in broken(settings)[name]


@pytest.mark.long
@pytest.mark.parametrize("name", ["warehouse.duckdb", "mlflow.db"])
def test_flipped_bytes_are_damage_or_harmless_and_never_another_process(settings, name):
    path, rng = settings.home / name, random.Random(7)
    whole, damaged = path.read_bytes(), 0
    for offset in [*range(0, 120, 7), *rng.sample(range(len(whole)), 60)]:
        changed = bytearray(whole)
        changed[offset] ^= 0xFF
        path.write_bytes(changed)
        (state,) = (one for one in check_databases(settings.home, wait_seconds=5, deep=True)
                    if one.path == path)  # fmt: skip
        assert not state.busy, offset
        damaged += state.cause is not None
    # DuckDB has a checksum on each block in use; SQLite has none on values.
    assert damaged >= (60 if name == "warehouse.duckdb" else 15)


def test_damage_with_a_quote_from_the_file_is_reported_in_one_line(settings):
    path = settings.home / "mlflow.db"
    content = path.read_bytes()
    assert content.count(b"CREATE TABLE runs") == 1
    path.write_bytes(content.replace(b"CREATE TABLE runs (", b"CREATE TABLE \x1c\x0b\x85 ("))
    assert broken(settings)["mlflow.db"].isprintable()
    assert "restore FILE --only mlflow.db" in broken(settings)["mlflow.db"]


def test_a_log_that_was_damaged_may_be_moved_away_instead(settings):
    path = settings.ledger_path
    log = path.with_name("ledger.duckdb.wal")
    code = (
        "import os, sys, duckdb\nc = duckdb.connect(sys.argv[1])\n"
        "c.execute(\"INSERT INTO meta VALUES ('a', 'b')\")\nos._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    content = bytearray(log.read_bytes())
    content[len(content) // 2] ^= 0xFF
    log.write_bytes(content)
    found = broken(settings)["ledger.duckdb"]
    assert "WAL" in found
    assert "move ledger.duckdb.wal away" in found
    assert "options-platform reconcile" in found


def test_the_log_of_a_killed_process_is_merged_and_reported_for_a_ledger(settings):
    code = (
        "import os, sys, duckdb\nc = duckdb.connect(sys.argv[1])\n"
        "c.execute(\"INSERT INTO meta VALUES ('a', 'b')\")\nos._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(settings.ledger_path)], check=True)
    found = {one.what: (one.state, one.detail) for one in diagnose(settings)}
    state, detail = found["ledger.duckdb"]
    assert state == "note"
    assert "options-platform reconcile" in detail


def test_a_database_that_is_in_use_is_not_called_damaged(settings):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(settings.warehouse_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline().strip() == "held"
        states = list(check_databases(settings.home, wait_seconds=0.2, deep=False))
        holder.kill()
    (warehouse,) = (one for one in states if one.path == settings.warehouse_path)
    assert warehouse.busy
    assert "held by another process" in warehouse.cause
    assert "restore" in way_back(settings.home, warehouse)
