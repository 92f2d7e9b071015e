"""Broken inputs are reported in short and long histories; legitimate behaviour is not."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.models.dataset import input_features, make_dataset
from options_platform.models.monitoring.health import no_drift
from options_platform.models.monitoring.input_faults import input_faults
from options_platform.testing.market import from_source, random_market
from options_platform_tests.models.rows import END, POOL, features_and_labels

YEARS, FOURTEEN_MONTHS = date(2010, 1, 4), date(2016, 11, 1)
FIRST, SECOND = POOL
NUMBERS = ("vix", "hv_20", "returns_1d", "rsi_14", "hv_iv_ratio", "vix_sma_20", "bb_position")


@cache
def dataset():
    bars, vix = random_market(POOL, start=YEARS, end=END)
    return make_dataset(*features_and_labels(bars, vix), pool=POOL, end=END)


def since(data, first):
    return rows_of(data, np.flatnonzero(data.dates >= np.datetime64(first)))


def rows_of(data, rows):
    return replace(
        data,
        keys=data.keys[rows],
        dates=data.dates[rows],
        known_on=data.known_on[rows],
        sample=data.sample.take(rows),
    )


def changed(data, name, change, *, ticker=FIRST, newest=21):
    inputs = data.sample.inputs.copy()
    rows = (data.keys["ticker"] == ticker).to_numpy() & (
        data.dates >= np.unique(data.dates)[-newest]
    )
    column = data.sample.names.index(name)
    inputs[rows, column] = change(inputs[rows, column])
    return replace(data, sample=replace(data.sample, inputs=inputs))


def missing(values):
    return np.full_like(values, np.nan)


def frozen(values):
    return np.full_like(values, values[0])


def test_honest_markets_have_no_faults():
    assert input_faults(dataset()) == []
    assert input_faults(since(dataset(), FOURTEEN_MONTHS)) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (missing, "is unknown for 21 sessions"),
        (frozen, "stands still at"),
        (lambda v: v * 100.0, "is"),
        (lambda v: v / 100.0, "is in other units"),
    ],
)
@pytest.mark.parametrize("first", [YEARS, FOURTEEN_MONTHS])
@pytest.mark.parametrize("name", NUMBERS)
def test_a_broken_input_of_one_ticker_is_reported_on_any_length_of_history(
    name, first, change, words
):
    (fault,) = input_faults(changed(since(dataset(), first), name, change, ticker=SECOND))
    assert fault.startswith(f"{name} of {SECOND} {words}")
    assert f"(look at {'vix' if name.startswith('vix') else 'raw_ohlcv'}" in fault


def test_two_weeks_without_an_input_are_not_a_fault():
    assert input_faults(changed(dataset(), "vix", missing, newest=15)) == []
    assert input_faults(changed(dataset(), "vix", frozen, newest=15)) == []


def test_an_input_that_stays_missing_stays_a_fault_and_a_usual_outage_is_none():
    assert input_faults(changed(dataset(), "vix", missing, newest=120)) != []
    before = changed(dataset(), "vix", missing, newest=60)
    between = changed(before, "vix", lambda v: np.full_like(v, 20.0) + np.arange(len(v)), newest=35)
    assert input_faults(changed(between, "vix", missing)) == []
    # A second outage is a fault once it is longer than the first.
    assert input_faults(changed(between, "vix", missing, newest=30)) != []


def test_a_value_outside_its_declared_range_is_a_fault():
    (fault,) = input_faults(changed(dataset(), "iv_rank", lambda v: v + 1.5, newest=1))
    assert fault.startswith(f"iv_rank of {FIRST} is ")
    assert "outside its range of 0 to 1 (look at vix)" in fault


def test_a_negative_volatility_is_outside_its_range_without_a_high_end():
    (fault,) = input_faults(changed(dataset(), "hv_20", lambda v: -v, newest=1))
    assert "outside its range of 0 to inf (look at raw_ohlcv)" in fault


def test_an_input_that_may_stay_constant_is_never_frozen():
    """Flags, categories, counters, a rank at its bound, a GARCH forecast without clustering."""
    data = dataset()
    for name, feature in input_features().items():
        if feature.dtype != pl.Float64:
            assert input_faults(changed(data, name, frozen)) == []
    for bound in (0.0, 1.0):
        assert input_faults(changed(data, "vix_rank", lambda v, b=bound: v * 0 + b)) == []
    flat = changed(data, "garch_forecast", lambda v: np.full_like(v, 0.2), newest=300)
    assert input_faults(flat) == []


def test_no_session_of_a_simulated_market_has_faults():
    tickers = ("SPY", "QQQ", "IWM")
    features, labels = features_and_labels(*from_source(SimulatedSource(7), 2015, 2017, tickers))
    data = make_dataset(features, labels, pool=tickers, end=END)
    days = np.unique(data.dates)
    for day in days[len(days) // 2 :: 5]:
        assert input_faults(rows_of(data, np.flatnonzero(data.dates <= day))) == []


def test_a_fault_stops_trading_and_the_rest_is_counted():
    data = dataset()
    for name in NUMBERS:
        data = changed(data, name, frozen)
    verdict = no_drift(data)
    assert not verdict.passed
    assert verdict.description.endswith("; and 2 more")
    assert all(name in str(verdict.figures["faults"]) for name in NUMBERS)
