"""What changes an account without an order: activities, renames and a person's acceptances.

Also what the last reconciliation reported, and the ledger's side of the next one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from options_platform.adapters.storage.ledger.activity_rows import (
    read_accepted_ends,
    read_deliveries,
    read_dividend_shares,
    read_ended,
    take_back_ends,
    write_ends,
    write_settlement,
)
from options_platform.adapters.storage.ledger.file import LedgerFile
from options_platform.adapters.storage.ledger.rows import (
    POSITION_FIELDS,
    append_row,
    naive_utc,
    read_meta,
    set_meta,
    write_event,
    write_row,
)
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.acceptance import (
    Acceptance,
    is_open_to_proof,
    without,
)
from options_platform.domain.trading.reconciliation.differences import Difference, LedgerStatement
from options_platform.domain.trading.reconciliation.manual_holdings import PERSONS, AcceptedEnd
from options_platform.domain.trading.reconciliation.settlement import Settlement
from options_platform.domain.trading.reconciliation.shares_held import DeliveredShares
from options_platform.domain.trading.reconciliation.split_evidence import (
    ADJUSTED,
    Split,
    changes_by,
    root_of,
)
from options_platform.domain.trading.reports import Activity

if TYPE_CHECKING:
    import duckdb
    from pydantic import TypeAdapter

BESIDE, ACCEPTANCE = "beside", "acceptance"


@dataclass(frozen=True)
class EvidenceRecords(LedgerFile):
    """Changes of contracts and cash that come from no order."""

    def statement(self) -> LedgerStatement:
        """The ledger's side of a comparison with the broker, at one moment."""
        with self._reading() as connection:
            adjusted = self._rows(
                connection, "SELECT symbol, sum(quantity)::INTEGER FROM adjustments GROUP BY symbol"
            )
            base = self._kept(connection, "cash_base_usd")
            ((moved,),) = self._rows(
                connection, "SELECT coalesce(sum(cash_usd), 0.0) FROM activities"
            )
            return LedgerStatement(
                orders=self._orders(connection),
                positions=self._positions(connection),
                adjustments=dict(adjusted),
                cash_base_usd=None if base is None else float(base),
                activities_usd=float(moved),
                beside=json.loads(self._kept(connection, BESIDE) or "{}"),
            )

    def adjust(self, changes: Mapping[str, int], cash_base_usd: float | None, now: datetime,
               reason: str) -> None:  # fmt: skip
        """Record contracts that came or went without an order, and the base of cash, USD."""
        with self._transaction() as connection:
            at = naive_utc(now)
            for symbol, quantity in sorted(changes.items()):
                append_row(connection, "adjustments", at, symbol, quantity, reason)
            if cash_base_usd is not None:
                set_meta(connection, "cash_base_usd", repr(cash_base_usd))
            if changes:
                write_event(connection, now, "adjusted", reason)

    def record_acceptance(self, acceptance: Acceptance, now: datetime, reason: str) -> None:
        """Record what a person's acceptance changed, and keep it so that it can be taken back."""
        with self._transaction() as connection:
            self._change_by_hand(
                connection, acceptance.changes, acceptance.beside, acceptance.after, now, reason
            )
            kept = [one for one in _read_acceptances(connection) if is_open_to_proof(one, now)]
            _write_acceptances(connection, [*kept, acceptance])
            write_ends(connection, acceptance.ends, now)
            for position in acceptance.after:
                detail = f"{position.position_id}: ACCEPTED: {reason}"
                write_event(connection, now, "position", detail)

    def acceptances(self) -> list[Acceptance]:
        """The acceptances that may still be taken back, oldest first."""
        with self._reading() as connection:
            return _acceptances_of(self._kept(connection, ACCEPTANCE))

    def take_back(
        self, acceptance: Acceptance, part: Acceptance, now: datetime, reason: str
    ) -> None:
        """Undo part of an acceptance: its positions become what they were before it."""
        changes = {symbol: -count for symbol, count in part.changes.items()}
        beside = {symbol: -count for symbol, count in part.beside.items()}
        with self._transaction() as connection:
            self._change_by_hand(connection, changes, beside, part.before, now, reason)
            left = [
                without(one, part) if one == acceptance else one
                for one in _read_acceptances(connection)
            ]
            _write_acceptances(connection, left)
            take_back_ends(connection, part.ends)
            for position in part.before:
                write_event(connection, now, "position", f"{position.position_id}: {reason}")

    def _change_by_hand(
        self,
        connection: duckdb.DuckDBPyConnection,
        changes: Mapping[str, int],
        beside: Mapping[str, int],
        positions: Sequence[Position],
        now: datetime,
        reason: str,
    ) -> None:
        for symbol, quantity in sorted(changes.items()):
            append_row(connection, "adjustments", naive_utc(now), symbol, quantity, reason)
        for position in positions:
            write_row(connection, "positions", POSITION_FIELDS, position)
        _add_beside(connection, beside)
        if changes:
            write_event(connection, now, "adjusted", reason)

    def settled(self) -> dict[str, float]:
        """How many contracts of each activity are recorded, by its key."""
        with self._reading() as connection:
            return dict(self._rows(connection, "SELECT key, quantity FROM activities"))

    def settled_usd(self, activity: Activity) -> float:
        """The cash that is recorded of an activity, USD."""
        with self._reading() as connection:
            rows = connection.execute(
                "SELECT cash_usd FROM activities WHERE key = ?", [activity.key]
            ).fetchall()
        return float(rows[0][0]) if rows else 0.0

    def deliveries(self) -> list[DeliveredShares]:
        """The shares that assignments and exercises have brought to positions, oldest first."""
        with self._reading() as connection:
            return read_deliveries(connection)

    def record_settlement(
        self,
        activity: Activity,
        settlement: Settlement,
        now: datetime,
        explained: Sequence[tuple[AcceptedEnd, int]] = (),
    ) -> None:
        """Record what an activity has ended, or takes back: positions, contracts, cash.

        Contracts and cash of an activity that was recorded in part before add up. `explained` are
        the ends by a person's word that the activity is about, and how many contracts of each.
        """
        with self._transaction() as connection:
            write_settlement(connection, activity, settlement, now, explained)
            if not settlement.ended.keys().isdisjoint(PERSONS):
                _add_beside(connection, settlement.adjustments)

    def ended_by(self, activity: Activity) -> dict[str, int]:
        """How many contracts an activity ended, by position_id or, for a person's, by `PERSONS`."""
        with self._reading() as connection:
            return read_ended(connection, activity.key)

    def dividend_shares(self, activity: Activity) -> dict[str, int]:
        """By position_id the shares that a dividend is booked on, below 0 where it is owed."""
        with self._reading() as connection:
            return read_dividend_shares(connection, activity.key)

    def accepted_ends(self) -> list[AcceptedEnd]:
        """What ended by a person's word and no activity has confirmed yet, oldest first."""
        with self._reading() as connection:
            return read_accepted_ends(connection)

    def record_renames(
        self,
        symbols: Mapping[str, str],
        quantities: Mapping[str, int],
        positions: Sequence[Position],
        now: datetime,
    ) -> None:
        """Record new symbols of contracts (old: new), with the `quantities` held under the old."""
        with self._transaction() as connection:
            at = naive_utc(now)
            for position in positions:
                write_row(connection, "positions", POSITION_FIELDS, position)
            for symbol, new_symbol in symbols.items():
                quantity = quantities[symbol]
                connection.execute(
                    "INSERT OR REPLACE INTO renames VALUES (?, ?, ?)", [symbol, new_symbol, at]
                )
                for name, change in ((symbol, -quantity), (new_symbol, quantity)):
                    if change:
                        append_row(connection, "adjustments", at, name, change, "RENAMED")
                beside = json.loads(read_meta(connection, BESIDE) or "{}")
                if symbol in beside:
                    beside[new_symbol] = beside.pop(symbol) + beside.get(new_symbol, 0)
                    set_meta(connection, BESIDE, json.dumps(beside))
                write_event(connection, now, "renamed", f"{symbol} is {new_symbol} now")

    def record_split(self, split: Split, positions: Sequence[Position], now: datetime) -> None:
        """Record a whole split, with the positions as it has left them; a second time nothing."""
        with self._transaction() as connection:
            at = naive_utc(now)
            new = connection.execute(
                "INSERT INTO activities VALUES (?, ?, ?, ?, ?, ?, 0.0) ON CONFLICT DO NOTHING "
                "RETURNING key",
                [split.key, at, ADJUSTED, split.root, split.ratio, split.on],
            ).fetchone()
            if new is None:
                return
            for position in positions:
                write_row(connection, "positions", POSITION_FIELDS, position)
            for symbol, change in sorted(split.changes.items()):
                append_row(connection, "adjustments", at, symbol, change, f"SPLIT {split}")
            beside = json.loads(read_meta(connection, BESIDE) or "{}")
            theirs = {
                symbol: count for symbol, count in beside.items() if root_of(symbol) == split.root
            }
            _add_beside(connection, changes_by(theirs, split.ratio))
            write_event(connection, now, "split", str(split))

    def record_doubts(self, symbols: Sequence[str], now: datetime) -> None:
        """Record which contracts are missing in the broker's list; the first time of each stays."""
        if set(symbols) == set(self.doubts()):
            return
        with self._transaction("doubts") as connection:
            connection.execute(
                "DELETE FROM doubts WHERE NOT list_contains(?, symbol)", [list(symbols)]
            )
            for symbol in symbols:
                connection.execute(
                    "INSERT INTO doubts VALUES (?, ?) ON CONFLICT DO NOTHING",
                    [symbol, naive_utc(now)],
                )

    def doubts(self) -> dict[str, datetime]:
        """Since when contracts have been missing in the broker's list, by symbol."""
        with self._reading() as connection:
            rows = self._rows(connection, "SELECT symbol, since FROM doubts")
        return {symbol: since.replace(tzinfo=UTC) for symbol, since in rows}

    def record_differences(self, differences: Sequence[Difference], now: datetime) -> None:
        """Record what a reconciliation reported; a change of it is an event."""
        if list(differences) == self.differences():
            return
        text = json.dumps([asdict(difference) for difference in differences])
        with self._transaction("meta", "account_events") as connection:
            set_meta(connection, "differences", text)
            write_event(connection, now, "reconciled", text)

    def differences(self) -> list[Difference]:
        """What the last reconciliation reported."""
        with self._reading() as connection:
            text = self._kept(connection, "differences")
        return [Difference(**item) for item in json.loads(text or "[]")]


def _add_beside(connection: duckdb.DuckDBPyConnection, changes: Mapping[str, int]) -> None:
    """Change the contracts that a person holds beside the positions."""
    held = json.loads(read_meta(connection, BESIDE) or "{}")
    for symbol, quantity in changes.items():
        held[symbol] = held.get(symbol, 0) + quantity
    set_meta(connection, BESIDE, json.dumps({s: count for s, count in held.items() if count}))


def _read_acceptances(connection: duckdb.DuckDBPyConnection) -> list[Acceptance]:
    return _acceptances_of(read_meta(connection, ACCEPTANCE))


def _acceptances_of(stored: str | None) -> list[Acceptance]:
    if stored is None:
        return []
    # Former versions kept the last one alone.
    return _acceptances().validate_json(stored if stored.startswith("[") else f"[{stored}]")


def _write_acceptances(
    connection: duckdb.DuckDBPyConnection, acceptances: Sequence[Acceptance]
) -> None:
    kept = [one for one in acceptances if one.before or one.beside]
    set_meta(connection, ACCEPTANCE, _acceptances().dump_json(kept).decode())


@cache
def _acceptances() -> TypeAdapter[list[Acceptance]]:
    from pydantic import TypeAdapter

    return TypeAdapter(list[Acceptance])
