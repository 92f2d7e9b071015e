"""Keeps the typed quotes of an import until its months are complete, so that it can be resumed.

A batch becomes one chunk: its quotes sorted by ticker and session, and an index of where each
month begins. The file `progress.json` is replaced after each chunk, and whatever it does not name
is not part of the import: a killed process loses one batch.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import polars as pl

from options_platform.adapters.sources.files.bulk.batches import REFUSED_SCHEMA
from options_platform.errors import SourceError

# Runs of a session are joined as they are, which is cheaper than to sort, if they are this long.
FEWEST_ROWS = 1_000


@dataclass
class Progress:
    """How far the import of a file has come.

    `at` and `line` are the place behind the last chunk; `chunks` has the size in bytes of each
    chunk, `months` the number of quotes in each finished file and `sessions` their sessions.
    Counted are the quotes `read`, `kept`, `refused`, and those of `others`, tickers that were not
    asked for. `modified` is the time of the file's last change, in nanoseconds since 1970.
    """

    file: str
    at: int = -1
    line: int = 0
    chunks: list[int] = field(default_factory=list)
    read: int = 0
    kept: int = 0
    refused: int = 0
    others: int = 0
    clocks: dict[str, str] = field(default_factory=dict)
    complete: bool = False
    months: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, list[str]] = field(default_factory=dict)
    finished: bool = False
    modified: int = 0


@dataclass(frozen=True)
class Part:
    """The quotes of one ticker and month (YYYY-MM) in a chunk: `rows` from row `start` on."""

    chunk: int
    ticker: str
    month: str
    start: int
    rows: int
    sessions: list[str]


class Spool:
    """The chunks of one import in its own folder."""

    def __init__(self, folder: Path, file: str) -> None:
        self.folder = folder
        self.progress = _stored_progress(folder) or Progress(file)
        if not self.progress.finished and not self._is_whole():
            self.reset()

    def reset(self) -> None:
        """Forget the import, so that it begins anew."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.progress = Progress(self.progress.file)

    def add(self, quotes: pl.DataFrame, refused: pl.DataFrame) -> None:
        """Store the quotes and the refusals of the next batch; `save` makes them count."""
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(self.progress.chunks)
        quotes = _by_session(quotes)
        parts, start = [], 0
        for ticker, month, rows, sessions in _months(quotes).iter_rows():
            parts.append([number, ticker, f"{month:%Y-%m}", start, rows, sessions])
            start += rows
        path = self._chunk(number)
        quotes.drop("ticker").write_ipc(path, compression="uncompressed")
        path.with_suffix(".json").write_text(json.dumps(parts))
        if refused.height:
            refused.write_ipc(path.with_suffix(".refused"), compression="uncompressed")
        self.progress.chunks.append(path.stat().st_size)

    def save(self) -> None:
        """Write the progress; atomically, so that a killed import finds the one before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / "progress.part"
        with part.open("w") as file:
            json.dump(asdict(self.progress), file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.folder / "progress.json")

    def parts(self) -> list[Part]:
        """All parts of all chunks, in the order of the file."""
        lists = (
            json.loads(self._chunk(number).with_suffix(".json").read_text())
            for number in range(len(self.progress.chunks))
        )
        return [Part(*part) for parts in lists for part in parts]

    def quotes(self, part: Part) -> pl.DataFrame:
        """The quotes of a part, with `session`."""
        path = self._chunk(part.chunk)
        return pl.scan_ipc(path).slice(part.start, part.rows).collect()

    def refusals(self) -> Iterator[pl.DataFrame]:
        """The refused rows of each chunk that has any."""
        for number in range(len(self.progress.chunks)):
            path = self._chunk(number).with_suffix(".refused")
            if path.exists():
                yield pl.read_ipc(path).select(REFUSED_SCHEMA.names())

    def clear(self) -> None:
        """Delete the chunks; the progress stays as the record of the import."""
        for path in self.folder.iterdir():
            if path.name != "progress.json":
                path.unlink()

    def _chunk(self, number: int) -> Path:
        return self.folder / f"{number:06}.arrow"

    def _is_whole(self) -> bool:
        """Whether every chunk that the progress names has its size: files may be lost by a crash
        of the machine."""
        return all(
            self._chunk(number).exists() and self._chunk(number).stat().st_size == size
            for number, size in enumerate(self.progress.chunks)
        )


def _by_session(quotes: pl.DataFrame) -> pl.DataFrame:
    """The quotes sorted by ticker and session, otherwise in their order."""
    if quotes["ticker"].n_unique() > 1:
        return quotes.sort("ticker", "session", maintain_order=True)
    if quotes["session"].is_sorted():
        return quotes
    runs = quotes["session"].rle().struct.unnest()
    if len(runs) * FEWEST_ROWS > quotes.height:
        return quotes.sort("session", maintain_order=True)
    runs = runs.with_columns(start=pl.col("len").cum_sum() - pl.col("len"))
    ordered = runs.sort("value", maintain_order=True).select("start", "len")
    return pl.concat([quotes.slice(*run) for run in ordered.iter_rows()], rechunk=True)


def _months(quotes: pl.DataFrame) -> pl.DataFrame:
    """Ticker, month, rows and sessions of each run of one ticker and month in sorted quotes."""
    if quotes["ticker"].n_unique() > 1:
        days = quotes.group_by("ticker", "session", maintain_order=True).len("rows")
    else:
        runs = quotes["session"].rle().struct.unnest()
        days = runs.select(
            ticker=pl.lit(quotes["ticker"].first()), session="value", rows="len"
        )  # fmt: skip
    month = pl.col("session").dt.month_start().alias("month")
    return days.group_by("ticker", month, maintain_order=True).agg(
        pl.col("rows").sum(), sessions=pl.col("session").cast(pl.String)
    )


def _stored_progress(folder: Path) -> Progress | None:
    path = folder / "progress.json"
    if not path.exists():
        return None
    try:
        stored: dict[str, Any] = json.loads(path.read_text())
        names = {one.name for one in fields(Progress)}
        return Progress(**{name: value for name, value in stored.items() if name in names})
    except (ValueError, AttributeError, TypeError) as error:
        raise SourceError(
            f"{path} is no record of an import; delete its folder and import again"
        ) from error
