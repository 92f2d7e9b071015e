"""Names that every layer uses; nothing here computes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

KEY = ("date", "ticker")
"""Columns that identify a partition, and a row of most tables."""

DEFAULT_RULE_SET = "plan"
"""The rule set of the user's own settings, and of every row that was stored before there were
others."""

Floats: TypeAlias = NDArray[np.float64]
"""An array of floats; the function that uses it documents shape and unit."""

Progress: TypeAlias = Callable[[str, int, int], None]
"""Callback that reports progress: name of the step, units done, units in total."""


@dataclass(frozen=True)
class PartitionRange:
    """Partitions of a run or a write: each ticker's sessions from `start` to `end`, inclusive."""

    start: date
    end: date
    tickers: tuple[str, ...]
