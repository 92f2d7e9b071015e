"""What changed an account without an order: activities, renames, a person's acceptances.

And what the account is compared with: the ledger's side, what differed last, and since when.
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
from options_platform.domain.trading.reconciliation.acceptance import Acceptance
from options_platform.domain.trading.reconciliation.beside import AcceptedEnd
from options_platform.domain.trading.reconciliation.differences import Difference, LedgerStatement
from options_platform.domain.trading.reconciliation.settlement import Settlement
from options_platform.domain.trading.reports import Activity

if TYPE_CHECKING:
    import duckdb
    from pydantic import TypeAdapter

BESIDE, ACCEPTANCE = "beside", "acceptance"


@dataclass(frozen=True)
class EvidenceRecords(LedgerFile):
    """What broker and person say of contracts and cash beside the orders."""

    def statement(self) -> LedgerStatement:
        """All that the broker's side is compared with, as of one moment."""
        with self._reading() as connection:
            adjusted = connection.execute(
                "SELECT symbol, sum(quantity)::INTEGER FROM adjustments GROUP BY symbol"
            ).fetchall()
            base = read_meta(connection, "cash_base_usd")
            ((moved,),) = connection.execute(
                "SELECT coalesce(sum(cash_usd), 0.0) FROM activities"
            ).fetchall()
            return LedgerStatement(
                orders=self._orders(connection),
                positions=self._positions(connection),
                adjustments=dict(adjusted),
                cash_base_usd=None if base is None else float(base),
                activities_usd=float(moved),
                beside=json.loads(read_meta(connection, BESIDE) or "{}"),
            )

    def adjust(self, changes: Mapping[str, int], cash_base_usd: float | None, now: datetime,
               reason: str) -> None:  # fmt: skip
        """Take contracts and cash over as the broker has them, for the record."""
        with self._transaction() as connection:
            at = naive_utc(now)
            for symbol, quantity in sorted(changes.items()):
                append_row(connection, "adjustments", at, symbol, quantity, reason)
            if cash_base_usd is not None:
                set_meta(connection, "cash_base_usd", repr(cash_base_usd))
            if changes:
                write_event(connection, now, "adjusted", reason)

    def record_acceptance(self, acceptance: Acceptance, now: datetime, reason: str) -> None:
        """Write what a person's word changed, and keep it so that it can be taken back."""
        with self._transaction() as connection:
            self._change_by_hand(
                connection, acceptance.changes, acceptance.beside, acceptance.after, now, reason
            )
            if acceptance.changes:
                # A word on cash alone takes nothing of an earlier one away.
                set_meta(connection, ACCEPTANCE, _acceptances().dump_json(acceptance).decode())
            write_ends(connection, acceptance.ends, now)
            for position in acceptance.after:
                detail = f"{position.position_id}: ACCEPTED: {reason}"
                write_event(connection, now, "position", detail)

    def acceptance(self) -> Acceptance | None:
        """The last acceptance; None if there is none that could be taken back."""
        text = self.kept(ACCEPTANCE)
        return None if text is None else _acceptances().validate_json(text)

    def take_back(self, acceptance: Acceptance, now: datetime, reason: str) -> None:
        """Undo an acceptance: its positions are as they were before."""
        changes = {symbol: -count for symbol, count in acceptance.changes.items()}
        beside = {symbol: -count for symbol, count in acceptance.beside.items()}
        with self._transaction() as connection:
            self._change_by_hand(connection, changes, beside, acceptance.before, now, reason)
            connection.execute("DELETE FROM meta WHERE key = ?", [ACCEPTANCE])
            take_back_ends(connection, acceptance.ends)
            for position in acceptance.before:
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
        """How many contracts of each activity were taken over, by its key."""
        with self._reading() as connection:
            rows = connection.execute("SELECT key, quantity FROM activities").fetchall()
        return dict(rows)

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
            if "" in settlement.ended:
                _add_beside(connection, settlement.adjustments)

    def ended_by(self, activity: Activity) -> dict[str, int]:
        """By position_id how many contracts an activity has ended; "" are a person's own."""
        with self._reading() as connection:
            return read_ended(connection, activity.key)

    def accepted_ends(self) -> list[AcceptedEnd]:
        """What ended by a person's word and no activity has told of yet, oldest first."""
        with self._reading() as connection:
            return read_accepted_ends(connection)

    def record_renames(
        self,
        symbols: Mapping[str, str],
        quantities: Mapping[str, int],
        positions: Sequence[Position],
        now: datetime,
    ) -> None:
        """Follow contracts to their new symbols, `quantities` of each by its old one."""
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

    def record_doubts(self, symbols: Sequence[str], now: datetime) -> None:
        """Keep which contracts the broker's list lacks, and since when each does."""
        with self._transaction() as connection:
            connection.execute(
                "DELETE FROM doubts WHERE NOT list_contains(?, symbol)", [list(symbols)]
            )
            for symbol in symbols:
                connection.execute(
                    "INSERT INTO doubts VALUES (?, ?) ON CONFLICT DO NOTHING",
                    [symbol, naive_utc(now)],
                )

    def doubts(self) -> dict[str, datetime]:
        """Since when the broker's list has been lacking contracts, by symbol."""
        with self._reading() as connection:
            rows = connection.execute("SELECT symbol, since FROM doubts").fetchall()
        return {symbol: since.replace(tzinfo=UTC) for symbol, since in rows}

    def record_differences(self, differences: Sequence[Difference], now: datetime) -> None:
        """Keep what the last reconciliation found; a change is an event."""
        if list(differences) == self.differences():
            return
        text = json.dumps([asdict(difference) for difference in differences])
        with self._transaction() as connection:
            set_meta(connection, "differences", text)
            write_event(connection, now, "reconciled", text)

    def differences(self) -> list[Difference]:
        """What the last reconciliation found."""
        with self._reading() as connection:
            text = read_meta(connection, "differences")
        return [Difference(**item) for item in json.loads(text or "[]")]


def _add_beside(connection: duckdb.DuckDBPyConnection, changes: Mapping[str, int]) -> None:
    """Change what a person holds beside the positions."""
    held = json.loads(read_meta(connection, BESIDE) or "{}")
    for symbol, quantity in changes.items():
        held[symbol] = held.get(symbol, 0) + quantity
    set_meta(connection, BESIDE, json.dumps({s: count for s, count in held.items() if count}))


@cache
def _acceptances() -> TypeAdapter[Acceptance]:
    from pydantic import TypeAdapter

    return TypeAdapter(Acceptance)
