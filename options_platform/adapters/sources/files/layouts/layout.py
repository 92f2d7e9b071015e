"""What a layout of files is: which column of theirs is which of ours, and what its prices mean."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from options_platform.adapters.sources.files.text.dates import Order
from options_platform.adapters.sources.files.text.rows import plain_names

Kind = Literal["bars", "index", "actions", "earnings", "chain"]
ONE_VALUE = "*"
"""In `columns`: the only other column of the file, whatever its name."""
TICKER_NAMES = ("ticker", "symbol", "act symbol", "tic", "oftic", "security", "ts code")
"""Columns that say whose a row is, except in chains, where a symbol may be a contract's."""


@dataclass(frozen=True)
class Layout:
    """The files of one publisher.

    `columns` (required) and `optional` map our names to theirs, written plain: lower case, no
    brackets or signs; a second column of a name is `bid 2`. A chain with calls and puts side by
    side has theirs in `calls` and `puts`. `exact` is how the header begins to the letter, where
    nothing else tells two publishers apart. `order` is that of day and month in `01/02/2020`.
    `as_traded` prices, and dividends as they were paid, are not adjusted for splits. `no_bars` says
    why they are no bars of a ticker (an index is paid no dividends, so they may be its). `scale`
    multiplies, `skip` lines below the header hold no data, and a last line that begins with
    `footer` is none. `alone` allows no other columns. `stamped` files say above the header when
    their quotes were made.
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
    skip: int = 0
    footer: str = ""
    alone: bool = False
    stamped: bool = False

    @property
    def required(self) -> int:
        """How many columns it needs."""
        return len(self.columns) + len(self.calls) + len(self.puts)

    def match(self, header: Sequence[str]) -> dict[str, str] | None:
        """Our name of each of the file's columns that counts; None if it is no such file."""
        written = [name.strip() for name in header]
        if self.exact and tuple(written[: len(self.exact)]) != self.exact:
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
            # Where both stand, the time is one of day.
            return None
        columns |= {ours: name for ours, name in self.optional.items() if name in names}
        if self.kind in ("bars", "index") and "time" in names:
            columns.setdefault("clock", "time")
        owner = next((name for name in TICKER_NAMES if name in names), None)
        if owner is not None and self.kind != "chain":
            columns.setdefault("ticker", owner)
        return columns


@dataclass(frozen=True)
class Match:
    """A file's layout, and its columns by our names."""

    layout: Layout
    columns: Mapping[str, str]


def recognise(
    header: Sequence[str], layouts: Sequence[Layout], kinds: Collection[Kind]
) -> Match | None:
    """The layout of those kinds that names most of the header's columns, of equals the first."""
    fitting = [
        Match(layout, columns)
        for layout in layouts
        if layout.kind in kinds and (columns := layout.match(header)) is not None
    ]
    return max(fitting, key=lambda match: match.layout.required, default=None)
