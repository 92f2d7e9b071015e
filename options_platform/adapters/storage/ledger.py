"""The order ledger: what was decided, sent and filled; its own file, never rebuilt.

Every change is one transaction, and every change of an order also an event that is never
altered. An order is written as an intent before anything is sent, and as `unknown` before its
request leaves, so that after a crash at any moment the ledger knows what to ask the broker for.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.halt_notice import leave_notice, notice_of
from options_platform.adapters.storage.ledger_activities import (
    read_accepted_ends,
    read_ended,
    take_back_ends,
    write_ends,
    write_settlement,
)
from options_platform.adapters.storage.ledger_rows import (
    MARK_FIELDS,
    POSITION_FIELDS,
    append_row,
    naive_utc,
    read_meta,
    read_orders,
    read_positions,
    set_meta,
    withdraw_entries,
    write_event,
    write_order,
    write_order_event,
    write_row,
)
from options_platform.adapters.storage.ledger_seen import SeenLedger, seen_ledger
from options_platform.domain.risk import is_of_losses
from options_platform.domain.trading.orders import WORKING, Order
from options_platform.domain.trading.positions import AccountMark, BrokenMark, Position
from options_platform.domain.trading.reconciliation.acceptance import Acceptance
from options_platform.domain.trading.reconciliation.beside import AcceptedEnd
from options_platform.domain.trading.reconciliation.differences import Books, Difference
from options_platform.domain.trading.reconciliation.settlement import Settlement
from options_platform.domain.trading.reports import Activity
from options_platform.errors import (
    DamagedError,
    DiskFullError,
    HomeError,
    LedgerError,
    PlanChangedError,
    WarehouseBusyError,
)
from options_platform.settings import Settings

if TYPE_CHECKING:
    import duckdb
    from pydantic import TypeAdapter

NOTHING_SENT = "nothing was sent"
BESIDE, ACCEPTANCE = "beside", "acceptance"
EMPTY_LOOKS = 10
EMPTY_PAUSE_SECONDS = 0.05


@dataclass(frozen=True)
class Ledger:
    """The ledger of one account; `label` says what its orders are: paper, live or a replay."""

    path: Path
    account: str = "paper"
    label: str = "paper"
    wait_seconds: float = 60.0
    broker: str = "simulated"

    @property
    def exists(self) -> bool:
        """Whether anything was ever recorded, or a halt waits to be."""
        return self.path.exists() or notice_of(self.path).exists()

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Hold the file over many steps; each of them is still a transaction of its own."""
        with self._connected():
            yield

    @contextmanager
    def trading(self) -> Iterator[None]:
        """Be the one process that sends orders by this ledger; LedgerError if another is.

        The file is held throughout, each step still a transaction of its own. The operating
        system lets both go when the process ends, however it ends.
        """
        from filelock import FileLock, Timeout

        try:
            with FileLock(f"{self.path}.lock", timeout=self.wait_seconds), self.holding():
                yield
        except Timeout as error:
            raise LedgerError(
                f"another process trades by {self.path.name} and did for {self.wait_seconds:g} s; "
                f"{NOTHING_SENT}; let it end, then try again"
            ) from error

    def record_intent(self, order: Order, now: datetime) -> Order:
        """Write the order before it is sent; the recorded one if it is there already.

        Raises :class:`PlanChangedError` if another plan was recorded under its id.
        """
        with self._transaction() as connection:
            known = self._order(connection, order.client_order_id)
            if known is not None:
                # An adopted order does not say what it was planned as.
                if known.plan_id not in (order.plan_id, known.position_id):
                    raise PlanChangedError(
                        f"PLAN_CHANGED: {order.client_order_id} was recorded for plan "
                        f"{known.plan_id}, and the plan is now {order.plan_id}; the recorded "
                        f"order stands, {NOTHING_SENT}"
                    )
                return known
            write_order(connection, order, now, "intent")
            return order

    def record(
        self,
        order: Order,
        now: datetime,
        position: Position | None = None,
        detail: str | None = None,
    ) -> None:
        """Write an order's new state and, with it, the position that it opened or closed.

        Raises :class:`LedgerError` for a state that may not follow the recorded one, such as that
        of an order which has filled since it was read.
        """
        with self._transaction() as connection:
            known = self._order(connection, order.client_order_id)
            if known is not None:
                known.require_follows(order)
            write_order(connection, order, now, detail or order.reason)
            if position is not None:
                write_row(connection, "positions", POSITION_FIELDS, position)

    def note(self, client_order_id: str, now: datetime, detail: str) -> None:
        """Note what happened to a recorded order, as an event that changes nothing of it."""
        with self._transaction() as connection:
            order = self._order(connection, client_order_id)
            if order is not None:
                write_order_event(connection, order, now, detail)

    def record_position(self, position: Position, now: datetime, detail: str) -> None:
        """Write a position that changed without an order, and why."""
        with self._transaction() as connection:
            write_row(connection, "positions", POSITION_FIELDS, position)
            write_event(connection, now, "position", f"{position.position_id}: {detail}")

    def record_marks(
        self, positions: Sequence[Position], mark: AccountMark, broken: Sequence[BrokenMark] = ()
    ) -> None:
        """Write the positions' marks and the account's at a close, with those of broken spreads."""
        with self._transaction() as connection:
            for position in positions:
                write_row(connection, "positions", POSITION_FIELDS, position)
            write_row(connection, "marks", MARK_FIELDS, mark)
            for one in broken:
                connection.execute(
                    "DELETE FROM broken_marks WHERE session = ? AND position_id = ?",
                    [one.session, one.position_id],
                )
                names, values = zip(*vars(one).items(), strict=True)
                connection.execute(
                    f"INSERT INTO broken_marks ({', '.join(names)}) "
                    f"VALUES ({', '.join('?' * len(names))})",
                    list(values),
                )

    def orders(self, *, session: date | None = None) -> list[Order]:
        """The orders, of one session or all, in the order of their sessions."""
        with self._reading() as connection:
            return [o for o in self._orders(connection) if session in (None, o.session)]

    def order(self, client_order_id: str) -> Order | None:
        """The order of that id."""
        with self._reading() as connection:
            return self._order(connection, client_order_id)

    def working_orders(self) -> list[Order]:
        """Orders that are, or may yet be, in the market."""
        with self._reading() as connection:
            return [order for order in self._orders(connection) if order.status in WORKING]

    def unsettled_orders(self) -> list[Order]:
        """Orders whose end is not known: those that work, and those that are missing."""
        wanted = (*WORKING, "missing")
        with self._reading() as connection:
            return [order for order in self._orders(connection) if order.status in wanted]

    def positions(self, *, only_open: bool = False) -> list[Position]:
        """The positions, in the order of their opening."""
        with self._reading() as connection:
            return [
                position
                for position in self._positions(connection)
                if not only_open or position.closed_on is None
            ]

    def books(self) -> Books:
        """All that the broker's side is compared with, as of one moment."""
        with self._reading() as connection:
            adjusted = self._rows(
                connection, "SELECT symbol, sum(quantity)::INTEGER FROM adjustments GROUP BY symbol"
            )
            base = self._kept(connection, "cash_base_usd")
            ((moved,),) = self._rows(
                connection, "SELECT coalesce(sum(cash_usd), 0.0) FROM activities"
            )
            return Books(
                orders=self._orders(connection),
                positions=self._positions(connection),
                adjustments=dict(adjusted),
                cash_base_usd=None if base is None else float(base),
                activities_usd=float(moved),
                beside=json.loads(self._kept(connection, BESIDE) or "{}"),
            )

    def require_account(self, number: str) -> None:
        """LedgerError unless that is the broker's account that the ledger's orders are at.

        The first that is seen is kept, as a digest: the number itself is nobody's business.
        """
        digest = hashlib.sha256(number.encode()).hexdigest()[:16]
        with self._reading() as connection:
            if self._kept(connection, "account_digest") == digest:
                return
        with self._transaction() as connection:
            known = read_meta(connection, "account_digest")
            if known is None:
                set_meta(connection, "account_digest", digest)
            elif known != digest:
                raise LedgerError(
                    f"the keys are those of another account than the one whose orders are in "
                    f"{self.path.name}; {NOTHING_SENT}; set the other keys, or OPTIONS_ACCOUNT to "
                    "another name, which has a ledger of its own"
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

    def record_acceptance(self, done: Acceptance, now: datetime, reason: str) -> None:
        """Write what a person's word changed, and keep it so that it can be taken back."""
        with self._transaction() as connection:
            self._change_by_hand(connection, done.changes, done.beside, done.after, now, reason)
            if done.changes:
                # A word on cash alone takes nothing of an earlier one away.
                set_meta(connection, ACCEPTANCE, _acceptances().dump_json(done).decode())
            write_ends(connection, done.ends, now)
            for position in done.after:
                detail = f"{position.position_id}: ACCEPTED: {reason}"
                write_event(connection, now, "position", detail)

    def acceptance(self) -> Acceptance | None:
        """The last acceptance; None if there is none that could be taken back."""
        text = self.kept(ACCEPTANCE)
        return None if text is None else _acceptances().validate_json(text)

    def take_back(self, done: Acceptance, now: datetime, reason: str) -> None:
        """Undo an acceptance: its positions are as they were before."""
        changes = {symbol: -count for symbol, count in done.changes.items()}
        beside = {symbol: -count for symbol, count in done.beside.items()}
        with self._transaction() as connection:
            self._change_by_hand(connection, changes, beside, done.before, now, reason)
            connection.execute("DELETE FROM meta WHERE key = ?", [ACCEPTANCE])
            take_back_ends(connection, done.ends)
            for position in done.before:
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
            return dict(self._rows(connection, "SELECT key, quantity FROM activities"))

    def record_settlement(
        self,
        activity: Activity,
        done: Settlement,
        now: datetime,
        told: Sequence[tuple[AcceptedEnd, int]] = (),
    ) -> None:
        """Take over what an activity has ended, or take back: positions, contracts, cash.

        Of one that was taken over in part before, the contracts and the cash add up. `told` are
        the ends by a person's word that it tells of, and how many contracts of each.
        """
        with self._transaction() as connection:
            write_settlement(connection, activity, done, now, told)
            if "" in done.ended:
                _add_beside(connection, done.adjustments)

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
        if set(symbols) == set(self.doubts()):
            return
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
            rows = self._rows(connection, "SELECT symbol, since FROM doubts")
        return {symbol: since.replace(tzinfo=UTC) for symbol, since in rows}

    def record_differences(self, found: Sequence[Difference], now: datetime) -> None:
        """Keep what the last reconciliation found; a change is an event."""
        if list(found) == self.differences():
            return
        text = json.dumps([asdict(difference) for difference in found])
        with self._transaction() as connection:
            set_meta(connection, "differences", text)
            write_event(connection, now, "reconciled", text)

    def differences(self) -> list[Difference]:
        """What the last reconciliation found."""
        with self._reading() as connection:
            text = self._kept(connection, "differences")
        return [Difference(**item) for item in json.loads(text or "[]")]

    def kept(self, name: str) -> str | None:
        """What :meth:`keep` last kept under a name, None if nothing."""
        with self._reading() as connection:
            return self._kept(connection, name)

    def keep(self, name: str, text: str | None, now: datetime, event: str | None = None) -> None:
        """Keep a text under a name beside the orders, or forget it for None.

        With `event` the account's events tell of it, under that name.
        """
        with self._transaction() as connection:
            if text is None:
                connection.execute("DELETE FROM meta WHERE key = ?", [name])
            else:
                set_meta(connection, name, text)
            if event is not None:
                write_event(connection, now, name, event)

    def last_marked(self) -> date | None:
        """The newest session that the account was marked at."""
        with self._reading() as connection:
            ((newest,),) = self._rows(connection, "SELECT max(session) FROM marks")
            return newest

    def start_usd(self) -> float | None:
        """What the account began with, USD; None before its first mark.

        A setting that was changed since makes neither profit nor loss.
        """
        with self._reading() as connection:
            row = connection.execute(
                "SELECT round(equity_usd - realised_usd - unrealised_usd, 2) FROM marks "
                "ORDER BY session LIMIT 1"
            ).fetchone()
        return None if row is None else float(row[0])

    def halted(self) -> str | None:
        """Why new orders are halted, or None."""
        self._take_notice()
        with self._reading() as connection:
            return self._kept(connection, "halted")

    def halt(self, reason: str, now: datetime | None = None) -> None:
        """Refuse new entries until :meth:`resume`; exits go on. The first reason stays.

        It holds at once, also for a process that trades and has the ledger's file, and for an
        older ledger that is put in place of this one: a notice beside it says so until it is
        lifted. Raises :class:`LedgerError` for a broken ledger.
        """
        at = now or datetime.now(UTC)
        try:
            if not notice_of(self.path).exists():
                leave_notice(self.path, reason, at)
        except OSError:
            self._record_halt(reason, at)
            return
        try:
            self._record_halt(reason, at)
        except WarehouseBusyError:
            return
        except LedgerError as error:
            raise LedgerError(f"new entries are halted from now on; {error}") from error

    def _take_notice(self) -> None:
        """Record the halt of the notice beside the ledger, if it is not recorded."""
        try:
            text = notice_of(self.path).read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        try:
            notice = json.loads(text)
            reason, at = str(notice["reason"]), datetime.fromisoformat(notice["at"])
        except (ValueError, KeyError, TypeError):
            # A power cut may leave it empty: that it is there halts.
            reason, at = "a halt whose notice cannot be read", datetime.now(UTC)
        with self._reading() as connection:
            is_recorded = self._kept(connection, "halted") is not None
        if not is_recorded:
            self._record_halt(reason, at)

    def _record_halt(self, reason: str, at: datetime) -> None:
        with self._transaction() as connection:
            if read_meta(connection, "halted") is None:
                set_meta(connection, "halted", reason)
            write_event(connection, at, "halted", reason)
            # What was decided before it is void, whenever it is lifted.
            withdraw_entries(connection, at)

    def equities_since_reset(self) -> list[float]:
        """Equity in USD at the closes that the kill switch counts, oldest first."""
        with self._reading() as connection:
            since = self._kept(connection, "counting_since") or "1900-01-01"
            query = "SELECT equity_usd FROM marks WHERE session >= ?::DATE ORDER BY session"
            rows = self._rows(connection, query, [since])
        return [equity for (equity,) in rows]

    def resume(self, reason: str = "by hand", now: datetime | None = None) -> None:
        """Allow new entries again.

        After a halt of the kill switch losses count anew from the newest close; after one by hand
        they go on counting.
        """
        self._take_notice()
        with self._transaction() as connection:
            halt = read_meta(connection, "halted")
            if halt is None:
                return
            newest = connection.execute("SELECT max(session) FROM marks").fetchone()
            if is_of_losses(halt) and newest is not None and newest[0] is not None:
                set_meta(connection, "counting_since", newest[0].isoformat())
            connection.execute("DELETE FROM meta WHERE key = 'halted'")
            write_event(connection, now or datetime.now(UTC), "resumed", reason)
        notice_of(self.path).unlink(missing_ok=True)

    def table(self, name: str) -> pl.DataFrame:
        """A table such as orders, order_events, account_events, positions, marks; oldest first."""
        order = {
            "order_events": "number",
            "account_events": "number",
            "positions": "opened_on",
            "marks": "session",
            "broken_marks": "session, position_id",
        }
        with self._reading() as connection:
            by = order.get(name, "session, client_order_id")
            return connection.sql(f'SELECT * FROM "{name}" ORDER BY {by}').pl()

    @contextmanager
    def _transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection whose changes are all recorded at the end, or none of them."""
        import duckdb

        with self._connected() as connection:
            seen = self._seen(connection)
            connection.execute("BEGIN TRANSACTION")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):
                    connection.execute("ROLLBACK")
                raise
            finally:
                seen.forget()

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to read by; the file is held, so nothing changes in between."""
        with self._connected() as connection:
            self._seen(connection)
            yield connection

    def _seen(self, connection: duckdb.DuckDBPyConnection) -> SeenLedger:
        owner = {"account": self.account, "label": self.label, "broker": self.broker}
        return seen_ledger(connection, self.path.name, owner)

    def _order(self, connection: duckdb.DuckDBPyConnection, number: str) -> Order | None:
        return next((o for o in self._orders(connection) if o.client_order_id == number), None)

    def _orders(self, connection: duckdb.DuckDBPyConnection) -> tuple[Order, ...]:
        """All orders by session and id, read once for each change."""
        seen = self._seen(connection)
        if seen.orders is None:
            seen.orders = tuple(read_orders(connection, "true", []))
        return seen.orders

    def _positions(self, connection: duckdb.DuckDBPyConnection) -> tuple[Position, ...]:
        """All positions by their opening, read once for each change."""
        seen = self._seen(connection)
        if seen.positions is None:
            seen.positions = tuple(read_positions(connection))
        return seen.positions

    def _rows(
        self, connection: duckdb.DuckDBPyConnection, query: str, params: Sequence[object] = ()
    ) -> list[tuple[Any, ...]]:
        """The rows of a query outside of a transaction, read once for each change."""
        return self._seen(connection).rows(connection, query, params)

    def _kept(self, connection: duckdb.DuckDBPyConnection, name: str) -> str | None:
        """What is kept under a name, read once for each change."""
        rows = self._rows(connection, "SELECT key, value FROM meta")
        return next((str(value) for key, value in rows if key == name), None)

    @contextmanager
    def _connected(self) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        self._require_some_bytes()
        try:
            with held(self.path, wait_seconds=self.wait_seconds) as connection:
                yield connection
        except duckdb.Error as error:
            raise self._broken(str(error).splitlines()[0]) from error
        except (DamagedError, DiskFullError) as error:
            raise self._broken(error.what) from error
        except HomeError as error:
            raise self._broken(str(error)) from error

    def _require_some_bytes(self) -> None:
        """LedgerError for a file without content, which DuckDB would take for a new one."""
        for _ in range(EMPTY_LOOKS):
            try:
                if self.path.stat().st_size > 0:
                    return
            except (FileNotFoundError, NotADirectoryError):
                return
            # Another process may be about to write its first bytes.
            time.sleep(EMPTY_PAUSE_SECONDS)
        raise self._broken("it is empty")

    def _broken(self, what: str) -> LedgerError:
        return LedgerError(
            f"the ledger {self.path.name} cannot be used ({what}); the last change was not "
            "recorded and no new order is sent; free disk space, or bring the file back from a "
            "backup (options-platform restore), then: options-platform reconcile"
        )


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


def open_ledger(settings: Settings) -> Ledger:
    """The ledger of the settings' account and broker."""
    return Ledger(
        settings.ledger_path,
        account=settings.account,
        label="live" if settings.is_live else "paper",
        wait_seconds=settings.warehouse_wait_seconds,
        broker=settings.broker,
    )
