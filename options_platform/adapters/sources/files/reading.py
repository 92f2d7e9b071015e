"""Reads one file of the user, CSV or Parquet: completely and typed, or refused with its line."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from options_platform.adapters.sources.files.layouts import LAYOUTS, Kind, Layout, Match, recognise
from options_platform.adapters.sources.files.parquet import read_parquet
from options_platform.adapters.sources.files.text.content import content_of, is_parquet, text_of
from options_platform.adapters.sources.files.text.dates import (
    DateTextError,
    Order,
    are_stamps,
    dates_of,
)
from options_platform.adapters.sources.files.text.numbers import (
    NumberTextError,
    cleaned,
    decimal_mark,
    number_expr,
)
from options_platform.adapters.sources.files.text.rows import (
    Header,
    find_header,
    plain,
    plain_names,
    read_rows,
)
from options_platform.adapters.sources.files.text.times import (
    StampError,
    days_of,
    instants_of,
    require_trading_days,
)
from options_platform.domain.market.bars import TICKER_PATTERN
from options_platform.errors import SourceError

# A number or a date, which cannot be the name of a column.
VALUE = re.compile(r"[^A-Za-z]*\d[^A-Za-z]*$")
ENDINGS = (".csv", ".csv.gz", ".parquet")
# The columns that a file needs at least, as error messages list them.
NEEDED: dict[Kind, tuple[str, ...]] = {
    "bars": ("date", "open", "high", "low", "close", "volume"),
    "index": ("date", "close"),
    "actions": ("date", "dividend", "split_ratio"),
    "earnings": ("date",),
    "chain": ("expiry", "right", "strike"),
}


@dataclass(frozen=True)
class FileTable:
    """A file's rows under the platform's column names, each with its `line`; text unless Parquet.

    `names` maps the platform's columns to the file's, in plain spelling; `above` is the text above
    the header.
    """

    path: Path
    layout: Layout
    names: Mapping[str, str]
    frame: pl.DataFrame
    above: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the file is written in the platform's own layout."""
        return self.layout.name == "the csv layout"


def find(folders: Sequence[Path], name: str) -> Path | None:
    """The file of that name, with any ending, in the first folder that has one; None without."""
    paths = (folder / (name + ending) for folder in folders for ending in ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def names_in(folders: Sequence[Path]) -> tuple[str, ...]:
    """The tickers and symbols that have a file in the folders, sorted."""
    names = (path.name for folder in folders for path in folder.iterdir())
    stems = (n.removesuffix(end) for n in names for end in ENDINGS if n.endswith(end))
    return tuple(sorted({stem for stem in stems if TICKER_PATTERN.fullmatch(stem)}))


def read_table(
    path: Path, *kinds: Kind, may_be_empty: bool = False, vouched: bool = False
) -> FileTable:
    """The rows of a file, read by the layout of these kinds that fits its header best.

    `vouched` confirms that a last line without a line end is complete. Raises
    :class:`SourceError`, with the line if possible, for a damaged or truncated file, an unknown
    header, a duplicate column, and a file without rows unless it `may_be_empty`.
    """
    content = content_of(path)
    if is_parquet(path, content):
        frame, match = _parquet(path, content, kinds)
        above = ""
    else:
        frame, match, above = _text(path, content, kinds, vouched=vouched)
    sides = [*match.layout.calls.values(), *match.layout.puts.values()]
    used = {*match.columns.values(), *sides}
    twice = [name for name in sorted(used) if f"{name} 2" in {*frame.columns} - used]
    if twice:
        raise SourceError(f"{path.name} has the column {twice[0]} twice; remove one")
    named = [pl.col(theirs).alias(ours) for ours, theirs in match.columns.items()]
    if match.layout.skip:
        named.append(pl.col("ticker"))
    table = frame.select("line", *named, *dict.fromkeys(sides))
    if table.is_empty() and not may_be_empty:
        needed = ",".join(NEEDED[match.layout.kind])
        raise SourceError(f"{path.name} holds no rows; it needs {needed}")
    return FileTable(path, match.layout, match.columns, table, above)


def _parquet(path: Path, content: bytes, kinds: Collection[Kind]) -> tuple[pl.DataFrame, Match]:
    try:
        frame = read_parquet(content)
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SourceError(
            f"{path.name} cannot be read as Parquet ({reason}); fetch it again"
        ) from error
    match = recognise(frame.columns, LAYOUTS, kinds)
    if match is None:
        raise _unknown(path, frame.columns, kinds)
    frame.columns = plain_names(frame.columns)
    frame = frame.with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
    return frame.with_row_index("line", offset=2), match


def _text(
    path: Path, content: bytes, kinds: Collection[Kind], *, vouched: bool
) -> tuple[pl.DataFrame, Match, str]:
    text = text_of(path, content)
    lines = text.split("\n")
    whole = vouched or text.endswith("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise SourceError(f"{path.name} is empty; restore it")
    header, match = _header(path, lines, kinds)
    footer = match.layout.footer
    if footer and lines[-1].strip(' "').startswith(footer):
        lines, whole = lines[:-1], True
    frame = read_rows(path, lines, header, whole=whole, skip=match.layout.skip)
    if match.layout.skip:
        names = {cell for cell in lines[header.line + 1].split(header.separator)[1:] if cell}
        if len(names) != 1:
            raise SourceError(f"{path.name} holds several tickers; write one file for each")
        frame = frame.with_columns(ticker=pl.lit(names.pop()))
    return frame, match, "\n".join(lines[: header.line])


def _header(path: Path, lines: Sequence[str], kinds: Collection[Kind]) -> tuple[Header, Match]:
    header_and_match = find_header(lines, lambda names: recognise(names, LAYOUTS, kinds))
    if header_and_match is not None:
        return header_and_match
    # A file with a single column has no separator.
    single_column = recognise([lines[0]], LAYOUTS, kinds)
    if single_column is not None:
        return Header(0, ",", (lines[0],)), single_column
    separator = max(",;\t|", key=lines[0].count)
    raise _unknown(path, lines[0].split(separator), kinds)


def _unknown(path: Path, header: Sequence[str], kinds: Collection[Kind]) -> SourceError:
    """The error for a file whose header fits no layout."""
    kind = next(kind for kind in NEEDED if kind in kinds)
    needed = NEEDED[kind]
    names = set(plain_names(header))
    missing = [name for name in needed if plain(name) not in names]
    any_kind = len(kinds) == len(NEEDED)
    if not any_kind and (len(missing) < len(needed) or len(needed) == 1):
        return SourceError(
            f"{path.name} lacks the columns {', '.join(missing)}; it needs {','.join(needed)}"
        )
    start = ",".join(header)[:80]
    values = [cell for cell in header if VALUE.match(cell)]
    filled = sum(bool(cell.strip()) for cell in header)
    # A row of values that begins with a ticker is not a header either.
    if len(values) == filled > 1 or len(values) >= max(4, filled - 1):
        return SourceError(
            f"{path.name} has no header: it begins {start!r}; write one above, {','.join(needed)}"
        )
    remedy = (
        "docs/file-layouts.md lists those that are"
        if any_kind
        else f"it needs the columns {','.join(needed)}"
    )
    return SourceError(f"{path.name} begins {start!r}, the header of no known file; {remedy}")


def with_dates(
    path: Path,
    frame: pl.DataFrame,
    column: str = "date",
    *,
    order: Order = "",
    of_sessions: bool = False,
) -> pl.DataFrame:
    """`frame` with `column` as dates.

    `order` is the order of day and month in text such as 01/02/2020, which is ambiguous without.
    With `of_sessions` the dates are those of daily bars; dates that are off by a day are refused.
    Raises :class:`SourceError` with the line of a value that is not a date.
    """
    if frame.schema[column] == pl.String and not are_stamps(frame[column]):
        try:
            days = dates_of(frame[column], order)
        except DateTextError as error:
            raise SourceError(f"{path.name}, column {column}: {error}") from error
        _require(path, frame, days.is_not_null(), column, "is no date like 2024-12-31")
    else:
        with _read_stamps(path, frame, column):
            days = days_of(frame[column])
    if of_sessions:
        with _read_stamps(path, frame, column):
            require_trading_days(days)
    return frame.with_columns(days.alias(column))


def with_times(path: Path, frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """`frame` with `column` as UTC times, empty text as null; text needs an offset from UTC."""
    with _read_stamps(path, frame, column):
        return frame.with_columns(instants_of(frame[column]).alias(column))


@contextmanager
def _read_stamps(path: Path, frame: pl.DataFrame, column: str) -> Iterator[None]:
    try:
        yield
    except StampError as fault:
        if fault.row is None:
            raise SourceError(f"{path.name}: in the column {column} {fault}") from None
        line = frame["line"][fault.row] if "line" in frame.columns else fault.row + 2
        raise SourceError(f"{path.name} line {line}: {fault}; correct it") from None


def with_numbers(path: Path, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`frame` with `columns` as floats, empty text as null.

    All columns have the same decimal mark. Raises :class:`SourceError` with the line of a value
    that is not a number.
    """
    texts = [name for name in columns if frame.schema[name] == pl.String]
    other = [name for name in columns if name not in texts]
    wrong = next((name for name in other if not _may_be_number(frame.schema[name])), None)
    if wrong:
        raise SourceError(f"{path.name}: the column {wrong} holds no numbers; correct it")
    frame = frame.with_columns(pl.col(other).cast(pl.Float64))
    if not texts:
        return frame
    clean = frame.select(cleaned(pl.col(name)).alias(name) for name in texts)
    try:
        mark = decimal_mark(pl.concat([clean[name].rename("text") for name in texts]))
    except NumberTextError as error:
        raise SourceError(f"{path.name}: {error}") from error
    numbers = clean.select(number_expr(pl.col(name), mark).alias(name) for name in texts)
    for name in texts:
        fine = numbers[name].is_not_null() | clean[name].is_null()
        _require(path, frame, fine, name, f"in column {name} is no number")
    return frame.with_columns(numbers)


def _may_be_number(kind: pl.DataType) -> bool:
    return kind.is_numeric() or kind == pl.Null


def _require(path: Path, frame: pl.DataFrame, fine: pl.Series, column: str, fault: str) -> None:
    """Raise :class:`SourceError` with the line and text of the first row that is not fine."""
    wrong = frame.with_row_index("row").filter(~fine)
    if wrong.height:
        line = wrong["line"][0] if "line" in frame.columns else wrong["row"][0] + 2
        text = wrong[column][0]
        shown = "" if text is None else text
        raise SourceError(f"{path.name} line {line}: {shown!r} {fault}; correct it")
