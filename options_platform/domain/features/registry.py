"""The list of all features; adding one is a declaration in its family's file."""

from __future__ import annotations

import hashlib
from functools import cache

from options_platform.domain.features.regime_features import REGIME_FEATURES
from options_platform.domain.features.spec import Feature
from options_platform.domain.features.technical import TECHNICAL
from options_platform.domain.features.volatility import IV_RANK, VOLATILITY

# Raise when the results change of a kernel, of an input that `compute.good_bars` derives, or of a
# stage that makes `given` columns (GARCH, days in a regime): formulas tell only their names.
STAGES_VERSION = "2"

FEATURES: tuple[Feature, ...] = (*TECHNICAL, *VOLATILITY, *REGIME_FEATURES, IV_RANK)


@cache
def feature_version() -> str:
    """A short hash over all declarations: any change of a formula, unit or window changes it."""
    digest = hashlib.sha256(STAGES_VERSION.encode())
    for feature in FEATURES:
        formula = "" if feature.formula is None else str(feature.formula())
        parts = (
            feature.name,
            feature.family,
            feature.unit,
            feature.inputs,
            feature.lookback,
            feature.basis,
            str(feature.dtype),
            feature.model,
            formula,
        )
        digest.update(repr(parts).encode())
    return digest.hexdigest()[:12]
