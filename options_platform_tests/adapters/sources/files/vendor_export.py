"""What exports of vendors, spreadsheets and databases look like, each with its origin.

The layouts are those of the public documentation and of files quoted in public repositories;
the numbers are made up. `Export.wanted` is what has to come of it: the files of the csv layout
that an import makes, each with values of one of its rows, or a part of the reason for refusing it.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Export:
    """A file: who writes such, its name, its content, how it is asked for, what is wanted."""

    origin: str
    file: str
    content: str | bytes
    wanted: dict[str, dict[str, object]] | str
    asked: dict[str, object] = field(default_factory=dict)
    beside: tuple["Export", ...] = ()
