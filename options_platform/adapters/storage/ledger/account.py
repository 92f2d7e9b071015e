"""The account at the broker, its marks at each close, and its equity since the last reset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from options_platform.adapters.ports.broker import digest_of
from options_platform.adapters.storage.ledger.file import NOTHING_SENT, LedgerFile
from options_platform.adapters.storage.ledger.rows import (
    MARK_FIELDS,
    POSITION_FIELDS,
    read_meta,
    set_meta,
    write_row,
)
from options_platform.domain.trading.positions import AccountMark, BrokenMark, Position
from options_platform.errors import LedgerError


@dataclass(frozen=True)
class AccountRecords(LedgerFile):
    """The account that the orders are at, and its marks."""

    def require_account(self, account_number: str) -> None:
        """Raise :class:`LedgerError` unless the ledger's orders are at the account of that number.

        The first number is recorded, as a digest: the number itself is confidential.
        """
        digest = digest_of(account_number)
        with self._reading() as connection:
            if self._kept(connection, "account_digest") == digest:
                return
        with self._transaction("meta") as connection:
            recorded = read_meta(connection, "account_digest")
            if recorded is None:
                set_meta(connection, "account_digest", digest)
            elif recorded != digest:
                raise LedgerError(
                    f"the keys are those of another account than the one whose orders are in "
                    f"{self.path.name}; {NOTHING_SENT}; set the other keys, or OPTIONS_ACCOUNT to "
                    "another name, which has a ledger of its own"
                )

    def account_digest(self) -> str | None:
        """The digest of the account of the orders; None before it was seen."""
        with self._reading() as connection:
            return self._kept(connection, "account_digest")

    def verified_keys(self) -> str | None:
        """The digest of the keys that the account was last verified with; None before that."""
        with self._reading() as connection:
            return self._kept(connection, "keys_digest")

    def record_verified_keys(self, keys_digest: str) -> None:
        """Record that the keys of that digest are those of the ledger's account."""
        if keys_digest != self.verified_keys():
            with self._transaction("meta") as connection:
                set_meta(connection, "keys_digest", keys_digest)

    def record_marks(
        self, positions: Sequence[Position], mark: AccountMark, broken: Sequence[BrokenMark] = ()
    ) -> None:
        """Write the marks of positions, account and `broken` spreads at a close."""
        with self._transaction("positions", "marks", "broken_marks") as connection:
            for position in positions:
                write_row(connection, "positions", POSITION_FIELDS, position)
            write_row(connection, "marks", MARK_FIELDS, mark)
            for broken_mark in broken:
                connection.execute(
                    "DELETE FROM broken_marks WHERE session = ? AND position_id = ?",
                    [broken_mark.session, broken_mark.position_id],
                )
                names, values = zip(*vars(broken_mark).items(), strict=True)
                connection.execute(
                    f"INSERT INTO broken_marks ({', '.join(names)}) "
                    f"VALUES ({', '.join('?' * len(names))})",
                    list(values),
                )

    def last_marked(self) -> date | None:
        """The newest session that the account was marked at, None before the first."""
        with self._reading() as connection:
            rows = self._rows(connection, "SELECT max(session) FROM marks")
        newest: date | None = rows[0][0]
        return newest

    def start_usd(self) -> float | None:
        """What the account began with, USD; None before its first mark.

        It comes from the marks: a setting that is changed later makes neither profit nor loss.
        """
        with self._reading() as connection:
            rows = self._rows(
                connection,
                "SELECT round(equity_usd - realised_usd - unrealised_usd, 2) FROM marks "
                "ORDER BY session LIMIT 1",
            )
        return float(rows[0][0]) if rows else None

    def equities_since_reset(self) -> list[float]:
        """Equity in USD at the closes that the kill switch counts, oldest first."""
        with self._reading() as connection:
            since = date.fromisoformat(self._kept(connection, "counting_since") or "1900-01-01")
            rows = self._rows(
                connection,
                f"SELECT equity_usd FROM marks WHERE session >= DATE '{since}' ORDER BY session",
            )
        return [equity for (equity,) in rows]
