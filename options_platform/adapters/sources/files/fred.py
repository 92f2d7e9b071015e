"""Splices the exchange's own file of an index with the copy that FRED publishes of it.

The Federal Reserve Bank of St. Louis republishes Cboe's closes under names of its own, `VXNCLS` for
the VXN, and often has years that the exchange's file lacks. Both are one index: the exchange's file
is read first, and FRED's closes fill the days that it lacks. Two files that disagree are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from options_platform.adapters.sources.files.prices import FRED_NAMES, described, read_index
from options_platform.adapters.sources.files.reading import find, read_table
from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import SourceError

TOLERANCE_POINTS = 0.05
LARGEST_SHARE = 0.01
FEWEST_COMMON = 20
LONGEST_GAP = 5


@dataclass(frozen=True)
class IndexFiles:
    """The files of an index: the exchange's and FRED's; at least one is there."""

    symbol: str
    exchange: Path | None
    fred: Path | None

    @property
    def names(self) -> str:
        """The names of the files, for messages."""
        return " and ".join(path.name for path in (self.exchange, self.fred) if path is not None)

    def read(self) -> pl.DataFrame:
        """`date`, `close` and, where a file has them, `open`, `high` and `low`; ascending.

        Raises :class:`SourceError` for a file that cannot be read, and for two that disagree.
        """
        paths = [path for path in (self.exchange, self.fred) if path is not None]
        tables = [read_index(path, self.symbol) for path in paths]
        if len(tables) == 1:
            return tables[0].sort("date", maintain_order=True)
        exchange, fred = tables
        fred = fred.select("date", "close").drop_nulls("close")
        self._require_agreement(exchange, fred)
        own = exchange.filter(pl.col("close").is_not_null())
        added = fred.join(own, on="date", how="anti")
        kept = exchange.join(added, on="date", how="anti")
        return pl.concat([kept, added], how="diagonal").sort("date", maintain_order=True)

    def understood(self) -> str:
        """The recognised layout of each file, as text."""
        paths = [path for path in (self.exchange, self.fred) if path is not None]
        tables = [read_table(path, "index", "bars") for path in paths]
        return "; days that it lacks from ".join(f"{t.path.name}: {described(t)}" for t in tables)

    def _require_agreement(self, exchange: pl.DataFrame, fred: pl.DataFrame) -> None:
        """Raise :class:`SourceError` unless both are the same series.

        On at most one common day in a hundred may they differ by more than 0.05 points. With fewer
        than 20 common days they must also adjoin, within 5 sessions.
        """
        own = exchange.select("date", "close").drop_nulls("close")
        common = own.join(fred, on="date", suffix="_fred").with_columns(
            off=(pl.col("close") - pl.col("close_fred")).abs()
        )
        differing = common.filter(pl.col("off") > TOLERANCE_POINTS)
        if differing.height > LARGEST_SHARE * common.height:
            day, ours, theirs, _ = differing.sort("off", descending=True).row(0)
            raise SourceError(
                f"{self.names} are not the same index: they differ on {differing.height} of "
                f"{common.height} days, most on {day} ({ours:g} and {theirs:g}); correct one, or "
                "remove it"
            )
        missing = _sessions_between(own["date"].to_list(), fred["date"].to_list())
        if common.height < FEWEST_COMMON and missing > LONGEST_GAP:
            raise SourceError(
                f"{self.names} cannot be joined: {missing} sessions lie between them, so nothing "
                "shows that they are the same index; remove one, or fill the gap"
            )


def _sessions_between(some: Sequence[date], others: Sequence[date]) -> int:
    """The number of sessions after the earlier series and before the later one; 0 if they meet."""
    if not some or not others:
        return 0
    (_, end), (begin, _) = sorted((min(days), max(days)) for days in (some, others))
    return len([day for day in sessions(end, begin) if end < day < begin])


def index_files(folders: Sequence[Path], symbol: str) -> IndexFiles | None:
    """The files of the index in the folders; None if there is none."""
    fred_name = FRED_NAMES.get(symbol)
    fred = find(folders, fred_name) if fred_name is not None else None
    exchange = find(folders, symbol)
    return None if exchange is None and fred is None else IndexFiles(symbol, exchange, fred)


def indices_of(names: Sequence[str]) -> tuple[str, ...]:
    """`names` of files and the indices that FRED's files among them hold, sorted."""
    own = {symbol for symbol, fred in FRED_NAMES.items() if fred in names}
    return tuple(sorted({*names, *own}))
