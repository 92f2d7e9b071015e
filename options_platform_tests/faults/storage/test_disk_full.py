"""A disk that is full in earnest: whatever of an order could be written, there is one order.

The home lies on a small tmpfs, filled up to a few kilobytes and freed afterwards.
"""

import os
import re
import subprocess
from contextlib import contextmanager

import pytest
from polars.testing import assert_frame_equal

from options_platform.adapters.storage.ledger import Ledger
from options_platform.contracts import MODEL_FOLDS, TRADE_PLAN
from options_platform.errors import LedgerError
from options_platform.testing.alpaca_account import server, trader
from options_platform_tests.commands.test_cli import DATA, DAYS, Shell, rows
from options_platform_tests.faults.world import (
    POST,
    assert_full_disk_lost_nothing,
    assert_sound,
    ended,
    start,
    statuses,
    trade,
)

PROGRESS = re.compile(r" *\d+\.\d s ")
SIZE_KB, ROOM_KB = 4096, 24_576


@pytest.fixture
def disk(tmp_path):
    with mounted(tmp_path / "disk", SIZE_KB) as folder:
        yield folder


@pytest.fixture
def room(tmp_path):
    """Room for a small home with its Dagster and its warehouse."""
    with mounted(tmp_path / "room", ROOM_KB) as folder:
        yield folder


@contextmanager
def mounted(folder, kilobytes):
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    try:
        subprocess.run(["mount", *options], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError) as cause:
        pytest.skip(f"no tmpfs can be mounted here, which takes root: {cause}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


@contextmanager
def full_but_for(folder, kilobytes):
    """Fill the disk until so much is free."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - kilobytes * 1024))
    left = os.statvfs(folder)
    assert left.f_bavail * left.f_frsize <= kilobytes * 1024 + 4096
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("kilobytes", [0, 8, 64, 280, 540, 1100])
def test_an_order_on_a_full_disk_is_neither_lost_nor_doubled(disk, kilobytes):
    with server() as fake:
        with full_but_for(disk, kilobytes):
            code, output = ended(start(disk, fake.address))
            assert (code, "Traceback" in output) in ((0, False), (1, False)), output
            if code:
                (line,) = (text for text in output.splitlines() if text.startswith("refused: "))
                assert "no new order is sent" in line or "nothing was sent" in line
            if kilobytes == 0:
                assert code == 1
                assert fake.count(POST) == 0
        assert_full_disk_lost_nothing(disk, fake)


@pytest.mark.long
@pytest.mark.parametrize("kilobytes", [0, 4, 16, 64])
def test_a_disk_that_fills_up_between_two_sessions_orders_keeps_the_first(disk, kilobytes):
    with server() as fake:
        made = trader(disk, fake.address)
        trade(made)
        with full_but_for(disk, kilobytes):
            code, output = ended(start(disk, fake.address, tickers=("SPY", "QQQ")))
            assert (code, "Traceback" in output) in ((0, False), (1, False)), output
        trade(made, ("SPY", "QQQ"))
        assert statuses(fake) == ["filled", "filled"]
        assert fake.count(POST) == 2
        assert_sound(made, fake)


def backfilled(shell, code, **environment):
    """The only line that the platform prints in a backfill, without a traceback."""
    done = shell.run_apart("backfill", "--select", DATA, **environment)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return [line for line in done.stderr.splitlines() if line.startswith("options-platform: ")]


@pytest.mark.long
@pytest.mark.parametrize("kilobytes", [4, 700, 1500])
def test_a_first_backfill_on_a_full_disk_reports_it_and_works_once_there_is_space(
    room, tmp_path, kilobytes
):
    shell = Shell(tmp_path)
    shell.home = room / "home"
    with full_but_for(room, kilobytes):
        (line,) = backfilled(shell, code=1)
        assert f"no space is left on the disk of {room}" in line
    assert backfilled(shell, code=0) == []
    assert shell.table().height == len(DAYS)


@pytest.mark.long
@pytest.mark.parametrize("kilobytes", [0, 300])
def test_a_backfill_that_fills_the_disk_leaves_the_tables_as_they_were(room, tmp_path, kilobytes):
    shell = Shell(tmp_path)
    shell.home = room / "home"
    assert backfilled(shell, code=0) == []
    before = shell.table()
    shell.write([row.replace(",1000", ",2000") for row in rows()])
    with full_but_for(room, kilobytes):
        (line,) = backfilled(shell, code=1)
        assert "no space is left on the disk" in line
    assert_frame_equal(shell.table(), before)
    assert backfilled(shell, code=0) == []
    assert set(shell.table()["volume"]) == {2000}


@pytest.mark.parametrize("kilobytes", [0, 4, 8])
def test_a_ledger_without_space_is_not_half_created(disk, kilobytes):
    path = disk / "ledger.duckdb"
    with full_but_for(disk, kilobytes), pytest.raises(LedgerError, match="no space is left"):
        Ledger(path).require_account("1")
    assert [one.name for one in disk.iterdir()] == []
    Ledger(path).require_account("1")
    with pytest.raises(LedgerError, match="another account"):
        Ledger(path).require_account("2")


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_a_daily_run_that_trains_on_a_full_disk_reports_it_and_works_once_there_is_space(tmp_path):
    """2018-12-03 trains a fold of each model, with writes of MLflow, Dagster and the warehouse."""
    shell = Shell(tmp_path)
    sample = {
        "OPTIONS_SOURCE": "sample",
        "OPTIONS_START": "2017-01-03",
        "OPTIONS_END": "2018-12-31",
    }
    with mounted(tmp_path / "large", 8 * ROOM_KB) as large:
        shell.home = large / "home"
        done = shell.run_apart("backfill", "--end", "2018-11-30", **sample)
        assert done.returncode == 0, done.stderr
        before = shell.table(MODEL_FOLDS), shell.table(TRADE_PLAN)
        for kilobytes in (4, 300, 1500):
            with full_but_for(large, kilobytes):
                done = shell.run_apart("daily", "--date", "2018-12-03", **sample)
                assert done.returncode == 1
                lines = [line for line in done.stderr.splitlines() if not PROGRESS.match(line)]
                assert len(lines) == 1, done.stderr
                assert f"no space is left on the disk of {large}" in lines[0]
            assert_frame_equal(shell.table(TRADE_PLAN), before[1])
        done = shell.run_apart("daily", "--date", "2018-12-03", **sample)
        assert done.returncode == 0, done.stderr
        assert shell.table(MODEL_FOLDS).height > before[0].height
        assert str(shell.table(TRADE_PLAN)["date"].max()) == "2018-12-03"
