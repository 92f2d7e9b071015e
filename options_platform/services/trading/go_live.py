"""The go-live gate of a home: what its paper account and its drills show, and who overrides it."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from options_platform.adapters.storage.ledger import Ledger, open_ledger
from options_platform.adapters.storage.outbox import Outbox
from options_platform.adapters.storage.outbox.file import FILE
from options_platform.domain.accounting.go_live import (
    GoLiveCheck,
    GoLiveFacts,
    go_live_checks,
)
from options_platform.domain.risk.kill_switch import is_of_losses
from options_platform.errors import LedgerError, PlatformError, UsageError
from options_platform.settings import Settings

OVERRIDE = "go_live_override"
"""The name of the override and of its event in the audit."""
REHEARSED = "restore_rehearsed"
RESTORED = "RESTORED from "
LONGEST_NAME = 80


@dataclass(frozen=True)
class GoLive:
    """The check list, and the override in force: who, when and why; None without one."""

    checks: list[GoLiveCheck]
    override: str | None

    @property
    def is_open(self) -> bool:
        """Whether entries for real money are sent."""
        return self.override is not None or all(check.passed for check in self.checks)


def go_live(settings: Settings, now: datetime) -> GoLive:
    """The gate as it stands.

    The record is that of the paper account, in `go_live.paper_home`; alerts, kill switch and backup
    are those of this home. An override is kept in the ledger of the real account.
    """
    ledger = open_ledger(settings)
    override = ledger.kept(OVERRIDE) if settings.is_live and ledger.exists else None
    return GoLive(go_live_checks(_facts(settings), settings.go_live, now), override)


def may_go_live(settings: Settings, now: datetime) -> bool:
    """Whether the gate is open; one that cannot be asked is closed."""
    try:
        return go_live(settings, now).is_open
    except PlatformError:
        return False


def override(settings: Settings, name: str, reason: str, now: datetime) -> str:
    """Let real money be traded although the checks have not passed; what the audit says of it.

    Raises :class:`UsageError` without a name or a reason, and where no real money is traded.
    """
    who, why = " ".join(name.split()), " ".join(reason.split())
    if not settings.is_live:
        raise UsageError("no real money is traded here, so there is nothing to override")
    if (
        not 0 < len(who) <= LONGEST_NAME
        or not who.isprintable()
        or not why.isprintable()
        or not why
    ):
        raise UsageError(
            "an override needs a name and a reason: go-live --override NAME --reason TEXT"
        )
    failed = [check.name for check in go_live_checks(_facts(settings), settings.go_live, now)
              if not check.passed]  # fmt: skip
    text = f"{who} on {now:%Y-%m-%d %H:%M} UTC: {why} (not passed: {', '.join(failed) or 'none'})"
    open_ledger(settings).keep(OVERRIDE, text, now, event=text)
    return text


def revoke(settings: Settings, now: datetime) -> bool:
    """Take an override back; False if there was none."""
    ledger = open_ledger(settings)
    if not ledger.exists or ledger.kept(OVERRIDE) is None:
        return False
    ledger.keep(OVERRIDE, None, now, event="revoked")
    return True


def note_rehearsed_restore(settings: Settings, archive: str, now: datetime) -> str | None:
    """Note in the account's audit that a backup can be restored; why not, if it cannot be."""
    ledger = _of_drills(settings)
    if not ledger.exists:
        return "there is no account yet"
    try:
        ledger.keep(REHEARSED, None, now, event=archive)
    except LedgerError as error:
        return str(error)
    return None


def _of_record(settings: Settings) -> Ledger:
    """The ledger of the paper account that the record is of."""
    other = settings.go_live.paper_home
    home = Path(other).expanduser().absolute() if other else settings.home
    return Ledger(
        home / settings.paper_ledger_path.name,
        account=settings.account,
        wait_seconds=settings.warehouse_wait_seconds,
        broker=settings.broker,
    )


def _of_drills(settings: Settings) -> Ledger:
    """The ledger of this home in whose audit the drills are."""
    return open_ledger(settings) if settings.go_live.paper_home else _of_record(settings)


def _facts(settings: Settings) -> GoLiveFacts:
    facts = GoLiveFacts([], [], [], [], differs=False, delivered_at=None, waiting_since=None,
                        halt_tried_at=None, restored_at=None)  # fmt: skip
    with suppress(PlatformError):
        # Without an outbox that can be read nothing says that alerts arrive.
        outbox = Outbox(settings.home / FILE)
        waiting = [message.made_at for message in outbox.undelivered()]
        facts = replace(facts, delivered_at=outbox.newest_delivery(),
                        waiting_since=min(waiting, default=None))  # fmt: skip
    try:
        record = _of_record(settings)
        facts = _with_record(facts, record) if record.exists else facts
    except LedgerError as error:
        # As one at another broker: it proves nothing, and may be overridden.
        facts = replace(facts, problem=str(error))
    with suppress(LedgerError):
        drills = _of_drills(settings)
        facts = _with_drills(facts, drills) if drills.exists else facts
    return facts


def _with_record(facts: GoLiveFacts, ledger: Ledger) -> GoLiveFacts:
    closed = sorted(
        (p for p in ledger.positions() if p.closed_on is not None and p.max_loss_usd > 0),
        key=lambda p: (p.closed_on or date.max, p.position_id),
    )
    return replace(
        facts,
        shares=[p.profit_usd / p.max_loss_usd for p in closed],
        profits=[p.profit_usd for p in closed],
        sessions=ledger.table("marks")["session"].to_list(),
        differences=_differed(_events(ledger)),
        differs=bool(ledger.differences()),
    )


def _with_drills(facts: GoLiveFacts, ledger: Ledger) -> GoLiveFacts:
    events = _events(ledger)
    restored = [
        at
        for at, kind, detail in events
        if kind == REHEARSED or (kind == "halted" and detail.startswith(RESTORED))
    ]
    return replace(
        facts, halt_tried_at=_halt_tried(events), restored_at=max(restored, default=None)
    )


def _events(ledger: Ledger) -> list[tuple[datetime, str, str]]:
    """When, of which kind and what, the oldest first."""
    rows = ledger.table("account_events").select("recorded_at", "kind", "detail")
    return [(at.replace(tzinfo=UTC), kind, detail) for at, kind, detail in rows.iter_rows()]


def _differed(events: list[tuple[datetime, str, str]]) -> list[date]:
    """The days on which a difference was found, and on which it was gone again.

    Only a change of the differences is an event, so one lasts until the next.
    """
    days, lasts = [], False
    for at, kind, detail in events:
        if kind == "reconciled":
            differs = bool(json.loads(detail))
            if differs or lasts:
                days.append(at.date())
            lasts = differs
    return days


def _halt_tried(events: list[tuple[datetime, str, str]]) -> datetime | None:
    """When a halt by a person was lifted last; those of losses and of restores are no drills."""
    halted, tried = False, None
    for at, kind, detail in events:
        if kind == "halted":
            halted = halted or not (is_of_losses(detail) or detail.startswith(RESTORED))
        elif kind == "resumed" and halted:
            halted, tried = False, at
    return tried
