"""Recognises a file of option chains by its first bytes, and opens its content as a stream."""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from options_platform.adapters.sources.files.layouts import LAYOUTS, Layout, Match, recognise
from options_platform.adapters.sources.files.reading import NEEDED
from options_platform.adapters.sources.files.text.content import GZIP, MARKS, PARQUET, ZIP
from options_platform.adapters.sources.files.text.rows import find_header, plain_names
from options_platform.errors import SourceError

HEAD_BYTES = 65_536
PRINT_BYTES = 1_048_576


@dataclass(frozen=True)
class Head:
    """The recognised beginning of a file of option chains.

    `names` are the columns in plain spelling, `columns` the platform's names of those that are
    read; `first_line` is the number of the first row, and `start` its position in bytes of the
    decoded content; `above` is the text above the header, `sample` some of the first rows. For
    Parquet, `separator` is empty.
    """

    path: Path
    match: Match
    names: tuple[str, ...]
    separator: str = ""
    encoding: str = "utf-8"
    first_line: int = 2
    start: int = 0
    above: str = ""
    sample: tuple[str, ...] = ()

    @property
    def layout(self) -> Layout:
        """The layout of the publisher."""
        return self.match.layout

    @property
    def columns(self) -> dict[str, str]:
        """The platform's columns outside the sides of a row, and the file's for each."""
        return dict(self.match.columns)

    @property
    def used(self) -> list[str]:
        """The file's columns that are read, each once, in the file's order."""
        sides = {*self.layout.calls.values(), *self.layout.puts.values()}
        wanted = sides | set(self.columns.values())
        return [name for name in self.names if name in wanted]


def chain_head(path: Path) -> Head | None:
    """The head of a file of option chains; None if the file is of another kind, or unreadable.

    Raises :class:`SourceError` if it has a column of the layout twice.
    """
    try:
        with opened(path) as stream:
            first = stream.read(HEAD_BYTES)
    except SourceError:
        return None
    head = _parquet_head(path) if first.startswith(PARQUET) else _text_head(path, first)
    if head is None or head.layout.kind != "chain":
        return None
    used = set(head.used)
    twice = [name for name in sorted(used) if f"{name} 2" in {*head.names} - used]
    if twice:
        raise SourceError(f"{path.name} has the column {twice[0]} twice; remove one")
    return head


def _parquet_head(path: Path) -> Head | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except (pa.ArrowException, OSError):
        return None
    match = recognise(names, LAYOUTS, tuple(NEEDED))
    return None if match is None else Head(path, match, tuple(plain_names(names)))


def _text_head(path: Path, first: bytes) -> Head | None:
    encoding = next((name for mark, name in MARKS.items() if first.startswith(mark)), "utf-8")
    # The first bytes may end within a character.
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(first)
    lines = text.replace("\r\n", "\n").split("\n")
    try:
        header = find_header(lines, lambda names: recognise(names, LAYOUTS, tuple(NEEDED)))
    except csv.Error:
        return None
    if header is None:
        return None
    place, match = header
    above = lines[: place.line + 1]
    start = _offset_of_line(text, place.line + 1)
    whole = lines[place.line + 1 : -1]
    return Head(
        path,
        match,
        tuple(plain_names(place.names)),
        place.separator,
        encoding,
        first_line=place.line + 2,
        start=start,
        above="\n".join(above[:-1]),
        sample=tuple(whole[:2_000]),
    )


def _offset_of_line(text: str, line: int) -> int:
    """Position in UTF-8 bytes of a line, counted from 0."""
    at = 0
    for _ in range(line):
        at = text.index("\n", at) + 1 if "\n" in text[at:] else len(text)
    return len(text[:at].encode())


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The unpacked content as a stream of bytes; gzip and a zip of one file are unpacked.

    Raises :class:`SourceError` if the file cannot be read or is damaged.
    """
    try:
        with path.open("rb") as raw:
            mark = raw.read(4)
            raw.seek(0)
            if mark.startswith(GZIP):
                with gzip.open(raw) as unpacked:
                    yield cast("IO[bytes]", unpacked)
            elif mark.startswith(ZIP):
                with (
                    zipfile.ZipFile(raw) as archive,
                    archive.open(_only_member(path, archive)) as member,
                ):
                    yield member
            else:
                yield raw
    except EOFError as error:
        raise SourceError(
            f"{path.name} cannot be read: its gzip stream is cut short; fetch it again"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(
            f"{path.name} cannot be read: it is damaged ({error}); fetch it again"
        ) from error
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise SourceError(f"{path.name} is a zip that cannot be read ({error})") from error
    except OSError as error:
        raise SourceError(f"{path.name} cannot be read ({error.strerror}); correct it") from error


def _only_member(path: Path, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise zipfile.BadZipFile(f"{path.name} is a zip of {len(names)} files")
    return names[0]


def as_utf8(stream: IO[bytes], encoding: str) -> IO[bytes]:
    """The stream in UTF-8 without a byte order mark."""
    if encoding == "utf-8":
        return stream
    if encoding == "utf-8-sig":
        stream.read(len(codecs.BOM_UTF8))
        return stream
    return cast("IO[bytes]", codecs.EncodedFile(stream, "utf-8", encoding))


def fingerprint(path: Path, request: Sequence[object]) -> str:
    """Hash (16 hex digits) of the file's size and ends, and of what was asked about it."""
    state = path.stat()
    digest = hashlib.sha256(repr((state.st_size, *request)).encode())
    with path.open("rb") as raw:
        digest.update(raw.read(PRINT_BYTES))
        raw.seek(max(0, state.st_size - PRINT_BYTES), io.SEEK_SET)
        digest.update(raw.read(PRINT_BYTES))
    return digest.hexdigest()[:16]
