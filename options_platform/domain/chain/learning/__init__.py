"""Measuring the surface on real chains, and fitting it to them: points, errors, smiles.

What is fitted is used by :mod:`learned <options_platform.domain.chain.learned>`. Choosing the
constants that the platform ships does not belong here (`tools/calibration`).
"""

from options_platform.domain.chain.learning.adoption import Error, Score, is_adopted
from options_platform.domain.chain.learning.errors import (
    BANDS,
    TENORS,
    banded,
    cell_errors,
    surface_errors,
)
from options_platform.domain.chain.learning.fits import (
    HALF_LIFE,
    WINDOW,
    MeasuredChain,
    TickerFit,
    fit_after,
)
from options_platform.domain.chain.learning.points import chain_points, fit_points

__all__ = [
    "BANDS",
    "HALF_LIFE",
    "TENORS",
    "WINDOW",
    "Error",
    "MeasuredChain",
    "Score",
    "TickerFit",
    "banded",
    "cell_errors",
    "chain_points",
    "fit_after",
    "fit_points",
    "is_adopted",
    "surface_errors",
]
