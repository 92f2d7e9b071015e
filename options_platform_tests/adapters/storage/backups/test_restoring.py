"""A restore is complete or leaves the home unchanged, also for bad archives and full disks."""

import gzip
import hashlib
import io
import json
import random
import subprocess
import sys
import tarfile
import zlib
from contextlib import closing
from datetime import UTC, datetime

import duckdb
import pytest

from options_platform.adapters.storage.backups.archive import HASHES, MARK, write_archive
from options_platform.adapters.storage.backups.restoring import (
    rehearse_archive,
    restore_archive,
)
from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.ledger.halt_notice import leave_notice
from options_platform.errors import UsageError
from options_platform_tests.adapters.storage.backups.small_home import (
    LATER,
    NOW,
    beside,
    make_archive,
    make_home,
    read_sqlite,
    restore,
    snapshot,
)
from options_platform_tests.domain.trading.orders.test_orders import ORDER


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def archive(home):
    return make_archive(home)


def assert_refused(archive, home, message=""):
    before, others = snapshot(home), beside(home)
    with pytest.raises(UsageError) as error:
        restore(archive, home)
    assert "nothing was changed" in str(error.value)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert snapshot(home) == before
    assert beside(home) == others


def test_a_home_is_restored_as_it_was_and_the_present_one_is_set_aside(home, archive):
    before = snapshot(home)
    (home / "warehouse.duckdb").write_bytes(b"damaged" * 5000)
    (home / "chains" / "SPY" / "2024.parquet").unlink()
    damaged = snapshot(home)
    restored = restore(archive, home)
    now = snapshot(home)
    for name in ("warehouse.duckdb", "ledger.duckdb", "chains/SPY/2024.parquet"):
        assert now[name] == before[name], name
    assert read_sqlite(home / "mlflow.db") == 3
    assert read_sqlite(home / "dagster" / "history" / "runs" / "index.db") == 5
    assert snapshot(restored.aside) == damaged
    assert restored.aside.name == "home.before-20260309T120000"


def test_a_deleted_home_is_restored(home, archive, tmp_path):
    elsewhere = tmp_path / "other" / "home"
    restored = restore(archive, elsewhere)
    assert restored.aside is None
    assert read_sqlite(elsewhere / "mlflow.db") == 3


def test_a_restored_ledger_is_halted_until_a_person_resumes(home, archive):
    running = Ledger(home / "ledger.duckdb")
    assert running.halted() is None
    restored = restore(archive, home)
    assert restored.halted == ("ledger.duckdb",)
    ledger = Ledger(home / "ledger.duckdb")
    assert ledger.halted() == "RESTORED from backup.tar.gz"
    assert ledger.halted() == "RESTORED from backup.tar.gz"
    ledger.resume("looked at the broker", LATER)
    assert ledger.halted() is None
    kinds = ledger.table("account_events")["kind"].to_list()
    assert kinds == ["halted", "resumed"]


def test_a_ledger_older_than_a_halt_is_halted_and_one_halted_before_keeps_its_reason(
    home, archive, tmp_path
):
    Ledger(home / "ledger.duckdb").halt("DRAWDOWN", LATER)
    restore(archive, home)
    assert Ledger(home / "ledger.duckdb").halted() == "RESTORED from backup.tar.gz"
    Ledger(home / "ledger.duckdb").resume("seen", LATER)
    Ledger(home / "ledger.duckdb").halt("DAILY_LOSS", LATER)
    second = tmp_path / "second.tar.gz"
    write_archive(home, second, wait_seconds=5, now=LATER)
    restore_archive(
        second, home, ledger="ledger.duckdb", only=(), now=datetime(2026, 4, 1, tzinfo=UTC),
        wait_seconds=1,
    )  # fmt: skip
    assert Ledger(home / "ledger.duckdb").halted() == "DAILY_LOSS"


def test_an_archive_without_a_ledger_halts_the_ledger_too(home, tmp_path):
    (home / "ledger.duckdb").rename(tmp_path / "kept.duckdb")
    path = tmp_path / "early.tar.gz"
    write_archive(home, path, wait_seconds=5, now=NOW)
    (tmp_path / "kept.duckdb").rename(home / "ledger.duckdb")
    restore(path, home)
    assert Ledger(home / "ledger.duckdb").halted() == "RESTORED from early.tar.gz"


def test_the_ledger_of_another_account_is_halted_though_it_is_not_in_the_archive(home, archive):
    live = Ledger(home / "ledger-live.duckdb", label="live", broker="alpaca")
    live.record_intent(ORDER, NOW)
    restored = restore(archive, home)
    assert restored.halted == ("ledger-live.duckdb", "ledger.duckdb")
    assert live.halted() == "RESTORED from backup.tar.gz"


def test_an_unrecorded_halt_is_restored_with_its_reason(home, tmp_path):
    leave_notice(home / "ledger.duckdb", "storm", NOW)
    path = tmp_path / "noticed.tar.gz"
    write_archive(home, path, wait_seconds=5, now=NOW)
    restore(path, home)
    assert Ledger(home / "ledger.duckdb").halted() == "storm"


def test_one_part_is_restored_and_the_others_stay(home, archive):
    Ledger(home / "ledger.duckdb").note(ORDER.client_order_id, LATER, "later than the backup")
    (home / "warehouse.duckdb").write_bytes(b"damaged" * 5000)
    (home / "warehouse.duckdb.wal").write_bytes(b"the damaged one's")
    ledger = (home / "ledger.duckdb").read_bytes()
    restored = restore(archive, home, only=("warehouse.duckdb",))
    with closing(duckdb.connect(str(home / "warehouse.duckdb"))) as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    assert (home / "ledger.duckdb").read_bytes() == ledger
    assert restored.halted == ()
    assert {path.name for path in restored.aside.iterdir()} == {
        "warehouse.duckdb",
        "warehouse.duckdb.wal",
    }
    with pytest.raises(UsageError, match="holds no 'warehouse'; it holds chains"):
        restore(archive, home, only=("warehouse",))


def tar_of(path, members, mode="w:gz"):
    with tarfile.open(path, mode) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_a_foreign_archive_is_refused_before_it_is_unpacked(home, tmp_path):
    made = {
        "empty.tar.gz": b"",
        "text.tar.gz": b"date,open\n" * 100,
        "gz-of-nothing.tar.gz": gzip.compress(b""),
        "gz-of-text.tar.gz": gzip.compress(b"date,open\n" * 100),
        "zeros.tar.gz": gzip.compress(bytes(10_240)),
    }
    for name, data in made.items():
        (tmp_path / name).write_bytes(data)
        assert_refused(tmp_path / name, home)
    assert_refused(tar_of(tmp_path / "no-members.tar.gz", []), home, "is no archive of backup")
    assert_refused(tar_of(tmp_path / "plain.tar", [("a", b"1")], "w"), home)
    foreign = tar_of(tmp_path / "foreign.tar.gz", [("warehouse.duckdb", b"1" * 5000)])
    assert_refused(foreign, home, "is no archive of backup")


def members_of(archive):
    with tarfile.open(archive) as tar:
        return [(member.name, tar.extractfile(member).read()) for member in tar]


def test_a_changed_added_removed_or_moved_member_is_refused(home, archive, tmp_path):
    members = members_of(archive)
    last = len(members) - 1
    at = next(n for n, (name, _) in enumerate(members) if name == "ledger.duckdb")
    name, data = members[at]
    changed = bytearray(data)
    changed[-1] ^= 1
    variants = {
        "changed": [*members[:at], (name, bytes(changed)), *members[at + 1 :]],
        "taken": [*members[:at], *members[at + 1 :]],
        "added": [*members[:last], ("extra", b"1"), members[last]],
        "twice": [*members[:last], members[at], members[last]],
        "after": [*members, ("extra", b"1")],
        "without-hashes": members[:last],
        "renamed": [*members[:at], ("ledger-live.duckdb", data), *members[at + 1 :]],
        "other-format": [(MARK, json.dumps({"format": 9, "version": "9"}).encode()), *members[1:]],
        "no-list": [*members[:last], (HASHES, b"[]")],
    }
    for case, content in variants.items():
        assert_refused(tar_of(tmp_path / f"{case}.tar.gz", content), home)


@pytest.mark.parametrize("name", ["../out", "/abs", "a/../../out", "a//b", "./a", ""])
def test_a_member_with_a_path_outside_of_the_home_is_refused(home, archive, tmp_path, name):
    members = members_of(archive)
    bad = tar_of(tmp_path / "bad.tar.gz", [members[0], (name, b"1"), *members[1:]])
    assert_refused(bad, home)
    assert not (tmp_path / "out").exists()


def test_a_link_is_refused(home, archive, tmp_path):
    path = tmp_path / "link.tar.gz"
    members = members_of(archive)
    with tarfile.open(path, "w:gz") as tar:
        member = tarfile.TarInfo(MARK)
        member.size = len(members[0][1])
        tar.addfile(member, io.BytesIO(members[0][1]))
        link = tarfile.TarInfo("warehouse.duckdb")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    assert_refused(path, home, "which no backup would")


def test_an_archive_truncated_or_changed_anywhere_is_refused(home, archive, tmp_path):
    whole = archive.read_bytes()
    rng = random.Random(11)
    bad = tmp_path / "bad.tar.gz"
    cuts = [1, 9, 10, 11, 200, len(whole) - 1, len(whole) - 7, len(whole) - 8, len(whole) - 9]
    for cut in [*cuts, *rng.sample(range(len(whole)), 20)]:
        bad.write_bytes(whole[:cut])
        assert_refused(bad, home)
    # The first bytes hold the time and the name of the compressed file, which say nothing.
    for offset in rng.sample(range(30, len(whole)), 40):
        changed = bytearray(whole)
        changed[offset] ^= 0xFF
        bad.write_bytes(changed)
        # A copy of bytes that stand twice may come from either place, so some flips change nothing.
        if not says_the_same(changed, whole):
            assert_refused(bad, home)


def says_the_same(changed, whole):
    try:
        return gzip.decompress(bytes(changed)) == gzip.decompress(whole)
    except (OSError, EOFError, zlib.error):
        return False


HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("name", ["warehouse.duckdb", "ledger.duckdb"])
def test_a_home_in_use_by_another_process_is_not_restored(home, archive, name):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home / name)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout.readline().strip() == "held"
        assert_refused(archive, home, f"{name} is used by another process")
        holder.stdin.write("\n")


KILLED = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from options_platform.adapters.storage.backups import restoring, swapping
restoring.can_exchange = lambda folder: True
archive, home, place = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]

def die(*_):
    os._exit(9)

def die_after(*names):
    real(*names)
    os._exit(9)

real = swapping.exchange
if place == "unpacking":
    restoring._keep_only = die
elif place == "before":
    swapping.exchange = die
else:
    swapping.exchange = die_after
restoring.restore_archive(
    archive, home, ledger="ledger.duckdb", only=(), now=datetime(2026, 3, 9, tzinfo=UTC),
    wait_seconds=1,
)
"""


@pytest.mark.parametrize("place", ["unpacking", "before", "after"])
def test_a_restore_that_is_killed_leaves_the_old_home_or_the_new_one_whole(home, archive, place):
    (home / "notes.txt").write_text("of the present home")
    before = snapshot(home)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(archive), str(home), place], check=False
    )
    assert done.returncode == 9
    now = snapshot(home)
    if place == "after":
        assert "notes.txt" not in now
        assert {"ledger.duckdb", "ledger.duckdb.halt", "warehouse.duckdb", "mlflow.db"} <= set(now)
        (aside,) = (p for p in home.parent.iterdir() if p.name.startswith("home.before-"))
        assert snapshot(aside) == before
    else:
        assert now == before
    restore(archive, home)
    assert not [name for name in beside(home) if name.startswith(".restoring-")]
    assert Ledger(home / "ledger.duckdb").halted() == "RESTORED from backup.tar.gz"


def test_a_home_that_is_a_mount_point_is_restored_inside_it(home, archive, tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(volume)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError) as cause:
        pytest.skip(f"no tmpfs can be mounted here, which takes root: {cause}")
    try:
        (volume / "newer.duckdb").write_bytes(b"")
        (volume / "warehouse.duckdb").write_bytes(b"damaged" * 5000)
        restored = restore(archive, volume)
        assert restored.aside.parent == volume
        assert {path.name for path in restored.aside.iterdir()} == {
            "newer.duckdb",
            "warehouse.duckdb",
        }
        assert read_sqlite(volume / "mlflow.db") == 3
        assert Ledger(volume / "ledger.duckdb").halted() == "RESTORED from backup.tar.gz"
    finally:
        subprocess.run(["umount", "--lazy", str(volume)], check=True, timeout=30)


def test_a_ledger_that_is_restored_alone_is_halted_too(home, archive):
    restored = restore(archive, home, only=("ledger.duckdb",))
    assert restored.halted == ("ledger.duckdb",)
    assert Ledger(home / "ledger.duckdb").halted() == "RESTORED from backup.tar.gz"


def test_a_rehearsed_restore_reads_all_of_the_archive_and_changes_nothing(home, archive, tmp_path):
    before = snapshot(home)
    found = rehearse_archive(archive, home, wait_seconds=5.0)
    assert found.files == len(members_of(archive)) - 2
    assert found.databases > 0
    cut = tmp_path / "cut.tar.gz"
    cut.write_bytes(archive.read_bytes()[:-9])
    with pytest.raises(UsageError, match="nothing was changed"):
        rehearse_archive(cut, home, wait_seconds=5.0)
    # Saved as it was, and no database all the same.
    members = dict(members_of(archive))
    members["ledger.duckdb"] = members["ledger.duckdb"][:5000]
    recorded = json.loads(members[HASHES])
    recorded["files"]["ledger.duckdb"] = hashlib.sha256(members["ledger.duckdb"]).hexdigest()
    members[HASHES] = json.dumps(recorded).encode()
    broken = tar_of(tmp_path / "broken.tar.gz", members.items())
    with pytest.raises(UsageError, match=r"holds 'ledger\.duckdb', of which it") as error:
        rehearse_archive(broken, home, wait_seconds=5.0)
    assert "nothing was changed" in str(error.value)
    assert snapshot(home) == before
    assert beside(home) == ["backup.tar.gz", "broken.tar.gz", "cut.tar.gz", "home"]
