"""Means of clustered groups: their error, intervals that hold, and few false findings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.statistics.block_means import block_means

SESSIONS, BLOCK, HELD = 2520, 63, 21


def overlapping(random, groups):
    """Sums and counts of trades held for 21 sessions, each group in some spells of 60 sessions."""
    noise = random.standard_normal(SESSIONS + HELD)
    moves = np.convolve(noise, np.ones(HELD), "valid")[:SESSIONS] / np.sqrt(HELD)
    spells = random.random((SESSIONS // 60, groups)) < np.where(np.arange(groups) % 2, 0.3, 0.6)
    counts = np.repeat(spells, 60, axis=0).astype(float)
    sign = np.where(random.random((SESSIONS, groups)) < 0.5, 1.0, -1.0)
    sign[:, ::2] = 1.0
    return counts * sign * moves[:, None], counts


def test_the_error_of_a_mean_of_single_observations_is_the_textbook_one():
    values = np.random.default_rng(1).normal(0.2, 3.0, (5000, 1))
    means = block_means(values, np.ones_like(values), block=1)
    assert means.mean[0] == pytest.approx(values.mean())
    assert means.error[0] == pytest.approx(values.std(ddof=1) / np.sqrt(5000), rel=1e-6)
    low, high = means.interval
    # 1.96 standard errors to each side, up to the noise of 1,000 draws.
    assert (high - low)[0] == pytest.approx(2 * 1.96 * means.error[0], rel=0.08)


def test_without_an_effect_intervals_hold_and_corrected_findings_are_rare():
    random, covered, alone, found, families, groups = np.random.default_rng(3), 0, 0, 0, 80, 6
    for _ in range(families):
        means = block_means(*overlapping(random, groups), block=BLOCK, draws=300)
        low, high = means.interval
        covered += int(((low < 0.0) & (high > 0.0)).sum())
        alone += bool((means.p_values < 0.05).any())
        found += bool((means.corrected < 0.05).any())
    # Nominally 95% and 5%; the standard error over 80 families is about 2.4%.
    assert covered / (families * groups) > 0.92
    assert found / families < 0.11
    assert alone > 2 * found


def test_an_effect_is_found_with_its_sign_and_in_the_right_group():
    sums, counts = overlapping(np.random.default_rng(5), 4)
    sums[:, 2] += 1.0 * counts[:, 2]
    means = block_means(sums, counts, block=BLOCK)
    assert np.flatnonzero(means.corrected < 0.05).tolist() == [2]
    assert means.interval[0][2] > 0.0
    assert (means.corrected >= means.p_values).all()


@given(scale=st.floats(0.01, 100.0), seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_a_unit_changes_means_and_intervals_and_no_p_value(scale, seed):
    sums, counts = overlapping(np.random.default_rng(seed), 2)
    one, other = (block_means(by * sums, counts, block=BLOCK, draws=50) for by in (1.0, scale))
    assert other.mean == pytest.approx(scale * one.mean)
    assert np.array(other.interval) == pytest.approx(scale * np.array(one.interval))
    assert other.corrected == pytest.approx(one.corrected)


def test_equal_observations_and_draws_without_any_prove_nothing():
    counts = np.zeros((SESSIONS, 2))
    counts[::50, 0] = counts[:3, 1] = 1.0
    means = block_means(-5.0 * counts, counts, block=BLOCK, draws=100)
    assert means.mean == pytest.approx([-5.0, -5.0])
    assert means.p_values == pytest.approx([1.0, 1.0])
    assert np.isnan(means.interval).all()
    with pytest.raises(ValueError, match="fewer than two blocks"):
        block_means(counts[:50], counts[:50], block=BLOCK)


def test_a_group_that_hardly_ever_loses_does_not_hide_what_others_show():
    random = np.random.default_rng(8)
    sums, counts = overlapping(random, 2)
    sums[:, 0] += 0.8 * counts[:, 0]
    rare = np.where(random.random(SESSIONS) < 0.001, -1.0, 0.02)[:, None]
    one_in_fifty = (np.arange(SESSIONS) % 50 == 0)[:, None].astype(float)
    both = np.hstack([sums, rare * one_in_fifty]), np.hstack([counts, one_in_fifty])
    alone, beside = (block_means(*pair, block=BLOCK) for pair in ((sums, counts), both))
    assert alone.corrected[0] < 0.05
    assert beside.corrected[0] < 0.05
