"""Definition of a table: columns, types, units, null rules and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from options_platform.common import DEFAULT_RULE_SET, KEY
from options_platform.errors import ContractError

TIMESTAMP = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `unit` is in words, empty for a pure number or text. Values must lie in the closed range from
    `low` to `high`, and be one of `values`, where these are set. `absent` is what a null is read
    and written as, and every row of a stored table without the column.
    """

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    unit: str = ""
    nullable: bool = True
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] | None = None
    absent: str | None = None


@dataclass(frozen=True)
class Table:
    """A table: `key` is the primary key; a write replaces all rows of its `partition` values.

    With `is_events` a session has rows only if something happened, and rows may lie ahead; an
    asset's table otherwise has a row for each session.

    A stored table of a former version may lack nullable columns, which are read as null, and those
    with an `absent` value, which are read as that; the next write adds both. But one that lacks a
    column named in `fixed_columns` is refused.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = KEY
    partition: tuple[str, ...] = KEY
    is_events: bool = False
    fixed_columns: tuple[str, ...] = ()

    @cached_property
    def schema(self) -> pl.Schema:
        """Column names and Polars types, in order; not to be changed."""
        return pl.Schema({column.name: column.dtype for column in self.columns})

    @cached_property
    def required(self) -> frozenset[str]:
        """Names of the columns that hold no null: the key's, and those that are not nullable."""
        return frozenset(c.name for c in self.columns if not c.nullable) | {*self.key}

    @property
    def absent(self) -> dict[str, str]:
        """By column what a null is read as, where that is a value."""
        return {c.name: c.absent for c in self.columns if c.absent is not None}

    def column(self, name: str) -> Column:
        """The column with that name; raises KeyError for an unknown name."""
        return {column.name: column for column in self.columns}[name]

    def empty(self) -> pl.DataFrame:
        """A frame with this schema and no rows."""
        return pl.DataFrame(schema=self.schema)

    def validate(self, frame: pl.DataFrame) -> pl.DataFrame:
        """`frame` with its columns in the table's order, and `absent` values in place of nulls.

        Ranges and allowed values are not validated here; the asset checks do that.

        Raises:
            ContractError: a column is missing, unknown or of another type, a key is null or
                duplicated, or a column that is not nullable contains nulls.
        """
        self._require_columns(frame)
        frame = frame.select(self.schema.names()).with_columns(
            pl.col(name).fill_null(value) for name, value in self.absent.items()
        )
        # A frame makes its schema anew each time.
        types = frame.schema
        wrong = [
            f"{name} is {types[name]}, not {dtype}"
            for name, dtype in self.schema.items()
            if types[name] != dtype
        ]
        if wrong:
            raise ContractError(f"{self.name}: {'; '.join(wrong)}; nothing was written")
        never_null = self.required
        required = [name for name in self.schema if name in never_null]
        counts = frame.select(pl.col(required).null_count()).row(0, named=True)
        nulls = [f"{name} ({count} rows)" for name, count in counts.items() if count]
        if nulls:
            raise ContractError(f"{self.name}: null in {', '.join(nulls)}; nothing was written")
        duplicates = frame.filter(pl.struct(self.key).is_duplicated())
        if duplicates.height:
            example = duplicates.select(self.key).row(0)
            raise ContractError(
                f"{self.name}: {duplicates.height} rows share a key, e.g. {_show_key(example)}; "
                "nothing was written"
            )
        return frame

    def _require_columns(self, frame: pl.DataFrame) -> None:
        columns = frame.columns
        missing = [name for name in self.schema if name not in columns]
        unknown = [name for name in columns if name not in self.schema]
        if missing or unknown:
            parts = []
            if missing:
                parts.append(f"columns missing: {', '.join(missing)}")
            if unknown:
                parts.append(f"columns unknown: {', '.join(unknown)}")
            raise ContractError(f"{self.name}: {'; '.join(parts)}; nothing was written")


def _show_key(key: Sequence[object]) -> str:
    return "(" + ", ".join(str(part) for part in key) + ")"


DATE = Column("date", pl.Date, "New York session", nullable=False)
TICKER = Column("ticker", pl.String, "symbol of the underlying", nullable=False)
RUN = Column("run", pl.String, "name of the run", nullable=False)
RULE_SET = Column(
    "rule_set",
    pl.String,
    "rule set that the row was made by",
    nullable=False,
    absent=DEFAULT_RULE_SET,
)


def price(name: str, description: str) -> Column:
    """Column of a price in USD a share, split-adjusted."""
    return Column(name, pl.Float64, description, "USD a share, split-adjusted", low=0.0)


def probability(name: str, description: str, *, nullable: bool = True) -> Column:
    """Column of a probability, 0 to 1."""
    return Column(name, pl.Float64, description, "probability", nullable, low=0.0, high=1.0)


def usd(name: str, description: str) -> Column:
    """Column of an amount in USD, for the whole position."""
    return Column(name, pl.Float64, description, "USD, whole position")
