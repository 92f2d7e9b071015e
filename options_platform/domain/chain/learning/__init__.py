"""Measuring the surface on real chains, and fitting it to them: points, errors, smiles.

What is fitted is used by :mod:`learned <options_platform.domain.chain.learned>`. Choosing the
constants that the platform ships does not belong here (`tools/calibration`).
"""

from options_platform.domain.chain.learning.adoption import Error, Score, is_adopted
from options_platform.domain.chain.learning.basis import surface_hash
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
from options_platform.domain.chain.learning.history import (
    as_traded,
    first_known,
    fit_revisions,
    fit_versions,
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
    "as_traded",
    "banded",
    "cell_errors",
    "chain_points",
    "first_known",
    "fit_after",
    "fit_points",
    "fit_revisions",
    "fit_versions",
    "is_adopted",
    "surface_errors",
    "surface_hash",
]
