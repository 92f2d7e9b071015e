"""Reads the content of a file, whatever its name: CSV text, Parquet, or an error for another kind.

It decompresses, and detects encodings by their byte order marks. Splitting text into rows belongs
to :mod:`.rows`.
"""

from __future__ import annotations

import gzip
import io
import re
import zipfile
import zlib
from pathlib import Path

from options_platform.errors import SourceError

PARQUET = b"PAR1"
GZIP = b"\x1f\x8b"
ZIP = b"PK\x03\x04"
AS_CSV = "save it as CSV (UTF-8)"
AS_TABLE = "write it as CSV or Parquet"
UNPACK = "unpack it"
# First bytes of a refused file -> its kind, and what to do with it.
FOREIGN: dict[bytes, tuple[str, str]] = {
    b"\xd0\xcf\x11\xe0": ("an Excel workbook (.xls)", AS_CSV),
    b"SQLite format 3": ("an SQLite database", "export the table as CSV with its header"),
    b"\x89HDF": ("an HDF5 file", AS_TABLE),
    b"ARROW1": ("an Arrow (Feather) file", "write it as Parquet"),
    b"FEA1": ("a Feather file of its first version", "write it as Parquet"),
    b"\xff\xff\xff\xff": ("an Arrow stream", "write it as Parquet"),
    b"Obj\x01": ("an Avro file", "write it as Parquet"),
    **{bytes((0x80, protocol)): ("a Python pickle", AS_TABLE) for protocol in (2, 3, 4, 5)},
    b"\x93NUMPY": ("an array of NumPy", AS_TABLE),
    b"X\n\x00\x00": ("an .rds file of R", "write it with write.csv or arrow::write_parquet"),
    b"<stata_dta>": ("a data set of Stata", AS_TABLE),
    b"$FL": ("a data set of SPSS", AS_TABLE),
    b"MATLAB 5.0": ("a .mat file of MATLAB", AS_TABLE),
    b"BZh": ("compressed with bzip2", UNPACK),
    b"\xfd7zXZ": ("compressed with xz", UNPACK),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", UNPACK),
    b"\x04\x22\x4d\x18": ("compressed with lz4", UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", UNPACK),
    b"Rar!": ("a RAR archive", UNPACK),
    b"%PDF": ("a PDF document", "fetch the data as CSV"),
    b"{\\rtf": ("a document of a word processor (RTF)", AS_CSV),
    b"version https://git-lfs": (
        "a pointer of Git LFS, not the file itself",
        "fetch that: git lfs pull",
    ),
}
# First bytes that a table may begin with too: they count only in a file with zero bytes, which
# text does not have.
BINARY: dict[bytes, tuple[str, str]] = {
    b"ORC": ("an ORC file", "write it as Parquet"),
    b"RDX": ("an .RData file of R", "write it with write.csv or arrow::write_parquet"),
}
# Position and bytes of a refused file -> its kind, and what to do with it.
INSIDE: dict[tuple[int, bytes], tuple[str, str]] = {
    (4, b"Standard Jet DB"): ("a database of Access", "export the table as CSV with its header"),
    (4, b"Standard ACE DB"): ("a database of Access", "export the table as CSV with its header"),
    (8, b"DUCK"): ("a DuckDB database", "write the table: COPY ... TO 'TICKER.parquet'"),
    (12, b"\xc2\xea\x81\x60"): ("a data set of SAS (.sas7bdat)", AS_TABLE),
    (257, b"ustar"): ("a tar archive", UNPACK),
}
# A file inside a refused zip -> the kind of the zip, and what to do with it.
PACKED: dict[str, tuple[str, str]] = {
    "[Content_Types].xml": ("an Excel workbook (.xlsx)", AS_CSV),
    "content.xml": ("an OpenDocument spreadsheet (.ods)", AS_CSV),
    "Index/Document.iwa": ("a spreadsheet of Numbers", AS_CSV),
}
# Byte order marks; that of UTF-32 begins with that of UTF-16.
MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
JSON = re.compile(r"\s*[{\[]\s*[\"{\[\]}]")
PAGE = re.compile(r"\s*(<\?xml[^>]*>\s*)?<(!doctype|html|head|body|table)\b", re.IGNORECASE)
XML = re.compile(r"\s*<(\?xml|[a-z][\w.:-]*(\s[^<>]*)?>\s*<)", re.IGNORECASE)
SQL = re.compile(
    r"^(insert into |create table |copy \S+ .*from stdin|pragma foreign_keys"
    r"|-- (postgresql|mysql))",
    re.IGNORECASE | re.MULTILINE,
)


def content_of(path: Path) -> bytes:
    """The file's bytes, unpacked if it is gzip or a zip of one file.

    Raises :class:`SourceError` for a damaged file, and for one of a foreign kind.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SourceError(
            f"{path} cannot be read ({error.strerror}); name a file that this user can read"
        ) from error
    if content.startswith(GZIP):
        content = _gunzipped(path, content)
    if content.startswith(ZIP):
        content = _unzipped(path, content)
    foreign = _foreign(content)
    if foreign is not None:
        what, remedy = foreign
        raise SourceError(f"{path.name} is {what}; {remedy}")
    return content


def _foreign(content: bytes) -> tuple[str, str] | None:
    """The kind of a foreign content and what to do with it; None for text and Parquet."""
    marks = {(0, mark): kind for mark, kind in FOREIGN.items()} | INSIDE
    if b"\x00" in content:
        marks |= {(0, mark): kind for mark, kind in BINARY.items()}
    return next((kind for (at, mark), kind in marks.items() if content.startswith(mark, at)), None)


def is_parquet(path: Path, content: bytes) -> bool:
    """Whether the content is Parquet; SourceError if its beginning or its end is missing."""
    if content.startswith(PARQUET):
        if len(content) < 12 or not content.endswith(PARQUET):
            raise SourceError(
                f"{path.name} cannot be read as Parquet: it is cut short, its end is missing; "
                "fetch it again"
            )
        return True
    if path.suffix == ".parquet":
        raise SourceError(
            f"{path.name} cannot be read as Parquet: its beginning is missing; fetch it again"
        )
    return False


def text_of(path: Path, content: bytes) -> str:
    """The text with line feeds as line ends.

    Raises :class:`SourceError` for text that is not UTF-8, UTF-16 or UTF-32, or not a table.
    """
    encoding = next((name for mark, name in MARKS.items() if content.startswith(mark)), "utf-8")
    if encoding == "utf-8" and b"\x00" in content:
        raise SourceError(
            f"{path.name} holds zero bytes: it is damaged, or UTF-16 without its mark; "
            "fetch it again, or save it as CSV (UTF-8)"
        )
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        # Half a UTF-16 character at the end of a file shows that it was truncated.
        if encoding != "utf-8" and error.end >= len(content) - 4:
            raise SourceError(
                f"{path.name} is cut short in its last character; fetch the file again"
            ) from error
        line = content[: error.start].count(b"\n") + 1
        raise SourceError(
            f"{path.name} line {line} is not {encoding.removesuffix('-sig').upper()} text; "
            "save it as CSV (UTF-8)"
        ) from error
    text = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\x1a")
    _refuse_other_text(path, text[:20_000])
    return text


def _refuse_other_text(path: Path, text: str) -> None:
    start = " ".join(text.split())[:80]
    if PAGE.match(text):
        raise SourceError(f"{path.name} is a web page ({start!r}), no data; fetch the file again")
    # Headers such as <DATE>,<OPEN> look like tags, but without closing ones.
    if XML.match(text) and ("</" in text or "/>" in text):
        raise SourceError(f"{path.name} is XML ({start!r}); ask its publisher for CSV")
    if JSON.match(text):
        raise SourceError(f"{path.name} is JSON ({start!r}); ask its publisher for CSV")
    if SQL.search(text):
        raise SourceError(f"{path.name} is an SQL dump; export the table as CSV with its header")


def _gunzipped(path: Path, content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except EOFError as error:
        raise SourceError(
            f"{path.name} cannot be read: its gzip stream is cut short; fetch it again"
        ) from error
    except (OSError, zlib.error) as error:
        raise SourceError(
            f"{path.name} cannot be read: its gzip stream is damaged ({error}); fetch it again"
        ) from error


def _unzipped(path: Path, content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            for inside, (what, remedy) in PACKED.items():
                if inside in names:
                    raise SourceError(f"{path.name} is {what}; {remedy}")
            if len(names) != 1:
                raise SourceError(f"{path.name} is a zip of {len(names)} files; unpack it")
            return archive.read(names[0])
    except (RuntimeError, NotImplementedError) as error:
        raise SourceError(
            f"{path.name} is a zip archive that cannot be opened ({error}); unpack it"
        ) from error
    except (zipfile.BadZipFile, OSError, zlib.error, EOFError) as error:
        raise SourceError(
            f"{path.name} is a zip archive that is cut short or damaged ({error}); fetch it again"
        ) from error
