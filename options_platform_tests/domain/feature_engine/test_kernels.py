import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.feature_engine.kernels import KERNELS, Block, fill

WALK = 100.0 * np.exp(np.cumsum(np.random.default_rng(5).normal(0.0, 0.02, 400)))


def run(kernel, values, n):
    values = np.atleast_2d(np.asarray(values, dtype=float))
    out = np.empty_like(values)
    fill(Block(values), kernel, n, out)
    return out


# Slow definitions over one window of n values; recursive kernels have separate references.
SLOW = {
    "total": math.fsum,
    "sma": lambda window: math.fsum(window) / len(window),
    "highest": max,
    "lowest": min,
    "sample_std": lambda window: np.std(window, ddof=1),
    "population_std": np.std,
}


@pytest.mark.parametrize("kernel", SLOW)
@given(n=st.integers(2, 300))
@settings(max_examples=25, deadline=None)
def test_a_window_of_any_length_equals_its_definition(kernel, n):
    computed = run(kernel, WALK, n)[0]
    assert np.isnan(computed[: n - 1]).all()
    wanted = [SLOW[kernel](WALK[at - n + 1 : at + 1]) for at in range(n - 1, len(WALK))]
    np.testing.assert_allclose(computed[n - 1 :], wanted, rtol=1e-12)


def test_lag_percentile_and_ema_by_hand():
    nan = float("nan")
    np.testing.assert_array_equal(run("lag", [1, 2, 3, 4], 3)[0], [nan, nan, nan, 1])
    # Of the three previous values (1, 2, 4), 1 and 2 are below 4; none is below 1.
    computed = run("percentile", [1, 2, 4, 4, 1], 3)[0]
    np.testing.assert_array_equal(computed, [nan, nan, nan, 2 / 3, 0])
    # alpha = 2 / (3 + 1): the average starts at 2, after the gap, and goes 2, 3, 5.
    computed = run("ema", [nan, 2, 4, 7], 3)[0]
    np.testing.assert_array_equal(computed, [nan, nan, nan, 5])


@pytest.mark.parametrize("value", [50.0, 0.1, 1 / 3, 1e-9, 1e9 / 7])
@pytest.mark.parametrize("n", [2, 5, 20, 60, 119, 120, 252])
def test_equal_values_have_a_deviation_of_exactly_zero(value, n):
    values = np.r_[WALK[:50], np.full(300, value)]
    for kernel in ("sample_std", "population_std"):
        assert (run(kernel, values, n)[0, 50 + n - 1 :] == 0.0).all()


def test_a_small_deviation_of_large_values_does_not_cancel():
    tiny = 1e8 + np.tile([0.0, 1e-3], 100)
    computed = run("population_std", tiny, 20)[0, 19:]
    wanted = [np.std(tiny[at - 19 : at + 1] - 1e8) for at in range(19, 200)]
    np.testing.assert_allclose(computed, wanted, rtol=1e-9)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_series_gives_the_same_bits_alone_among_others_and_truncated(kernel):
    random = np.random.default_rng(6)
    many = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.02, (7, 300)), axis=1))
    together = run(kernel, many, 28)
    for n, values in enumerate(many):
        np.testing.assert_array_equal(run(kernel, values, 28)[0], together[n])
        np.testing.assert_array_equal(run(kernel, values[:101], 28)[0], together[n, :101])


@pytest.mark.parametrize("kernel", sorted(set(KERNELS) - {"ema", "rsi"}))
def test_a_nan_affects_only_the_windows_that_contain_it(kernel):
    holed = WALK.copy()
    holed[100] = np.nan
    whole, spoilt = run(kernel, WALK, 20)[0], run(kernel, holed, 20)[0]
    np.testing.assert_array_equal(spoilt[:100], whole[:100])
    np.testing.assert_array_equal(spoilt[121:], whole[121:])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("length", [1, 2, 13, 14])
def test_a_series_too_short_for_the_window_has_no_value(kernel, length):
    computed = run(kernel, WALK[:length], 14)[0]
    full = kernel in SLOW or kernel == "ema"
    assert np.isnan(computed[:13]).all()
    assert np.isnan(computed[13:]).all() == (not full or length < 14)
