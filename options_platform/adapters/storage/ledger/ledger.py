"""The order ledger of an account, put together from its subjects."""

from __future__ import annotations

from dataclasses import dataclass

from options_platform.adapters.storage.ledger.account import AccountRecords
from options_platform.adapters.storage.ledger.evidence import EvidenceRecords
from options_platform.adapters.storage.ledger.halts import HaltRecords
from options_platform.adapters.storage.ledger.orders import OrderRecords
from options_platform.settings import Settings


@dataclass(frozen=True)
class Ledger(OrderRecords, EvidenceRecords, AccountRecords, HaltRecords):
    """The ledger of one account; every public method is a transaction of its own."""


REPLAY = "replay"


def open_ledger(settings: Settings) -> Ledger:
    """The ledger of the settings' account and broker."""
    return Ledger(
        settings.ledger_path,
        account=settings.account,
        label="live" if settings.is_live else "paper",
        wait_seconds=settings.warehouse_wait_seconds,
        broker=settings.broker,
    )


def replay_ledger(settings: Settings) -> Ledger:
    """The ledger that replays of past sessions are written to, apart from the account's."""
    return Ledger(
        settings.home / f"ledger-{REPLAY}.duckdb",
        account=settings.account,
        label=REPLAY,
        wait_seconds=settings.warehouse_wait_seconds,
    )
