"""`doctor`, `backup` and `restore`: check the installation, save and restore the home."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from options_platform.commands.common import print_json, reading_settings, say
from options_platform.common import DEFAULT_RULE_SET
from options_platform.errors import DiskFullError, HomeError, PlatformError, UsageError
from options_platform.formats import count
from options_platform.services.market_data.diagnosis import NEEDED, Diagnosis, diagnose
from options_platform.settings import Settings, load_settings


def doctor(args: argparse.Namespace) -> int:
    """Check everything that a run needs; 1 if anything is broken.

    `--deep` reads every page of every database and runs the rules over all predictions. `--health`
    looks at nothing but Dagster's daemon and the daily schedule; :class:`UsageError` for both.
    With `--strict` a stock that is priced on the market's volatility counts as broken.
    """
    if args.deep and args.health:
        raise UsageError("--deep reads everything and --health next to nothing; give one of them")
    findings = _health() if args.health else _checked(args.deep, strict=args.strict)
    if args.json:
        print_json([finding.__dict__ for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.state:5} {finding.what}: {finding.detail}")
        for line in [] if args.health else _steps(findings):
            say(line)
    return 1 if any(f.state == Diagnosis.BROKEN for f in findings) else 0


def _health() -> list[Diagnosis]:
    from options_platform.services.installation.health import health_findings

    return list(health_findings(load_settings(), datetime.now(UTC)))


def _steps(findings: Sequence[Diagnosis]) -> list[str]:
    """What is missing for paper trading, and what to do next."""
    from options_platform.services.installation.first_steps import first_steps, steps_in_words

    settings = load_settings()
    if settings.is_live:
        return []
    return ["", *steps] if (steps := steps_in_words(first_steps(settings, findings))) else []


def _checked(deep: bool, *, strict: bool) -> list[Diagnosis]:
    settings = load_settings()
    findings = [*diagnose(settings, deep=deep, strict=strict), *_installation(settings)]
    if all(f.state != Diagnosis.BROKEN for f in findings if f.what in NEEDED):
        findings += [*_account_notes(settings, findings), *_outlook(settings, findings, deep)]
        findings += _forward_findings(settings)
    return findings


def _installation(settings: Settings) -> list[Diagnosis]:
    """The machine, and what is configured beside the home."""
    from options_platform.services.installation.accounts import alert_findings, broker_findings
    from options_platform.services.installation.copies import copy_findings
    from options_platform.services.installation.helpers import dagster_findings, mlflow_findings
    from options_platform.services.installation.machine import machine_findings
    from options_platform.services.installation.stored_schemas import schema_findings

    now = datetime.now(UTC)
    return [
        *schema_findings(settings),
        *machine_findings(settings, now),
        *copy_findings(settings),
        *broker_findings(settings),
        *alert_findings(),
        *mlflow_findings(settings),
        *dagster_findings(settings, now),
    ]


def _outlook(settings: Settings, findings: Sequence[Diagnosis], deep: bool) -> list[Diagnosis]:
    """What to expect of the rules; they are run over all stored predictions, so only if `deep`."""
    if not deep:
        detail = "how often the rules trade: options-platform doctor --deep, or feasibility"
        return [Diagnosis("pace", Diagnosis.NOTE, detail)]
    from options_platform.services.backtesting.outlook_findings import outlook_findings

    return outlook_findings(settings, findings)


def _account_notes(settings: Settings, findings: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Whether the account's equity is too small for its plans, and positions whose rule set has
    gone; nothing of a damaged ledger."""
    from options_platform.services.trading.account_state import refused_by_equity
    from options_platform.services.trading.home_copy import home_copy
    from options_platform.services.trading.sets_in_account import in_account, sets_in_account

    if any(f.state == Diagnosis.BROKEN and f.what == settings.ledger_path.name for f in findings):
        return []
    ledger = home_copy(settings).ledger
    try:
        refused = refused_by_equity(settings, ledger)
        held = ledger.positions(only_open=True) if ledger.exists else []
    except PlatformError as error:
        return [Diagnosis("account", Diagnosis.NOTE, f"its entries are not known: {error}")]
    texts = [in_account(row) for row in sets_in_account(settings, held) if row["note"]]
    texts += [] if refused is None else [refused.text]
    return [Diagnosis("account", Diagnosis.NOTE, text) for text in texts]


def _forward_findings(settings: Settings) -> list[Diagnosis]:
    """Whether the chain of the forward record verifies, and what is wrong with it otherwise."""
    from options_platform.services.forward.alerts import forward_alerts, gap_texts, head_text
    from options_platform.services.forward.recording import forward_record

    name = "forward record"
    try:
        chain = forward_record(settings).read()
        chain.require_sound()
    except PlatformError as error:
        return [Diagnosis(name, Diagnosis.BROKEN, str(error))]
    if chain.head is None:
        return [Diagnosis(name, Diagnosis.NOTE, "empty; it begins with: options-platform daily")]
    now = datetime.now(UTC)
    alerts = forward_alerts(settings, chain, now)
    notes = [Diagnosis(name, Diagnosis.NOTE, f"{alert.title}: {alert.text}") for alert in alerts]
    notes += [Diagnosis(name, Diagnosis.NOTE, text) for text in gap_texts(chain.links, now)]
    text = f"{count(len(chain.links), 'link')}, every hash is right; {head_text(chain.head)}"
    return [Diagnosis(name, Diagnosis.OK, text), *notes]


def backup(args: argparse.Namespace) -> int:
    """Write the home to one archive: a consistent copy of each database, a hash of each file.

    The `options.toml` of the working directory, which lies beside the home, is in it too.

    Raises :class:`UsageError` for an archive inside the home, :class:`DiskFullError` without
    space, :class:`HomeError` if the archive cannot be written.
    """
    from options_platform.adapters.storage.backups.archive import SETTINGS, write_archive
    from options_platform.adapters.storage.home import require_home
    from options_platform.adapters.storage.storage_faults import FULL_ERRNOS

    settings = reading_settings()
    require_home(settings, "nothing was saved")
    archive = Path(args.archive)
    if archive.resolve().is_relative_to(settings.home):
        raise UsageError(f"{archive} is inside the home; write the archive elsewhere")
    try:
        write_archive(
            settings.home,
            archive,
            wait_seconds=settings.warehouse_wait_seconds,
            now=datetime.now(UTC),
            settings_file=Path.cwd() / SETTINGS,
        )
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise DiskFullError(archive) from error
        raise HomeError(f"{archive} cannot be written ({error.strerror})") from error
    say(f"{archive}: {archive.stat().st_size / 1e6:.1f} MB from {settings.home}")
    return 0


def restore(args: argparse.Namespace) -> int:
    """Verify an archive, set the present home aside, and put the archive's content in its place.

    Raises :class:`UsageError` if the archive is no file.
    """
    from options_platform.adapters.storage.backups.archive import SETTINGS
    from options_platform.adapters.storage.backups.restoring import restore_archive

    # The file of the set that trades may be in the archive alone.
    settings = load_settings(rule_set=DEFAULT_RULE_SET)
    archive = Path(args.archive)
    if not archive.is_file():
        raise UsageError(f"{archive} is not a file; name an archive that backup wrote")
    if args.rehearse:
        return _rehearse_restore(settings, archive, args.only)
    restored = restore_archive(
        archive,
        settings.home,
        ledger=settings.ledger_path.name,
        only=args.only or (),
        now=datetime.now(UTC),
        wait_seconds=settings.warehouse_wait_seconds,
    )
    if restored.aside is not None:
        say(f"The former content is now in {restored.aside}")
    parts = ", ".join(args.only) + " of " if args.only else ""
    say(f"Restored {parts}{settings.home} from {archive}")
    kept, used = settings.home / SETTINGS, Path.cwd() / SETTINGS
    if kept.is_file() and not used.exists():
        copy = shlex.join(["cp", str(kept), "."])
        say(f"The backup has the settings too, which this folder lacks; to use them: {copy}")
    if restored.forward_note is not None:
        say(restored.forward_note)
    if restored.halted:
        say(
            f"New entries are halted ({restored.reason}; {', '.join(restored.halted)}): only the "
            "broker knows the trades since the backup. Run: options-platform reconcile; check the "
            "result, then run: options-platform resume"
        )
    return 0


def _rehearse_restore(settings: Settings, archive: Path, only: Sequence[str] | None) -> int:
    """Prove that an archive can be restored, and note it in the account's audit."""
    from options_platform.adapters.storage.backups.restoring import rehearse_archive
    from options_platform.services.trading.go_live import note_rehearsed_restore

    if only:
        raise UsageError("--rehearse reads the whole archive: leave out --only")
    found = rehearse_archive(archive, settings.home, wait_seconds=settings.warehouse_wait_seconds)
    not_noted = note_rehearsed_restore(settings, archive.name, datetime.now(UTC))
    say(
        f"{archive} can be restored: {count(found.files, 'file')} as they were written, "
        f"{count(found.databases, 'database')} read. Nothing was changed."
    )
    if not_noted is not None:
        say(f"The audit, and so go-live, does not know of it: {not_noted}")
    return 0
