"""Reading one file of the user's, CSV or Parquet: whole and typed, or refused with its line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from options_platform.adapters.sources.parquet_files import read_parquet
from options_platform.adapters.sources.times import (
    StampError,
    days_of,
    instants_of,
    require_trading_days,
)
from options_platform.domain.bars import TICKER_PATTERN
from options_platform.errors import SourceError

ENDINGS = (".csv", ".csv.gz", ".parquet")


def find(folders: Sequence[Path], name: str) -> Path | None:
    """The file of that name in the first folder that has one, with any ending."""
    paths = (folder / (name + ending) for folder in folders for ending in ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def names_in(folders: Sequence[Path]) -> tuple[str, ...]:
    """The tickers and symbols that have a file of their own, sorted."""
    names = (path.name for folder in folders for path in folder.iterdir())
    stems = (n.removesuffix(end) for n in names for end in ENDINGS if n.endswith(end))
    return tuple(sorted({stem for stem in stems if TICKER_PATTERN.fullmatch(stem)}))


def read_table(
    path: Path, columns: Sequence[str], optional: Sequence[str] = (), *, may_be_empty: bool = False
) -> pl.DataFrame:
    """The columns of the file, and those of `optional` that it has; text unless it is Parquet.

    SourceError if a column is missing or doubled, if there are no rows, or if it cannot be read.
    """
    if path.suffix == ".parquet":
        try:
            frame = read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(
                f"{path.name} cannot be read as Parquet ({_short(error)}); fetch it again"
            ) from error
    else:
        frame = _text(path)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise SourceError(
            f"{path.name} lacks the columns {', '.join(missing)}; it needs {','.join(columns)}"
        )
    twice = [name for name in columns if f"{name}_duplicated_0" in frame.columns]
    if twice:
        raise SourceError(f"{path.name} has the column {twice[0]} twice; remove one")
    more = [name for name in optional if name in frame.columns and name not in columns]
    frame = frame.select(*columns, *more)
    if frame.is_empty() and not may_be_empty:
        raise SourceError(f"{path.name} holds no rows; it needs {','.join(columns)}")
    return frame


def _text(path: Path) -> pl.DataFrame:
    try:
        content = path.read_bytes()
        if path.suffix == ".csv":
            whole = content.endswith((b"\n", b"\r"))
            content = content.rstrip(b"\r\n")
            _refuse_cut_end(path, content.splitlines(), whole=whole)
        return pl.read_csv(content, infer_schema=False)
    except pl.exceptions.NoDataError as error:
        raise SourceError(f"{path.name} is empty; restore it") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(
            f"{path.name} cannot be read as CSV ({_short(error)}); correct it, or fetch it again"
        ) from error


def _refuse_cut_end(path: Path, lines: list[bytes], *, whole: bool) -> None:
    # A reader fills the missing fields of a short line with null, as if they had been empty.
    if lines and lines[-1].count(b",") < lines[0].count(b","):
        raise SourceError(f"{path.name} line {len(lines)} is cut short; fetch the file again")
    # Half of a number is a number, so the end of the line is all that proves it whole.
    if lines and not whole:
        raise SourceError(
            f"{path.name} line {len(lines)}, the last one, lacks its end of line and may be cut "
            "short; fetch the file again, or end the line if it is whole"
        )


def with_dates(
    path: Path, frame: pl.DataFrame, column: str = "date", *, of_sessions: bool = False
) -> pl.DataFrame:
    """`frame` with `column` as the dates that are meant; SourceError with the line of one that is
    none.

    With `of_sessions` the dates are those of daily bars: some that are off by a day are refused.
    """
    with _read_stamps(path, column):
        days = days_of(frame[column])
        if of_sessions:
            require_trading_days(days)
    return frame.with_columns(days)


def with_times(path: Path, frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """`frame` with `column` as UTC times; text needs its offset, and may be empty."""
    with _read_stamps(path, column):
        return frame.with_columns(instants_of(frame[column]))


@contextmanager
def _read_stamps(path: Path, column: str) -> Iterator[None]:
    try:
        yield
    except StampError as fault:
        if fault.row is None:
            raise SourceError(f"{path.name}: in the column {column} {fault}") from None
        raise SourceError(f"{path.name} line {fault.row + 2}: {fault}; correct it") from None


def with_numbers(path: Path, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`frame` with `columns` as floats, empty as null; SourceError with the line of another."""
    for name in columns:
        if frame.schema[name].is_numeric():
            frame = frame.with_columns(pl.col(name).cast(pl.Float64))
            continue
        if frame.schema[name] != pl.String:
            raise SourceError(f"{path.name}: the column {name} holds no numbers; correct it")
        number = pl.col(name).str.strip_chars().cast(pl.Float64, strict=False)
        wrong = frame.with_row_index("line", offset=2).filter(
            number.is_null() & pl.col(name).is_not_null() & (pl.col(name).str.strip_chars() != "")
        )
        if wrong.height:
            line, text = wrong.select("line", name).row(0)
            raise SourceError(
                f"{path.name} line {line}: {text!r} in column {name} is no number; correct it"
            )
        frame = frame.with_columns(number)
    return frame


def _short(error: Exception) -> str:
    return str(error).splitlines()[0]
