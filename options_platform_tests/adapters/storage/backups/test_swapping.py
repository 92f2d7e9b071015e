"""A home is complete after a restore that fails or is killed at any step."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from options_platform.adapters.storage.backups.swapping import alone, can_exchange, exchange
from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.ledger import Ledger
from options_platform.errors import HomeError
from options_platform.settings import Settings
from options_platform_tests.adapters.storage.backups.small_home import (
    LATER,
    beside,
    make_archive,
    make_home,
    read_sqlite,
    restore,
    snapshot,
)

PARTS = ("ledger.duckdb", "mlflow.db", "warehouse.duckdb")
# Each home is restored by a process of its own, which ends without a word at the rename that
# its name says.
KILLED_AT_EACH_RENAME = """
import json, os, sys
from datetime import UTC, datetime
from pathlib import Path
from options_platform.adapters.storage.backups import restoring, swapping
archive, folder, only = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
restoring.can_exchange = lambda folder: False

def restored(home, last):
    renames = 0
    def count(event, arguments):
        nonlocal renames
        if event == "os.rename" and ".restoring-" in str(arguments):
            renames += 1
            if renames == last:
                os._exit(9)
    sys.addaudithook(count)
    restoring.restore_archive(
        archive, home, ledger="ledger.duckdb", only=only, now=datetime(2026, 3, 9, tzinfo=UTC),
        wait_seconds=1,
    )
    os._exit(0)

codes = []
for home in sorted(folder.iterdir()):
    child = os.fork()
    if child == 0:
        restored(home, int(home.name))
    codes.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(json.dumps(codes))
"""


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


def mine(folder):
    """The content of the home, without files left by restores."""
    aside = ("before-", ".restoring-", "locks", "reports", "logs")
    prepared = ("dagster/dagster.yaml", "home.json")
    return {
        name: data
        for name, data in snapshot(folder).items()
        if not name.startswith((*aside, *prepared))
    }


@pytest.mark.parametrize(
    ("only", "renames"),
    [
        (PARTS, (1, 3, 6)),
        pytest.param(PARTS, range(1, 16), marks=pytest.mark.long),
        pytest.param((), range(1, 25), marks=pytest.mark.long),
    ],
    ids=["parts", "parts at each rename", "all entries at each rename"],
)
def test_a_restore_of_entries_that_is_killed_anywhere_is_finished_by_the_next_command(
    tmp_path, only, renames
):
    origin = make_home(tmp_path / "origin")
    archive = make_archive(origin)
    Ledger(origin / "ledger.duckdb").halt("DRAWDOWN", LATER)
    for name in ("mlflow.db", "warehouse.duckdb"):
        (origin / name).write_bytes(b"of the present home")
    (origin / "notes.txt").write_text("of the present home")
    before = mine(origin)
    homes = tmp_path / "homes"
    for n in renames:
        shutil.copytree(origin, homes / f"{n:02}")
    done = subprocess.run(
        [sys.executable, "-c", KILLED_AT_EACH_RENAME, archive, homes, json.dumps(only)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    codes = json.loads(done.stdout)
    if len(renames) > 3:
        assert set(codes) == {9, 0}
        assert codes.index(0) >= 8
    for code, home in zip(codes, sorted(homes.iterdir()), strict=True):
        prepare_home(Settings(home=home))
        now = mine(home)
        if code == 9 and now == before:
            continue
        assert read_sqlite(home / "mlflow.db") == 3
        assert now["warehouse.duckdb"] != before["warehouse.duckdb"]
        assert ("notes.txt" in now) == bool(only)
        assert Ledger(home / "ledger.duckdb").halted() == "RESTORED from backup.tar.gz"
        (aside,) = home.glob("before-*")
        assert (aside / "mlflow.db").read_bytes() == before["mlflow.db"]
        assert (aside / "ledger.duckdb").read_bytes() == before["ledger.duckdb"]
        assert not list(home.glob(".restoring-*/plan.json"))


def test_a_failed_swap_leaves_the_home_unchanged(home, monkeypatch):
    archive, before = make_archive(home), mine(home)

    def fail(*_):
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(
        "options_platform.adapters.storage.backups.restoring.can_exchange", lambda _: True
    )
    monkeypatch.setattr("options_platform.adapters.storage.backups.swapping.exchange", fail)
    with pytest.raises(HomeError, match="busy"):
        restore(archive, home)
    assert mine(home) == before
    assert beside(home) == ["backup.tar.gz", "home"]


@pytest.mark.parametrize("failing", range(1, 9))
def test_entries_that_cannot_all_be_moved_are_moved_back(home, monkeypatch, failing):
    archive, before, calls = make_archive(home), mine(home), []
    move = Path.rename

    def busy(path, target):
        calls.append(path)
        # The draft of the plan is the first.
        if len(calls) == failing + 1:
            raise OSError(16, "Device or resource busy")
        return move(path, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", busy)
        with pytest.raises(HomeError, match="busy"):
            restore(archive, home, only=("chains", *PARTS))
    assert mine(home) == before
    assert not [path for path in home.iterdir() if path.name.startswith((".rest", "before"))]


def test_a_home_on_a_file_system_without_name_exchange_is_restored(home, monkeypatch):
    archive = make_archive(home)
    monkeypatch.setattr("ctypes.CDLL", lambda *_, **__: object())
    assert not can_exchange(home.parent)
    (home / "warehouse.duckdb").write_bytes(b"damaged" * 5000)
    restored = restore(archive, home)
    assert restored.aside.parent == home
    assert (restored.aside / "warehouse.duckdb").read_bytes() == b"damaged" * 5000
    assert Ledger(home / "ledger.duckdb").halted() == "RESTORED from backup.tar.gz"
    assert beside(home) == ["backup.tar.gz", "home"]


def test_an_exchange_swaps_two_names(tmp_path):
    if not can_exchange(tmp_path):
        pytest.skip("this file system exchanges no names")
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("1")
    second.write_text("2")
    exchange(first, second)
    assert (first.read_text(), second.read_text()) == ("2", "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_no_command_starts_in_a_home_whose_restore_is_under_way(home):
    staged = home / ".restoring-home-1"
    staged.mkdir()
    (staged / "plan.json").write_text("{}")
    with alone(home), pytest.raises(HomeError, match="is being restored by another process"):
        prepare_home(Settings(home=home))
