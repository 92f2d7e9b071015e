"""How a feature is declared: one record holds its formula, unit, lookback and visibility.

The warehouse's columns, the checks, the docs' table and the models' inputs all come from these
records. `basis` says over which rows a formula's windows run, always per ticker and from the
ticker's first row:

- `bars`: the good bars, so that one bad bar does not blank a year;
- `vix`, `iv`: the sessions with a close of the VIX, or of the ticker's own volatility index;
- `row`: no window at all, an expression of one row's other features;
- `given`: a stage of its own makes the column (GARCH, days in a regime).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import polars as pl

Family = Literal["technical", "volatility", "regime"]
Basis = Literal["bars", "vix", "iv", "row", "given"]


@dataclass(frozen=True)
class Feature:
    """One feature.

    `formula` makes its expression from `inputs` (raw columns or features of the same basis,
    any feature for `row`). `lookback` is the number of rows before the first value can stand.
    `model` says whether a model may see it: only scale-free features may, price levels never.
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
