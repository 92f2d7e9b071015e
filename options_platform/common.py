"""Names that every layer uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

KEY = ("date", "ticker")
"""The columns that name a partition, and in most tables a row."""

Floats: TypeAlias = NDArray[np.float64]
"""An array of floats; its shape and unit are said where it is used."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Told of long work as it goes: what is done, how many of it, out of how many."""


@dataclass(frozen=True)
class PartitionRange:
    """Partitions of a run or a write: the tickers' sessions from `start` to `end`, inclusive."""

    start: date
    end: date
    tickers: tuple[str, ...]
