"""The archive of `backup`: private, complete, without files set aside, and recorded in the home."""

import tarfile
from pathlib import Path

import pytest

from options_platform.adapters.storage.backups.archive import (
    HASHES,
    MARK,
    recorded_backups,
    write_archive,
)
from options_platform.errors import DamagedError
from options_platform_tests.adapters.storage.backups.small_home import (
    LATER,
    NOW,
    beside,
    make_archive,
    make_home,
    restore,
)


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


@pytest.fixture
def archive(home):
    return make_archive(home)


def test_a_backup_leaves_out_files_that_a_restore_set_aside(home, archive, tmp_path):
    restore(archive, home, only=("chains",))
    second = tmp_path / "second.tar.gz"
    write_archive(home, second, wait_seconds=5, now=LATER)
    with tarfile.open(second) as tar:
        tops = {name.split("/")[0] for name in tar.getnames()}
    assert tops == {MARK, HASHES, "chains", "dagster", "ledger.duckdb", "mlflow.db",
                    "warehouse.duckdb"}  # fmt: skip


def test_the_settings_in_use_are_in_the_archive_and_not_older_ones_in_the_home(home, tmp_path):
    (home / "options.toml").write_text('tickers = ["SPY"]\n')
    used, archive = tmp_path / "options.toml", tmp_path / "with-settings.tar.gz"
    used.write_text('tickers = ["QQQ"]\n')
    write_archive(home, archive, wait_seconds=5, now=NOW, settings_file=used)
    used.unlink()
    restore(archive, home)
    assert (home / "options.toml").read_text() == 'tickers = ["QQQ"]\n'
    write_archive(home, archive, wait_seconds=5, now=LATER, settings_file=used)
    restore(archive, home.with_name("other"))
    assert (home.with_name("other") / "options.toml").read_text() == 'tickers = ["QQQ"]\n'


def test_an_archive_and_its_restored_files_are_private(home, archive):
    assert archive.stat().st_mode & 0o777 == 0o600
    restore(archive, home)
    for path in (home, *home.rglob("*")):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_damaged_database_is_not_backed_up_and_the_former_archive_stays(home, archive):
    former = archive.read_bytes()
    for name in ("mlflow.db", "warehouse.duckdb"):
        kept = (home / name).read_bytes()
        (home / name).write_bytes(b"damaged " * 5000)
        with pytest.raises(DamagedError, match=name):
            write_archive(home, archive, wait_seconds=1, now=LATER)
        (home / name).write_bytes(kept)
    assert archive.read_bytes() == former
    assert beside(home) == ["backup.tar.gz", "home"]


def test_the_home_remembers_where_its_backups_are(home, archive, tmp_path):
    second = tmp_path / "second.tar.gz"
    write_archive(home, second, wait_seconds=5, now=LATER)
    assert recorded_backups(home) == [(archive, NOW), (second, LATER)]
    restore(archive, home)
    assert recorded_backups(home)[-1] == (second, LATER)
    (home / "backups.json").write_text("{")
    assert recorded_backups(home) == []


def test_a_linked_folder_is_backed_up_with_its_content(home, tmp_path):
    elsewhere = tmp_path / "big-disk"
    (home / "chains").rename(elsewhere)
    (home / "chains").symlink_to(elsewhere)
    path = tmp_path / "linked.tar.gz"
    write_archive(home, path, wait_seconds=5, now=NOW)
    restored = tmp_path / "restored" / "home"
    restore(path, restored)
    assert Path(restored / "chains" / "SPY" / "2024.parquet").stat().st_size == 50_000
