"""The list of all features; a new feature is declared in the file of its family."""

from __future__ import annotations

import hashlib
from functools import cache

from options_platform.domain.features.premium import PREMIUM
from options_platform.domain.features.regime_features import REGIME_FEATURES
from options_platform.domain.features.spec import Feature
from options_platform.domain.features.technical import TECHNICAL
from options_platform.domain.features.volatility import IV_RANK, VOLATILITY

# Increase this when results change of a kernel, of an input derived by `compute.good_bars`, or of a
# stage behind `given` columns (GARCH, HAR, days in regime): the hash sees only their names.
STAGES_VERSION = "2"

FEATURES: tuple[Feature, ...] = (*TECHNICAL, *VOLATILITY, *REGIME_FEATURES, IV_RANK, *PREMIUM)


@cache
def feature_version() -> str:
    """A short hash over all declarations; it changes with any formula, unit or window."""
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
