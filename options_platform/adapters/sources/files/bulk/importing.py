"""Runs the import of one file of option chains, or continues it where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from options_platform.adapters.sources.files.bulk.batches import Place, read_batches
from options_platform.adapters.sources.files.bulk.head import Head, fingerprint
from options_platform.adapters.sources.files.bulk.months import holds_sessions, write_months
from options_platform.adapters.sources.files.bulk.quotes import Reading, reading_of, typed
from options_platform.adapters.sources.files.bulk.spool import Spool
from options_platform.errors import SourceError

RECORDS = ".imports"
# A file with a larger share of unreadable rows is not what its header says, and is refused.
MOST_REFUSED = 0.01
# No listed option lives longer than ten years.
MOST_DAYS = 3_660
Progressing = Callable[[int], None] | None


@dataclass(frozen=True)
class ChainRequest:
    """What the user says about a file of chains.

    `ticker` is that of a file that names none, `only` the one ticker to keep; `session` that of a
    file without sessions; `whole` accepts a last line without a line end; `replace` allows to
    overwrite quotes of other imports, and to rewrite month files of another origin.
    """

    ticker: str | None = None
    only: str | None = None
    session: date | None = None
    whole: bool = False
    replace: bool = False


@dataclass(frozen=True)
class ImportedChains:
    """What became of the quotes of a file.

    `read` is `written` + `refused` + `others`, the quotes of tickers that were not asked for.
    `months` has the quotes written into each file `TICKER_YYYY-MM`; `refusals` is the file with
    the refused rows and their reasons, if there are any; `was_done` that an earlier import had
    finished.
    """

    path: Path
    read: int
    written: int
    refused: int
    others: int
    months: dict[str, int]
    refusals: Path | None
    was_done: bool


def import_chains(
    head: Head, folder: Path, request: ChainRequest, progress: Progressing = None
) -> ImportedChains:
    """Write the chains of a file into the month files of `folder`.

    The import works in constant memory: that of a batch, then that of the largest month of one
    ticker. A killed import continues with the same call, and gives the same files as one that was
    not interrupted. `progress` gets the number of quotes read so far.

    Raises :class:`SourceError` if the file is damaged, or more than 1% of its rows cannot be read;
    :class:`UsageError` if ticker or session are missing, or quotes of another import would be
    overwritten.
    """
    name = fingerprint(head.path, (request.ticker, request.only, request.session, request.whole))
    spool = Spool(folder / RECORDS / name, head.path.name)
    refusals = folder / f"{head.path.name}.{name[:8]}.refused.csv"
    modified = head.path.stat().st_mtime_ns
    done = spool.progress.finished and _has_all_months(spool, folder)
    # The file may have changed between its ends; quotes that have not are found to be the same.
    if spool.progress.modified != modified or (spool.progress.finished and not done):
        spool.reset()
        spool.progress.modified, done = modified, False
    if not done:
        reading = reading_of(
            head, ticker=request.ticker, only=request.only, session=request.session
        )
        reading.most_days = MOST_DAYS
        _read_all(reading, spool, request, progress)
        write_months(spool, folder, name, replace=request.replace)
        _finish(spool, refusals)
    state = spool.progress
    return ImportedChains(
        head.path, state.read, state.kept, state.refused, state.others, dict(state.months),
        refusals if state.refused else None, done,
    )  # fmt: skip


def _read_all(reading: Reading, spool: Spool, request: ChainRequest, progress: Progressing) -> None:
    state, head = spool.progress, reading.head
    if state.complete:
        return
    reading.clocks = state.clocks
    place = Place(state.at, state.line) if state.at >= 0 else None
    for batch in read_batches(head, place, reading.text_rules(whole=request.whole)):
        sides = 2 if head.layout.calls else 1
        result = typed(reading, batch)
        state.read += sides * (batch.frame.height + batch.broken.height)
        state.kept += result.quotes.height
        state.refused += result.refused.height
        state.others += result.others
        _require_understood(spool, head, result.refused)
        spool.add(result.quotes, result.refused)
        state.at, state.line = batch.end.at, batch.end.line
        spool.save()
        if progress is not None:
            progress(state.read)
    if not state.read:
        raise SourceError(f"{head.path.name} holds no rows; it needs expiry,right,strike")
    state.complete = True
    spool.save()


def _require_understood(spool: Spool, head: Head, refused: pl.DataFrame) -> None:
    state = spool.progress
    if state.refused <= MOST_REFUSED * state.read:
        return
    line, reason, _ = refused.sort("line").row(0)
    raise SourceError(
        f"{head.path.name} line {line}: {reason}; correct it, or fetch the file again "
        f"({state.refused} of {state.read} quotes cannot be read)"
    )


def _finish(spool: Spool, refusals: Path) -> None:
    """Count what was written, write the refused rows, and clear the spool."""
    state = spool.progress
    written = sum(state.months.values())
    if state.read != written + state.refused + state.others:
        raise SourceError(
            f"of the {state.read} quotes of {state.file}, {written} were written, {state.refused} "
            f"refused and {state.others} are of other tickers, which is not all; import it again"
        )
    if state.refused:
        rows = pl.concat(list(spool.refusals())).sort("line")
        part = refusals.with_name(f"{refusals.name}.part")
        rows.write_csv(part)
        part.replace(refusals)
    state.finished = True
    spool.save()
    spool.clear()


def _has_all_months(spool: Spool, folder: Path) -> bool:
    """Whether the month files still hold the sessions as this import wrote them."""
    state = spool.progress
    return all(
        holds_sessions(folder / f"{name}.parquet", state.sessions.get(name), spool.folder.name)
        for name in state.months
    )
