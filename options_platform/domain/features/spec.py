"""The declaration of a feature: formula, unit, lookback and visibility in one record.

The columns of the warehouse, the checks, the feature dictionary and the inputs of the models are
all derived from these records. `basis` defines the rows over which windows run, always per ticker
from its first row on:

- `bars`: good bars, so that one bad bar does not blank a year;
- `vix`, `iv`: sessions with a close of the VIX, or of the ticker's volatility index;
- `har`, `vrp`: sessions with a value of `har_rv_21`, or of `vrp`;
- `row`: no windows, an expression of other features of the same row;
- `given`: a column from a separate stage (GARCH, HAR, days in regime).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

Family = str
"""technical, volatility or regime; a package of others may have families of its own."""
Basis = Literal["bars", "vix", "iv", "har", "vrp", "row", "given"]


@dataclass(frozen=True)
class Feature:
    """One feature.

    `formula` returns its expression of `inputs` (raw columns or features of the same basis; any
    features for `row`). `lookback` is the number of rows needed for the first value. `model`:
    whether models may use it; only scale-free features, never price levels. What they may not use
    may be added later: a stored table without it is read as null there until the features are
    computed again. `low`, `high` and `values` are the allowed range and values, for the checks.
    """

    name: str
    family: Family
    description: str
    unit: str
    inputs: tuple[str, ...]
    lookback: int
    formula: Callable[[], pl.Expr] | None
    basis: Basis = "bars"
    dtype: pl.DataType | type[pl.DataType] = pl.Float64
    model: bool = True
    low: float | None = None
    high: float | None = None
    values: tuple[str, ...] | None = None
