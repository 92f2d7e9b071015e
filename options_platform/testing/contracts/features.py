"""What every family of features must hold."""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import ClassVar

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import compute_features
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.features.registry import FEATURES
from options_platform.domain.features.spec import Feature
from options_platform.testing.look_ahead import differences, truncation_differences
from options_platform.testing.market import random_market

CUT = date(2016, 12, 30)
PRICES = ("open", "high", "low", "close", "adj_close")
TIMES = 8.0
"""A power of two: scaled prices have the same digits."""


class FeatureContract:
    """Derive a test class from it that names the family, `features`."""

    features: ClassVar[tuple[Feature, ...]]

    def computed(self, bars: pl.DataFrame, vix: pl.DataFrame) -> pl.DataFrame:
        """date, ticker and the family's features."""
        return _computed(bars, vix).select(*KEY, *(each.name for each in self.features))

    def test_it_is_found_by_its_entry_point(self) -> None:
        assert {each.name for each in self.features} <= {each.name for each in FEATURES}

    def test_no_value_changes_when_later_data_are_deleted(self) -> None:
        assert truncation_differences(self.computed, CUT, *random_market()).is_empty()

    def test_a_ticker_has_the_same_values_alone(self) -> None:
        bars, vix = random_market()
        alone = pl.col("ticker") == "AAA"
        both = self.computed(bars, vix).filter(alone)
        assert differences(both, self.computed(bars.filter(alone), vix.filter(alone))).is_empty()

    def test_the_first_value_is_at_the_end_of_the_lookback(self) -> None:
        rows = _whole().filter(ticker="AAA").sort("date")
        for feature in self.features:
            # Gaps of other series, and inputs of a longer lookback, may make it later.
            first = rows[feature.name].is_not_null().arg_max()
            assert rows[feature.name].null_count() < rows.height, f"{feature.name} has no value"
            assert first is not None
            assert first + 1 >= feature.lookback, f"{feature.name} has a value too early"
            if feature.basis == "bars":
                assert first + 1 == feature.lookback, f"{feature.name} has its first value later"

    def test_values_lie_within_their_bounds(self) -> None:
        for feature in self.features:
            values = _whole()[feature.name].drop_nulls()
            if feature.dtype.is_float():
                assert values.is_finite().all(), f"{feature.name} is not finite"
            if feature.low is not None:
                assert (values >= feature.low).all(), f"{feature.name} is below {feature.low}"
            if feature.high is not None:
                assert (values <= feature.high).all(), f"{feature.name} is above {feature.high}"
            if feature.values is not None:
                assert set(values) <= set(feature.values), f"{feature.name} has another value"

    def test_what_models_see_has_no_scale_of_prices(self) -> None:
        bars, vix = random_market()
        scaled = self.computed(bars.with_columns(pl.col(PRICES) * TIMES), vix)
        seen = [*KEY, *(each.name for each in self.features if each.model)]
        assert differences(_whole().select(seen), scaled.select(seen)).is_empty()


def _computed(bars: pl.DataFrame, vix: pl.DataFrame) -> pl.DataFrame:
    return compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())


@cache
def _whole() -> pl.DataFrame:
    return _computed(*random_market())
