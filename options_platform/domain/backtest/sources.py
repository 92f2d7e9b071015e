"""How much of a trade rests on real quotes."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.domain.backtest.real_quotes import REAL, SOURCE_NAMES, SYNTHETIC

REAL_MARKS = 0.9

SOURCES = pl.Schema(
    {
        "plan_id": pl.String,
        "chain_source": pl.String,
        "real_share": pl.Float64,
        "entry_source": pl.String,
        "exit_source": pl.String,
        "marks_real": pl.Int64,
        "marks_mixed": pl.Int64,
        "marks_synthetic": pl.Int64,
    }
)
"""One row per trade. `real_share` is the share of legs times sessions at a real quote of the
contract. A mark is real if that of every leg is, synthetic if all come from the surface alone, and
mixed otherwise. `entry_source` and `exit_source` name the worst leg's; `chain_source` is real if
entry, exit and 90% of the marks are, synthetic if all marks are, and mixed otherwise. At expiry,
where legs are settled and not quoted, the source is none."""


def sources_of(plan_id: str, source: NDArray[np.int64]) -> tuple[Any, ...]:
    """A row of `SOURCES` for the codes of a trade's legs, shape [sessions, legs]."""
    quoted = source > 0
    worst = source.max(axis=1)
    # Sessions on which no leg is quoted, such as that of the expiry, have no mark to judge.
    best = np.where(quoted, source, SYNTHETIC).min(axis=1)
    marked = quoted.any(axis=1)
    real = marked & (worst == REAL)
    synthetic = marked & (best == SYNTHETIC)
    marks, count = int(marked.sum()), int(quoted.sum())
    ends_real = worst[0] == REAL and worst[-1] in (0, REAL)
    if marks and ends_real and real.sum() >= REAL_MARKS * marks:
        name = "real"
    else:
        name = "synthetic" if synthetic.sum() == marks else "mixed"
    return (
        plan_id, name, float((source == REAL).sum()) / count if count else 0.0,
        SOURCE_NAMES[int(worst[0])], SOURCE_NAMES[int(worst[-1])],
        int(real.sum()), int((marked & ~real & ~synthetic).sum()), int(synthetic.sum()),
    )  # fmt: skip


def real_share(sources: pl.DataFrame) -> float:
    """Mean share of real quotes over the trades of a run; 0 without trades."""
    share = sources["real_share"].mean()
    return float(share) if isinstance(share, float) else 0.0


def run_source(sources: pl.DataFrame) -> str:
    """real, mixed or synthetic: what all trades of a run rest on; synthetic without trades."""
    names = sources["chain_source"].unique().to_list()
    if len(names) == 1:
        return str(names[0])
    return "mixed" if names else "synthetic"
