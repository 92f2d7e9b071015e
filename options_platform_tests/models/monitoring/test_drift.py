"""Drift of inputs, compared with SciPy and with hand-worked values."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import pytest
from scipy.stats import ks_2samp

from options_platform.models.dataset import make_dataset
from options_platform.models.monitoring.drift import input_drift, ks_distance, population_stability
from options_platform.models.monitoring.health import no_drift
from options_platform.testing.market import random_market
from options_platform_tests.models.rows import END, POOL, features_and_labels, random_dataset


def test_psi_by_hand_and_ks_as_scipy():
    # Shares 0.5/0.5 now against 0.25/0.75 in the past.
    psi = population_stability(np.array([50.0, 50.0]), np.array([25.0, 75.0]))
    wanted = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert psi == pytest.approx(wanted)
    random = np.random.default_rng(3)
    left, right = random.normal(size=80), random.normal(0.4, 1, size=50)
    assert ks_distance(left, right) == pytest.approx(ks_2samp(left, right).statistic)


@cache
def dataset():
    bars, vix = random_market(POOL, start=date(2010, 1, 4), end=END)
    return make_dataset(*features_and_labels(bars, vix), pool=POOL, end=END)


def changed(data, names, change, newest=63):
    inputs = data.sample.inputs.copy()
    rows = data.dates >= np.unique(data.dates)[-newest]
    for name in names:
        column = data.sample.names.index(name)
        inputs[rows, column] = change(inputs[rows, column])
    return replace(data, sample=replace(data.sample, inputs=inputs))


def test_an_ordinary_market_shows_no_drift():
    verdict = no_drift(dataset())
    assert verdict.passed, verdict.description
    assert input_drift(dataset()).height > 40


def test_inputs_that_all_move_to_new_levels_have_drifted():
    data = dataset()
    signed = [n for n in data.sample.names if n.startswith(("returns", "vix_change", "hv_"))]
    signed += ["rsi_14", "rsi_28", "bb_position", "price_vs_sma20", "price_vs_sma50", "vix_zscore"]
    high = changed(data, signed, lambda v: np.nanmax(v) * np.linspace(0.9, 1.0, len(v)))
    drift = input_drift(high)
    assert drift.filter("drifted").height > 0.33 * drift.height
    assert "depart further from the past than ever before" in no_drift(high).description


def test_a_short_history_gives_no_verdict_on_drift():
    short = random_dataset(date(2017, 6, 30))
    assert input_drift(short).is_empty()
    assert no_drift(short).passed
