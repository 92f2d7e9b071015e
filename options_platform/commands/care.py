"""`doctor`, `backup` and `restore`: the health of the installation and the home."""

from __future__ import annotations

import argparse
import os
import tarfile
from datetime import UTC, datetime
from pathlib import Path

from options_platform.adapters.diagnosis import Finding, diagnose
from options_platform.adapters.duck import held
from options_platform.commands.common import print_json, ready_settings, say
from options_platform.errors import HomeError, UsageError
from options_platform.settings import load_settings

NOT_KEPT = {"cache", "locks"}
NOT_KEPT_SUFFIXES = {".wal", ".lock"}


def doctor(args: argparse.Namespace) -> int:
    """Check everything that a run rests on; exit code 1 if anything is broken."""
    settings = load_settings()
    findings = diagnose(settings)
    if args.json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.state:5} {finding.what}: {finding.detail}")
    return 1 if any(f.state == Finding.BROKEN for f in findings) else 0


def backup(args: argparse.Namespace) -> int:
    """Write the home to one archive, its databases checkpointed and held meanwhile."""
    settings = ready_settings()
    archive = Path(args.archive)
    if archive.resolve().is_relative_to(settings.home):
        raise UsageError(f"{archive} lies inside the home; write the archive elsewhere")
    new = archive.with_name(f"{archive.name}.{os.getpid()}.new")
    try:
        with tarfile.open(new, "w:gz", compresslevel=3) as tar:
            _add_home(tar, settings.home, settings.warehouse_wait_seconds)
        new.replace(archive)
    except OSError as error:
        raise HomeError(f"{archive} cannot be written ({error.strerror})") from error
    finally:
        new.unlink(missing_ok=True)
    say(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB from {settings.home}")
    return 0


def _add_home(tar: tarfile.TarFile, home: Path, wait_seconds: float) -> None:
    for path in sorted(home.iterdir()):
        if path.name in NOT_KEPT:
            continue
        if path.suffix == ".duckdb":
            with held(path, wait_seconds=wait_seconds) as connection:
                connection.execute("CHECKPOINT")
                tar.add(path, arcname=path.name)
        elif path.suffix not in NOT_KEPT_SUFFIXES:
            tar.add(path, arcname=path.name)


def restore(args: argparse.Namespace) -> int:
    """Unpack an archive into the home; a home that is there is set aside, never overwritten."""
    settings = load_settings()
    archive = Path(args.archive)
    if not archive.is_file():
        raise UsageError(f"{archive} is no file; give the archive that backup wrote")
    home = settings.home
    unpacked = home.with_name(f"{home.name}.{os.getpid()}.restoring")
    try:
        with tarfile.open(archive) as tar:
            _require_plain(tar, archive)
            # Python 3.11 has the filter from 3.11.4 on; Debian 12 brings 3.11.2.
            if hasattr(tarfile, "data_filter"):
                tar.extractall(unpacked, filter="data")
            else:
                tar.extractall(unpacked)  # noqa: S202 (each member was looked at)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise UsageError(f"{archive} is no whole archive ({error}); nothing was changed") from error
    if home.exists():
        aside = home.with_name(f"{home.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        home.rename(aside)
        say(f"The home that was there is now {aside}")
    unpacked.rename(home)
    say(f"Restored {home} from {archive}")
    return 0


def _require_plain(tar: tarfile.TarFile, archive: Path) -> None:
    """Refuse members that would land outside the home, or be anything but files and folders."""
    for member in tar:
        inside = Path(member.name)
        if inside.is_absolute() or ".." in inside.parts or not (member.isfile() or member.isdir()):
            raise UsageError(
                f"{archive} holds {member.name!r}, which no backup would; nothing was changed"
            )
