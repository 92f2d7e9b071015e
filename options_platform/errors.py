"""Errors that tell a user what is wrong, where, and what to do about it.

Everything that the platform raises on purpose derives from :class:`PlatformError`; the CLI prints
such an error as one line and exits with :attr:`PlatformError.exit_code`. Anything else is a bug
and keeps its traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class PlatformError(Exception):
    """Base of all expected failures. The message is one line: what, where, what to do."""

    exit_code = 1


class SettingsError(PlatformError):
    """A setting is unknown, mistyped or out of range."""

    exit_code = 2


class UsageError(PlatformError):
    """The command asks for something that does not exist: a ticker, a date, an asset."""

    exit_code = 2


class SourceError(PlatformError):
    """A market data source gave nothing usable; names source, ticker, dates and cause."""


class ShortHistoryError(SourceError):
    """A source answered soundly, and its history of a ticker ends before the end of the range.

    `bars` are those of the range that it has, in `ports.BAR_SCHEMA`; perhaps none. Whether the
    ticker has no bar, or the source is late, only other tickers can tell.
    """

    def __init__(self, message: str, bars: pl.DataFrame) -> None:
        super().__init__(message)
        self.bars = bars


class ContractError(PlatformError):
    """A frame does not fit its table: schema, keys, nulls. Nothing was written."""


class WarehouseBusyError(PlatformError):
    """Another process holds the DuckDB file, and still did when the retries ended."""


class HomeError(PlatformError):
    """The home folder cannot be created or written."""


class DamagedError(HomeError):
    """A database holds what nobody wrote there, or less; `what` says it without the advice."""

    def __init__(self, path: object, cause: str) -> None:
        self.what = f"it is damaged: {cause}"
        super().__init__(
            f"{path} is damaged ({cause}); run: options-platform doctor, which names the backup to "
            "bring it back from"
        )


class DiskFullError(HomeError):
    """There is no space left; what was stored before is whole."""

    def __init__(self, where: object) -> None:
        self.what = "no space is left on the disk"
        super().__init__(
            f"no space is left on the disk of {where}; what was stored before is whole; free some, "
            "then run the command again"
        )


class IncompleteDataError(PlatformError):
    """Rows that a stage rests on are missing; names them and the command that makes them."""


class ModelStoreError(PlatformError):
    """A stored model is missing, locked or does not match its recorded hash."""


class PricingError(PlatformError):
    """A quantity cannot be priced: the message names the contract and the input at fault."""


class BrokerError(PlatformError):
    """A broker refused or could not be asked; the order's state says what is known."""


class NotifyError(PlatformError):
    """An alert did not arrive; names which address by its number, never by itself."""


class LedgerError(PlatformError):
    """The order ledger refuses a change that its state machine or its records forbid."""


class PlanChangedError(LedgerError):
    """Another plan was recorded for the session and ticker (PLAN_CHANGED)."""
