"""A layout: the names of a publisher's columns, and the conventions of its prices."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from options_platform.adapters.sources.files.text.dates import Order
from options_platform.adapters.sources.files.text.rows import plain_names

Kind = Literal["bars", "index", "actions", "earnings", "chain"]
ONE_VALUE = "*"
"""Stands in `columns` for the only other column of the file, whatever its name."""
TICKER_NAMES = ("ticker", "symbol", "act symbol", "tic", "oftic", "security", "ts code")
"""Columns with the ticker of a row; not in chains, where a symbol may be a contract's."""


@dataclass(frozen=True)
class Layout:
    """The files of one publisher.

    Attributes:
        name: the publisher, as messages name it.
        kind: kind of the rows.
        columns: required columns: the platform's name to the file's name in plain spelling (lower
            case, no brackets or signs); the second column of the same name is `bid 2`.
        optional: columns that are read if present, like `columns`.
        calls: columns of the call, for a chain with a call and a put in each row.
        puts: columns of the put, likewise.
        exact: first names of the header, literally, if only these identify the publisher.
        order: order of day and month in `01/02/2020`.
        as_traded: prices, and dividends as paid, are not adjusted for splits.
        no_bars: why the file cannot serve as bars of a ticker; it can as values of an index,
            which pays no dividends.
        scale: factors to apply, by column.
        unknown: values that stand for an unknown one, by column.
        skip: number of lines below the header without data.
        footer: beginning of a last line without data.
        alone: the file has no other columns.
        stamped: the time of the quotes is above the header.
    """

    name: str
    kind: Kind
    columns: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, str] = field(default_factory=dict)
    puts: Mapping[str, str] = field(default_factory=dict)
    exact: tuple[str, ...] = ()
    order: Order = ""
    as_traded: bool = False
    no_bars: str = ""
    scale: Mapping[str, float] = field(default_factory=dict)
    unknown: Mapping[str, float] = field(default_factory=dict)
    skip: int = 0
    footer: str = ""
    alone: bool = False
    stamped: bool = False

    @property
    def required(self) -> int:
        """Number of required columns."""
        return len(self.columns) + len(self.calls) + len(self.puts)

    def match(self, header: Sequence[str]) -> dict[str, str] | None:
        """The file's column for each of the platform's; None if the header does not fit."""
        literal = [name.strip() for name in header]
        if self.exact and tuple(literal[: len(self.exact)]) != self.exact:
            return None
        names = [name for name in plain_names(header) if not name.startswith("#")]
        columns = dict(self.columns)
        for ours, theirs in columns.items():
            if theirs == ONE_VALUE:
                others = [name for name in names if name not in columns.values()]
                if len(others) != 1 or len(names) != len(columns):
                    return None
                columns[ours] = others[0]
        required = {*columns.values(), *self.calls.values(), *self.puts.values()}
        if not required <= set(names) or (self.alone and required != set(names)):
            return None
        if columns.get("date") == "time" and "date" in names:
            # Beside a date, the column `time` is a time of day.
            return None
        columns |= {ours: name for ours, name in self.optional.items() if name in names}
        if self.kind in ("bars", "index") and "time" in names:
            columns.setdefault("clock", "time")
        ticker = next((name for name in TICKER_NAMES if name in names), None)
        if ticker is not None and self.kind != "chain":
            columns.setdefault("ticker", ticker)
        return columns


@dataclass(frozen=True)
class Match:
    """A file's layout, and its columns by the platform's names."""

    layout: Layout
    columns: Mapping[str, str]


def recognise(
    header: Sequence[str], layouts: Sequence[Layout], kinds: Collection[Kind]
) -> Match | None:
    """The layout of these kinds that fits the header and requires most columns; None if none fits.

    Of equals the first is used.
    """
    fitting = [
        Match(layout, columns)
        for layout in layouts
        if layout.kind in kinds and (columns := layout.match(header)) is not None
    ]
    return max(fitting, key=lambda match: match.layout.required, default=None)
