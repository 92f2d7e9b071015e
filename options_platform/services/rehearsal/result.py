"""What a rehearsal returns: its sessions, moments, events, orders and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position
from options_platform.services.rehearsal.stress import Intensity


@dataclass(frozen=True)
class Event:
    """Something that happened; `kind` is one word, `text` a sentence without a full stop."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True)
class Moment:
    """The account at the broker at one moment: its equity at the mids, USD, and the spots."""

    at: datetime
    equity_usd: float
    spots: Mapping[str, float]


@dataclass(frozen=True)
class SessionRow:
    """The account at the end of a session's evening.

    `equity_usd` and `open_risk_usd` are the ledger's, `broker_equity_usd` is the broker's at the
    close; `vix` is in points, `in_month` says whether the session is of the month itself.
    """

    session: date
    in_month: bool
    spots: Mapping[str, float]
    vix: float | None
    equity_usd: float
    broker_equity_usd: float
    open_positions: int
    open_risk_usd: float
    halted: str | None


@dataclass(frozen=True)
class Breach:
    """A promise that was broken: by which check, when, and what was seen, with the order's id."""

    check: str
    at: datetime
    text: str


@dataclass(frozen=True)
class Verdict:
    """One check: what has to hold, what was looked at, and what breaks it (nothing if it holds)."""

    name: str
    promise: str
    seen: str
    breaches: tuple[Breach, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing breaks it."""
        return not self.breaches


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal that has ended.

    `rule_set` names the sets that traded, joined by +. `stress_book` says what was planned where
    the rules held nothing, None if they always did.
    """

    month: str
    rule_set: str
    seed: int
    intensity: Intensity
    tickers: tuple[str, ...]
    start_usd: float
    stress_book: str | None
    sessions: tuple[SessionRow, ...]
    moments: tuple[Moment, ...]
    events: tuple[Event, ...]
    orders: tuple[Order, ...]
    positions: tuple[Position, ...]
    verdicts: tuple[Verdict, ...]
    requests: int
    processes: int
    notes: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether all checks hold."""
        return all(verdict.holds for verdict in self.verdicts)

    @property
    def breaches(self) -> list[Breach]:
        """What broke, in the order of the checks."""
        return [breach for verdict in self.verdicts for breach in verdict.breaches]
