"""Reads the rows of a file of option chains, a batch at a time and each with its line.

Text is read in blocks of whole lines, each parsed at once with its numbers as floats. Only where
that fails are the numbers kept as text, and the lines of the block looked at one by one. The rows
are the same however the file is cut into blocks.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources.files.bulk.head import Head, as_utf8, opened
from options_platform.errors import SourceError

BLOCK_BYTES = 16 * 1_048_576
BATCH_ROWS = 200_000
PIECE = 262_144
FLOATS = frozenset(name for name, kind in SOURCE_CHAIN_SCHEMA.items() if kind == pl.Float64)
REFUSED_SCHEMA = pl.Schema({"line": pl.Int64, "reason": pl.String, "text": pl.String})


@dataclass(frozen=True)
class Place:
    """Where a batch ends: the position in bytes of the unpacked content, and the next line."""

    at: int
    line: int


@dataclass(frozen=True)
class Batch:
    """Rows under the file's names with their `line`; `broken` are lines with other fields.

    Columns of numbers are floats, or text where one of the block cannot be read as a float.
    `end` is the place behind the batch.
    """

    frame: pl.DataFrame
    broken: pl.DataFrame
    end: Place


@dataclass(frozen=True)
class TextRules:
    """How the text of a file is read.

    `whole` confirms that a last line without a line end is complete; with `typed` False all
    numbers are kept as text, since a comma is their decimal mark. `dates` are the file's columns
    that hold dates like 2024-12-31 and nothing else, which are parsed as such.
    """

    whole: bool = False
    typed: bool = True
    dates: frozenset[str] = frozenset()


def read_batches(
    head: Head, place: Place | None = None, rules: TextRules | None = None
) -> Iterator[Batch]:
    """The rows below the header, or from `place` on.

    Raises :class:`SourceError` for a file that is damaged or is cut short.
    """
    if head.separator:
        start = place or Place(head.start, head.first_line)
        yield from _text_batches(head, start, rules or TextRules())
    else:
        yield from _parquet_batches(head, place or Place(0, head.first_line))


def read_sample(head: Head) -> pl.DataFrame:
    """Some of the first rows of a file of text, as text; lines with other fields are left out."""
    block = "".join(f"{line}\n" for line in head.sample).encode()
    good, _, _ = _sorted_out(head, block, head.first_line)
    frame = _read(head, good, None)
    return pl.DataFrame(schema=dict.fromkeys(_columns(head), pl.String)) if frame is None else frame


def _text_batches(head: Head, place: Place, rules: TextRules) -> Iterator[Batch]:
    try:
        with opened(head.path) as raw:
            stream = as_utf8(raw, head.encoding)
            _skip(stream, place.at)
            yield from _blocks(head, stream, place, rules)
    except UnicodeDecodeError as error:
        raise SourceError(f"{head.path.name} is not {head.encoding.upper()} text") from error


def _skip(stream: IO[bytes], count: int) -> None:
    if stream.seekable() and not hasattr(stream, "reader"):
        # Of a compressed stream this reads on, and forgets what it has read.
        stream.seek(stream.tell() + count)
        return
    while count > 0:
        skipped = len(stream.read(min(count, BLOCK_BYTES)))
        if not skipped:
            return
        count -= skipped


def _whole_lines(stream: IO[bytes]) -> bytes:
    """The next block of lines; empty at the end of the stream."""
    if isinstance(stream, io.BufferedReader):
        # To look for the line end first spares a copy of the block.
        start = stream.tell()
        stream.seek(start + BLOCK_BYTES - 1)
        stream.readline()
        size = stream.tell() - start
        stream.seek(start)
        return stream.read(size)
    block = stream.read(BLOCK_BYTES)
    return block if block.endswith(b"\n") else block + stream.readline()


def _blocks(head: Head, stream: IO[bytes], place: Place, rules: TextRules) -> Iterator[Batch]:
    while block := _whole_lines(stream):
        if not (block.endswith(b"\n") or rules.whole or block.rstrip(b" ").endswith(b'"')):
            last = place.line + block.count(b"\n")
            if block.rsplit(b"\n", 1)[-1].strip():
                raise SourceError(
                    f"{head.path.name} line {last}, the last one, lacks its end of line and may be "
                    "cut short; fetch the file again, or end the line if it is whole "
                    "(options-platform import --whole)"
                )
        batch = _parsed(head, block, place, rules)
        place = batch.end
        # The next block takes its memory.
        del block
        yield batch


def _parsed(head: Head, block: bytes, place: Place, rules: TextRules) -> Batch:
    """The rows of a block of whole lines.

    A line with too many fields cannot be parsed, and one with too few has no last field: if neither
    occurs, no line has to be looked at.
    """
    lines = _line_ends(block) + (not block.endswith(b"\n"))
    end = Place(place.at + len(block), place.line + lines)
    frame = _read_either(head, block, rules)
    if frame is not None and frame.height == lines and _are_whole(head, block, frame):
        numbers = pl.Series("line", np.arange(place.line, end.line))
        return Batch(frame.with_columns(numbers), pl.DataFrame(schema=REFUSED_SCHEMA), end)
    good, lines_of_good, broken = _sorted_out(head, block, place.line)
    frame = _read_either(head, good, rules)
    if frame is None or frame.height != len(lines_of_good):
        raise SourceError(
            f"{head.path.name} cannot be read as CSV between lines {place.line} and "
            f"{end.line - 1}; correct its quotation marks, or fetch it again"
        )
    return Batch(frame.with_columns(line=pl.Series(lines_of_good, dtype=pl.Int64)), broken, end)


def _line_ends(block: bytes) -> int:
    """Like `block.count`, in half of its time; a piece at a time, which fits into the cache."""
    codes = np.frombuffer(block, dtype=np.uint8)
    pieces = (codes[at : at + PIECE] for at in range(0, len(codes), PIECE))
    return sum(int(np.count_nonzero(piece == ord("\n"))) for piece in pieces)


def _are_whole(head: Head, block: bytes, frame: pl.DataFrame) -> bool:
    if not frame[head.names[-1]].null_count():
        return True
    return block.count(head.separator.encode()) == frame.height * (len(head.names) - 1)


def _read_either(head: Head, block: bytes, rules: TextRules) -> pl.DataFrame | None:
    frame = _read(head, block, rules) if rules.typed else None
    return _read(head, block, None) if frame is None else frame


def _read(head: Head, block: bytes, typed: TextRules | None) -> pl.DataFrame | None:
    """The columns of a block that are read, as text unless `typed`.

    None if a line, a number or a date does not fit.
    """
    kinds: dict[str, pl.DataType] = {name: pl.String() for name in head.names}
    if typed is not None:
        kinds |= dict.fromkeys(_float_columns(head), pl.Float64())
        kinds |= dict.fromkeys(typed.dates, pl.Date())
    if not block:
        return pl.DataFrame(schema={name: kinds[name] for name in _columns(head)})
    try:
        return pl.read_csv(
            block,
            has_header=False,
            separator=head.separator,
            schema=kinds,
            columns=[head.names.index(name) for name in _columns(head)],
        )
    except pl.exceptions.PolarsError:
        return None


def _columns(head: Head) -> list[str]:
    """The columns that are parsed: those of the layout, and the last, which shows a cut line."""
    return list(dict.fromkeys([*head.used, head.names[-1]]))


def _float_columns(head: Head) -> frozenset[str]:
    sides = [*head.layout.calls.items(), *head.layout.puts.items()]
    return frozenset(theirs for ours, theirs in [*head.columns.items(), *sides] if ours in FLOATS)


def _sorted_out(head: Head, block: bytes, first: int) -> tuple[bytes, list[int], pl.DataFrame]:
    """The lines with the fields of the header, their numbers, and the others with a reason.

    Empty lines are no rows.
    """
    expected = len(head.names)
    good, numbers, broken = [], [], []
    for number, line in enumerate(block.decode(errors="replace").splitlines(), first):
        if not line.strip(f"{head.separator} \"'"):
            continue
        fields = line.count(head.separator) + 1
        if '"' in line:
            fields = len(next(csv.reader([line], delimiter=head.separator)))
        if fields == expected and line.count('"') % 2 == 0:
            good.append(line)
            numbers.append(number)
        else:
            broken.append((number, f"{fields} fields in place of {expected}", line[:200]))
    text = "".join(f"{line}\n" for line in good).encode()
    return text, numbers, pl.DataFrame(broken, schema=REFUSED_SCHEMA, orient="row")


def read_row_groups(head: Head, groups: Sequence[int]) -> Iterator[Batch]:
    """The rows of some row groups of a Parquet file; their lines count from the first of them."""
    yield from _parquet_batches(head, Place(0, head.first_line), groups)


def _parquet_batches(
    head: Head, place: Place, groups: Sequence[int] | None = None
) -> Iterator[Batch]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(head.path, pre_buffer=False)
        literal = dict(zip(head.names, file.schema_arrow.names, strict=True))
        wanted = [literal[name] for name in head.used]
        at, line = place.at, place.line
        start = 0
        for record in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=wanted):
            start += record.num_rows
            if start <= at:
                continue
            frame = pl.from_arrow(pa.Table.from_batches([record]))
            assert isinstance(frame, pl.DataFrame)  # noqa: S101 (a table has columns)
            frame = frame.select(
                pl.col(literal[name]).alias(name) for name in head.used
            ).with_columns(pl.col(pl.Categorical, pl.Enum).cast(pl.String))
            at, end = start, Place(start, line + frame.height)
            numbers = pl.Series("line", np.arange(line, end.line))
            yield Batch(
                frame.with_columns(numbers),
                pl.DataFrame(schema=REFUSED_SCHEMA),
                end,
            )
            line = end.line
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            f"{head.path.name} cannot be read as Parquet ({str(error).splitlines()[0]}); "
            "fetch it again"
        ) from error
