"""The list of all features; a new feature is declared in the file of its family.

A family of another package is found by its entry point in the group `options_platform.features`,
a tuple of declarations; its features come after the platform's own.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any

import polars as pl

from options_platform.domain.features.premium import PREMIUM
from options_platform.domain.features.regime_features import REGIME_FEATURES
from options_platform.domain.features.spec import Feature
from options_platform.domain.features.technical import TECHNICAL
from options_platform.domain.features.volatility import IV_RANK, VOLATILITY
from options_platform.extensions import members

# Increase this when results change of a kernel, of an input derived by `compute.good_bars`, or of a
# stage behind `given` columns (GARCH, HAR, days in regime): the hash sees only their names.
STAGES_VERSION = "2"

RAW = ("date", "ticker", "open", "high", "low", "close", "vix", "iv_close", "vix9d", "vix3m",
       "atm_variance", "log_return", "log_range_squared", "feature_version")  # fmt: skip
"""Columns that formulas may read, or that stand beside the features; no feature has such a name."""

_BUILTIN = (*TECHNICAL, *VOLATILITY, *REGIME_FEATURES, IV_RANK, *PREMIUM)


def require_family(name: str, member: Any) -> None:
    """Raise TypeError or ValueError unless `member` is a family of features named `name`."""
    if not isinstance(member, tuple) or not all(isinstance(each, Feature) for each in member):
        raise TypeError("a family is a tuple of Feature")
    taken = {*RAW, *(feature.name for feature in _BUILTIN)}
    for feature in member:
        if not feature.name.isidentifier() or feature.name in taken:
            raise ValueError(f"a feature cannot be named {feature.name}: it is taken, or no name")
        taken.add(feature.name)
        if feature.family != name:
            raise ValueError(f"{feature.name} is of the family {feature.family}, not {name}")
        if feature.formula is None or feature.basis == "given":
            raise ValueError(f"{feature.name} has no formula")
        if feature.dtype == pl.String and feature.model and not feature.values:
            raise ValueError(f"{feature.name} does not list the values that models take apart")


def _own_families() -> tuple[Feature, ...]:
    """The features of other packages; of two with one name the first is kept."""
    families = members("features", {"technical", "volatility", "regime"}, require_family)
    named: dict[str, Feature] = {}
    for family in families.values():
        for feature in family:
            named.setdefault(feature.name, feature)
    return tuple(named.values())


FEATURES: tuple[Feature, ...] = (*_BUILTIN, *_own_families())


@cache
def feature_version() -> str:
    """A short hash over all declarations; it changes with any formula, unit or window."""
    return version_of(FEATURES, STAGES_VERSION)


def version_of(features: tuple[Feature, ...], stages: str) -> str:
    """A short hash over declarations, and the version of the stages that have no formula."""
    digest = hashlib.sha256(stages.encode())
    for feature in features:
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
