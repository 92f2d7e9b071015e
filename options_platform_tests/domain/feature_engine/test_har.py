"""The HAR forecast: what it is fitted to, when, and how good it is on real years."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.feature_engine.compute import good_bars
from options_platform.domain.feature_engine.har import FEWEST_TARGETS, HORIZON, har_forecasts
from options_platform.testing.market import random_market

BARS, _ = random_market(("AAA", "BBB"), end=date(2018, 6, 29), seed=2)


def forecasts(bars):
    good = good_bars(bars)
    return good.select("date", "ticker").with_columns(har_forecasts(good))


def test_the_first_forecast_is_of_the_first_month_with_enough_known_targets():
    own = forecasts(BARS.filter(pl.col("ticker") == "AAA")).with_row_index("at")
    first = own.filter(pl.col("har_rv_21").is_finite()).row(0, named=True)
    month = first["date"].replace(day=1)
    start = own.filter(pl.col("date") >= month)["at"][0]
    assert first["at"] == start
    # Regressors begin with bar 22, and the last known target is that of 22 bars before.
    assert start - HORIZON - 22 >= FEWEST_TARGETS
    previous = own.filter(pl.col("date") < month)["date"][-1].replace(day=1)
    start_before = own.filter(pl.col("date") >= previous)["at"][0]
    assert start_before - HORIZON - 22 < FEWEST_TARGETS


@given(at=st.integers(600, 870), move=st.floats(0.5, 2.0))
@settings(max_examples=10, deadline=None)
def test_a_move_changes_the_coefficients_only_from_the_month_after_it(at, move):
    own = BARS.filter(pl.col("ticker") == "AAA")
    day = own["date"][at]
    scaled = pl.when(pl.col("date") >= day).then(move).otherwise(1.0)
    moved = own.with_columns(pl.col("open", "high", "low", "close") * scaled)
    earlier = pl.col("date") < day
    assert forecasts(moved).filter(earlier).equals(forecasts(own).filter(earlier))


def test_a_ticker_has_the_same_forecasts_alone_and_among_others():
    together = forecasts(BARS)
    alone = pl.concat(forecasts(BARS.filter(pl.col("ticker") == t)) for t in ("AAA", "BBB"))
    assert together.equals(alone)
    assert together["har_rv_21"].is_finite().sum() > 400


def test_a_forecast_is_at_most_the_largest_target_that_was_known_before_its_month():
    own = BARS.filter(pl.col("ticker") == "AAA")
    wild = pl.when(pl.col("date") > date(2018, 5, 1)).then(3.0).otherwise(1.0)
    good = good_bars(own.with_columns(pl.col("high") * wild))
    realised = 252.0 * good["log_return"].pow(2).rolling_mean(HORIZON)
    june = int((good["date"] < date(2018, 6, 1)).sum())
    largest = realised[22 + HORIZON : june].max()
    assert har_forecasts(good)[-1] == pytest.approx(largest)


def test_prices_that_never_move_have_the_smallest_variance():
    flat = BARS.with_columns(pl.lit(50.0).alias(n) for n in ("open", "high", "low", "close"))
    known = forecasts(flat)["har_rv_21"].fill_nan(None).drop_nulls()
    assert known.len() > 400
    assert known.to_numpy() == pytest.approx(1e-6)


def test_on_real_years_it_is_better_than_the_variance_of_the_last_month(real_market):
    """Mean QLIKE loss of 2003 to 2024, SPY and QQQ; both forecasts look at the same sessions."""
    bars, _ = real_market
    good = good_bars(bars).with_columns(squared=252.0 * pl.col("log_return") ** 2)
    past = pl.col("squared").rolling_mean(HORIZON).over("ticker")
    rows = good.with_columns(har_forecasts(good), past=past).with_columns(
        realised=pl.col("past").shift(-HORIZON).over("ticker")
    )
    rows = rows.filter((pl.col("date") >= date(2003, 1, 1)) & pl.col("realised").is_not_null())
    for ticker in ("SPY", "QQQ"):
        own = rows.filter(pl.col("ticker") == ticker)
        assert own["har_rv_21"].is_nan().sum() == 0
        losses = []
        for name in ("har_rv_21", "past"):
            q = (own["realised"] / own[name]).to_numpy()
            losses.append(float(np.mean(q - np.log(q) - 1.0)))
        assert losses[0] < 0.75 * losses[1], (ticker, losses)
