"""Datasets with the inputs of further families of features, for the variants that try them.

The shipped models read `features` alone. A variant with a family has the same parts, rows and
targets, and the family's columns behind the other inputs, so that a difference is the family's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from options_platform.common import KEY, Floats
from options_platform.domain.features.cross_features import CROSS
from options_platform.domain.features.report_features import EARNINGS
from options_platform.errors import IncompleteDataError
from options_platform.models.dataset import Dataset

FAMILY_FEATURES = {"earnings": EARNINGS, "cross": CROSS}


def family_inputs(family: str) -> tuple[str, ...]:
    """The names of a family's inputs."""
    return tuple(feature.name for feature in FAMILY_FEATURES[family] if feature.model)


def with_families(data: Dataset, rows: Mapping[str, pl.DataFrame]) -> Dataset:
    """`data` with the inputs of each family in `rows`, by its stored rows; missing ones are NaN.

    Raises :class:`IncompleteDataError` if a family has no row of a session of the dataset.
    """
    names, inputs = list(data.sample.names), [data.sample.inputs]
    for family, stored in rows.items():
        wanted = family_inputs(family)
        joined = data.keys.join(
            stored.select(*KEY, *wanted, has_row=pl.lit(value=True)),
            on=KEY, how="left", maintain_order="left",
        )  # fmt: skip
        lacking = joined.filter(pl.col("has_row").is_null())
        if lacking.height:
            day, ticker = lacking.select(KEY).row(0)
            raise IncompleteDataError(
                f"{family}_features lack {lacking.height} rows, first {day} {ticker}; run: "
                f"options-platform backfill --select {family}_features"
            )
        # An input that the champion has too is not there twice.
        added = [name for name in wanted if name not in names]
        names += added
        inputs += [_column(joined[name]) for name in added]
    matrix = np.column_stack(inputs)
    history = data.sample.history
    return replace(
        data,
        sample=replace(
            data.sample,
            names=tuple(names),
            inputs=matrix,
            history=None if history is None else replace(history, inputs=matrix),
        ),
    )


def _column(values: pl.Series) -> Floats:
    column: Floats = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return column
