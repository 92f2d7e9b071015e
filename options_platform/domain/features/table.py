"""The tables of features: one column per declaration.

`features` is what the models of the champion read. The families `earnings` and `cross` have tables
of their own, so that `features` and every model trained on it stay as they are: a stored table
without a column that models may see would be refused.
"""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, Column, Table
from options_platform.domain.features.cross_features import CROSS
from options_platform.domain.features.registry import FEATURES, version_of
from options_platform.domain.features.report_features import EARNINGS
from options_platform.domain.features.spec import Feature

FAMILY_VERSION = "3"
"""Increase this when results of `earnings` or `cross` change: their stages have no formulas."""


def _columns(features: tuple[Feature, ...]) -> tuple[Column, ...]:
    return tuple(
        Column(f.name, f.dtype, f.description, f.unit, low=f.low, high=f.high, values=f.values)
        for f in features
    )


FEATURES_TABLE = Table(
    "features",
    "Technical, volatility and regime features of each session, from data up to its close.",
    (
        DATE,
        TICKER,
        *_columns(FEATURES),
        Column("feature_version", pl.String, "hash of the feature declarations", nullable=False),
    ),
    fixed_columns=tuple(f.name for f in FEATURES if f.model),
)

VERSION = Column("family_version", pl.String, "hash of the family's declarations", nullable=False)

EARNINGS_FEATURES_TABLE = Table(
    "earnings_features",
    "What was known of a stock's reports at the close of each session, what past ones did, and "
    "what options price for the next; null for funds.",
    (DATE, TICKER, *_columns(EARNINGS), VERSION),
)

CROSS_FEATURES_TABLE = Table(
    "cross_features",
    "Each ticker beside the market, its peers and all other tickers of the session.",
    (
        DATE,
        TICKER,
        *_columns(CROSS),
        Column(
            "universe_id",
            pl.String,
            "hash of the tickers that were members of the universe on the session, on which "
            "ranks, peers and dispersion rest",
            nullable=False,
        ),
        VERSION,
    ),
)

FAMILY_TABLES = (EARNINGS_FEATURES_TABLE, CROSS_FEATURES_TABLE)
"""Assets of homes with a ticker that reports earnings."""


def family_version(features: tuple[Feature, ...]) -> str:
    """A short hash over the declarations of a family and its stage's version."""
    return version_of(features, FAMILY_VERSION)
