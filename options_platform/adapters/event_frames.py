"""Short texts of events: what the partitions of an asset share is stored once, as a frame.

A short text begins with a mark and the frame's name, a digest of the frame; the values that belong
between its pieces follow. A connection that :func:`reads_short_texts` was called for gives whole
texts only, whatever reads from it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

MARK, SEPARATOR = "\x02", "\x1f"
"""Control characters, which JSON escapes, so no text of an event contains them."""

NAME_CHARACTERS = 16
TABLE = "event_frames"
CREATE = f"CREATE TABLE IF NOT EXISTS {TABLE} (name TEXT PRIMARY KEY, text TEXT) WITHOUT ROWID"
KEEP = f"INSERT OR IGNORE INTO {TABLE} VALUES (?, ?)"

_pieces: dict[str, Sequence[str]] = {}


def name_of(frame: str) -> str:
    """The name of a frame: pieces with a separator where a value belongs."""
    return hashlib.sha256(frame.encode()).hexdigest()[:NAME_CHARACTERS]


def short_text(name: str, values: Sequence[str]) -> str:
    """The text to store for an event: the name of its frame, and its values as JSON."""
    return f"{MARK}{name}{SEPARATOR.join(values)}"


def whole_text(short: str, frames: Mapping[str, Sequence[str]]) -> str:
    """The event as JSON. Raises :class:`KeyError` without its frame."""
    start = len(MARK) + NAME_CHARACTERS
    pieces, values = frames[short[len(MARK) : start]], short[start:].split(SEPARATOR)
    parts = [pieces[0]]
    for value, piece in zip(values, pieces[1:], strict=True):
        parts += (value, piece)
    return "".join(parts)


def reads_short_texts(connection: sqlite3.Connection, path: Path) -> None:
    """Make a connection to the database at `path` give whole texts in place of short ones."""
    mark = MARK.encode()

    def text(raw: bytes) -> str:
        if not raw.startswith(mark):
            return raw.decode()
        short = raw.decode()
        if short[len(MARK) : len(MARK) + NAME_CHARACTERS] not in _pieces:
            _load(path)
        return whole_text(short, _pieces)

    connection.text_factory = text


def make_whole(folder: Path) -> None:
    """Give every event in the databases of a folder its whole text, for a storage without frames.

    What others write to a database at the time is waited for. Changes nothing where it was done.
    """
    for path in folder.glob("*.db"):
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
            has_frames = "SELECT 1 FROM sqlite_master WHERE name = ?"
            if connection.execute(has_frames, (TABLE,)).fetchone() is None:
                continue
            _load(path)
            connection.create_function("whole", 1, lambda short: whole_text(short, _pieces))
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(
                "UPDATE event_logs SET event = whole(event) WHERE substr(event, 1, 1) = ?", (MARK,)
            )
            connection.execute(f"DROP TABLE {TABLE}")
            connection.execute("COMMIT")


def _load(path: Path) -> None:
    # Names are digests, so frames of all databases share the names.
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        for name, frame in connection.execute(f"SELECT name, text FROM {TABLE}"):
            _pieces[name] = frame.split(SEPARATOR)
