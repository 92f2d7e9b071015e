"""Errors that tell a user what is wrong, where, and what to do about it.

Everything that the platform raises on purpose derives from :class:`PlatformError`; the CLI prints
such an error as one line and exits with :attr:`PlatformError.exit_code`. Any other exception is a
bug and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def nearest(name: str, known_names: Collection[str]) -> str:
    """Advice on an unknown name: the known one that it resembles, or else all of them."""
    import difflib

    near = difflib.get_close_matches(name, list(known_names), n=1, cutoff=0.5)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(known_names))}"


class PlatformError(Exception):
    """Base of all expected failures. The message is one line: what, where, what to do."""

    exit_code = 1


class SettingsError(PlatformError):
    """A setting is unknown, mistyped or out of range."""

    exit_code = 2


class UsageError(PlatformError):
    """A command was given something that does not exist: a ticker, a date, an asset."""

    exit_code = 2


class TakenNameError(UsageError, ValueError):
    """A member of one's own has the name of one of the platform's."""


class SourceError(PlatformError):
    """A market data source returned nothing usable; names source, ticker, dates and cause."""


class UnknownSymbolError(SourceError):
    """A source answered that it has no such symbol; asking again would not help."""


class ShortHistoryError(SourceError):
    """A source answered correctly, but a ticker's history ends before the requested range does.

    `bars` are the bars available in the range, in `ports.BAR_SCHEMA`; possibly empty. The answer
    alone does not show whether the ticker did not trade or the source is late: compare it with
    other tickers.
    """

    def __init__(self, message: str, bars: pl.DataFrame) -> None:
        super().__init__(message)
        self.bars = bars


class FailedTickersError(PlatformError):
    """Some tickers could not be brought up to date, named with their reasons; the others were."""

    exit_code = 3


class ContractError(PlatformError):
    """A frame breaks its table's contract (schema, keys, nulls). Nothing was written."""


class WarehouseBusyError(PlatformError):
    """Another process kept the DuckDB file locked through all retries."""


class HomeError(PlatformError):
    """The home folder cannot be created or written."""


class DamagedError(HomeError):
    """A database file, `path`, is corrupt; `what` states the damage without the advice."""

    def __init__(self, path: object, cause: str) -> None:
        self.path = path
        self.what = f"it is damaged: {cause}"
        super().__init__(
            f"{path} is damaged ({cause}); run: options-platform doctor, which names the backup to "
            "bring it back from"
        )


class DiskFullError(HomeError):
    """The disk is full; data stored before is intact. `what` is the cause without the advice."""

    def __init__(self, where: object) -> None:
        self.what = "no space is left on the disk"
        super().__init__(
            f"no space is left on the disk of {where}; what was stored before is whole; free some, "
            "then run the command again"
        )


class IncompleteDataError(PlatformError):
    """Rows that a stage needs are missing; names them and the command that produces them."""


class ModelStoreError(PlatformError):
    """A stored model is missing, locked or does not match its recorded hash."""


class PricingError(PlatformError):
    """An option cannot be priced; the message names the contract and the invalid input."""


class BrokerError(PlatformError):
    """A broker refused a request or could not be reached; the order's state says what is known."""


class NotifyError(PlatformError):
    """An alert could not be delivered; identifies the address by its number, never in full."""


class LedgerError(PlatformError):
    """A change contradicts the order state machine or the records of the order ledger."""


class PlanChangedError(LedgerError):
    """A different plan is already recorded for the session and ticker (PLAN_CHANGED)."""


class ForwardRecordError(PlatformError):
    """A link of the forward record was altered, or a head that left the machine is not in it."""
