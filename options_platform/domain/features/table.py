"""The table `features`: one column per declaration."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, Column, Table
from options_platform.domain.features.registry import FEATURES

FEATURES_TABLE = Table(
    "features",
    "Technical, volatility and regime features of each session, from data up to its close.",
    (
        DATE,
        TICKER,
        *(
            Column(f.name, f.dtype, f.description, f.unit, low=f.low, high=f.high, values=f.values)
            for f in FEATURES
        ),
        Column("feature_version", pl.String, "hash of the feature declarations", nullable=False),
    ),
    fixed_columns=tuple(f.name for f in FEATURES if f.model),
)
