"""The stored option chains: one Parquet file per chain, `chains/TICKER/YYYY-MM-DD.parquet`.

A chain has thousands of rows that are written once and read together, which files do many times
faster than a table of the warehouse (benchmarks/option_chains.py), and without its lock. Files are
written atomically: under a temporary name, then renamed.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from uuid import uuid4

import polars as pl

from options_platform.contracts import OPTION_CHAIN
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import ContractError, HomeError

SUFFIX = ".parquet"
log = logging.getLogger(__name__)


class ChainStore:
    """Reads and writes whole chains; several processes may do so at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def write(self, chains: pl.DataFrame) -> None:
        """Store chains; each replaces the stored chain of its date and ticker.

        Raises :class:`ContractError` for an empty frame and for rows that do not fit
        `option_chain`, before anything is written; :class:`HomeError` if a file cannot be written.
        """
        checked = OPTION_CHAIN.validate(chains)
        if checked.is_empty():
            raise ContractError("option_chain: an empty chain is never a result; nothing written")
        for (day, ticker), chain in checked.partition_by(
            "date", "ticker", as_dict=True, maintain_order=True
        ).items():
            self._write_one(self._path(day, ticker), chain.sort(OPTION_CHAIN.key))

    def _write_one(self, path: Path, chain: pl.DataFrame) -> None:
        part = path.with_name(f".{path.name}.{uuid4().hex}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as file:
                chain.write_parquet(file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            raise HomeError(f"{path} cannot be written ({error.strerror})") from error
        finally:
            part.unlink(missing_ok=True)

    def stored(
        self, *, tickers: Sequence[str], start: date | None = None, end: date | None = None
    ) -> list[tuple[date, str]]:
        """The (date, ticker) of the stored chains in the range, sorted."""
        keys = []
        for ticker in tickers:
            for path in (self.folder / require_ticker(ticker)).glob(f"????-??-??{SUFFIX}"):
                day = date.fromisoformat(path.name.removesuffix(SUFFIX))
                if (start is None or day >= start) and (end is None or day <= end):
                    keys.append((day, ticker))
        return sorted(keys)

    def version(self, day: date, ticker: str) -> str:
        """Changes whenever the stored chain is replaced: when its file was written, and its size.

        Raises :class:`HomeError` if there is no such file.
        """
        path = self._path(day, ticker)
        try:
            status = path.stat()
        except OSError as error:
            raise HomeError(f"{path} cannot be read ({error.strerror})") from error
        return f"{status.st_mtime_ns}-{status.st_size}"

    def read(
        self, keys: Sequence[tuple[date, str]], *, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """The stored chains of these dates and tickers, sorted by the table's key.

        Missing chains are left out; without any the frame is empty, with the schema. Raises
        :class:`ContractError` for a stored file of another schema.
        """
        names = list(columns) if columns is not None else OPTION_CHAIN.schema.names()
        frames = [self._read_one(path, names) for path in map(self._place, sorted(keys)) if path]
        if not frames:
            return OPTION_CHAIN.empty().select(names)
        return pl.concat(frames)

    def readable(
        self, key: tuple[date, str], *, columns: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """As `read` of one chain, but a damaged file is left out, with a warning.

        For what must go on without it: plans, and the exits that wait for them.
        """
        try:
            return self.read([key], columns=columns)
        except ContractError as error:
            log.warning("%s on %s has no chain: %s", key[1], key[0], error)
            return self.read([], columns=columns)

    def source_of(self, keys: Sequence[tuple[date, str]]) -> str | None:
        """The source of the first of these chains that can be read; None without any."""
        rows = (self.readable(key, columns=["source"]) for key in keys)
        return next((str(each["source"][0]) for each in rows if each.height), None)

    def batches(
        self, keys: Sequence[tuple[date, str]], *, size: int = 25
    ) -> Iterator[pl.DataFrame]:
        """As `read`, `size` chains at a time, for ranges that do not fit into memory."""
        for at in range(0, len(keys), size):
            yield self.read(sorted(keys)[at : at + size])

    def _place(self, key: tuple[date, str]) -> Path | None:
        path = self._path(*key)
        return path if path.exists() else None

    def _path(self, day: date, ticker: str) -> Path:
        return self.folder / require_ticker(ticker) / f"{day.isoformat()}{SUFFIX}"

    def _read_one(self, path: Path, names: list[str]) -> pl.DataFrame:
        try:
            frame = pl.read_parquet(path, columns=names, hive_partitioning=False)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ContractError(
                f"{path} is not a chain of this version ({type(error).__name__}); delete it and "
                "materialise option_chain for its date again"
            ) from error
        wrong = [name for name in names if frame.schema[name] != OPTION_CHAIN.schema[name]]
        if wrong:
            raise ContractError(
                f"{path} has another type in {', '.join(wrong)}; delete it and materialise "
                "option_chain for its date again"
            )
        return frame
