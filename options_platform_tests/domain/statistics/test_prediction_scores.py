"""Scores equal those of scikit-learn and independent formulas; intervals have their coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    r2_score,
    roc_auc_score,
)

from options_platform.domain.statistics import prediction_scores as metrics

DAYS = np.arange(np.datetime64("2020-01-01"), np.datetime64("2020-07-01"))
RANDOM = np.random.default_rng(3)
TARGET = RANDOM.integers(0, 3, 400)
P = 0.3 * np.eye(3)[TARGET] + 0.7 * RANDOM.dirichlet([2, 2, 2], 400)


def ones(count):
    return np.ones((1, count))


@given(st.integers(0, 10_000), st.integers(5, 80), st.integers(1, 6))
@settings(deadline=None)
def test_auc_equals_scikit_learns_with_ties_and_weights(seed, count, levels):
    random = np.random.default_rng(seed)
    score = random.integers(0, levels, count).astype(float)
    positive = random.random(count) < 0.4
    positive[:2] = True, False
    weights = random.integers(0, 4, (3, count)).astype(float)
    weights[:, :2] = 1.0
    wanted = [roc_auc_score(positive, score, sample_weight=row) for row in weights]
    np.testing.assert_allclose(metrics.auc(score, positive, weights), wanted, atol=1e-12)


def test_auc_worked_by_hand():
    # Positives score 0.8 and 0.4, negatives 0.6 and 0.4: of 4 pairs 2 win, 1 ties and 1 loses.
    score = np.array([0.8, 0.4, 0.6, 0.4])
    positive = np.array([True, True, False, False])
    assert metrics.auc(score, positive, ones(4)) == pytest.approx([0.625])


def test_the_auc_of_a_single_class_is_nan():
    assert np.isnan(metrics.auc(np.array([0.1, 0.9]), np.array([True, True]), ones(2))).all()
    drawn = np.array([[1.0, 1.0], [2.0, 0.0]])
    scores = metrics.auc(np.array([0.1, 0.9]), np.array([False, True]), drawn)
    assert scores[0] == 1.0
    assert np.isnan(scores[1])


def test_auc_and_log_loss_equal_scikit_learns():
    random = np.random.default_rng(1)
    p, y = random.dirichlet([1, 1, 1], 300), random.integers(0, 3, 300)
    each = [metrics.auc(p[:, k], y == k, ones(300))[0] for k in range(3)]
    assert np.mean(each) == pytest.approx(roc_auc_score(y, p, multi_class="ovr", average="macro"))
    assert metrics.log_losses(p, y).mean() == pytest.approx(log_loss(y, p))


def test_brier_score_and_balanced_accuracy_equal_scikit_learns():
    brier = metrics.brier_scores(P, TARGET)
    assert brier.mean() == pytest.approx(brier_score_loss(TARGET, P, scale_by_half=False))
    by_hand = sum(sum((P[i, k] - (TARGET[i] == k)) ** 2 for k in range(3)) for i in range(400))
    assert brier.sum() == pytest.approx(by_hand)
    call = P.argmax(axis=1)
    accuracy = metrics.balanced_accuracy(call, TARGET, ones(400))[0]
    assert accuracy == pytest.approx(balanced_accuracy_score(TARGET, call))


def test_qlike_worked_by_hand():
    # Realised variance twice the forecast: 2 - ln 2 - 1; half of it: 0.5 + ln 2 - 1.
    losses = metrics.qlike(np.array([0.04, 0.04, 0.04]), np.array([0.08, 0.02, 0.04]))
    assert losses == pytest.approx([1 - np.log(2), np.log(2) - 0.5, 0.0])


def test_skill_against_the_mean_equals_the_r2_score():
    actual, predicted = RANDOM.normal(size=400), RANDOM.normal(size=400)
    score = metrics.skill(predicted - actual, actual.mean() - actual, ones(400))[0]
    assert score == pytest.approx(r2_score(actual, predicted))


def test_the_log_loss_of_an_impossible_outcome_is_large_but_finite():
    loss = metrics.log_losses(np.array([[0.0, 1.0]]), np.array([0]))
    assert loss[0] == pytest.approx(15 * np.log(10))


def test_the_mean_is_weighted_and_nan_for_an_empty_draw():
    means = metrics.mean(np.array([1.0, 3.0]), np.array([[1.0, 1.0], [3.0, 1.0], [0.0, 0.0]]))
    assert means[:2] == pytest.approx([2.0, 1.5])
    assert np.isnan(means[2])


def test_calibration_error_worked_by_hand():
    # Two predictions at 0.8, one correct: gap 0.3 for half of the rows. Two at 0.6, both correct:
    # gap 0.4.
    p = np.array([[0.8, 0.2], [0.8, 0.2], [0.4, 0.6], [0.6, 0.4]])
    y = np.array([0, 1, 1, 0])
    assert metrics.calibration_error(p, y) == pytest.approx(0.5 * 0.3 + 0.5 * 0.4)


def test_calibration_error_equals_its_definition_on_scikit_learns_curve():
    confidence, right = P.max(axis=1), P.argmax(axis=1) == TARGET
    frequency, mean_p = calibration_curve(right, confidence, n_bins=10)
    counts = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    wanted = (np.abs(frequency - mean_p) * counts[counts > 0]).sum() / 400
    assert metrics.calibration_error(P, TARGET) == pytest.approx(wanted)
    assert metrics.calibration_errors(P, TARGET, 2 * ones(400))[0] == pytest.approx(wanted)


def test_a_perfect_forecaster_is_calibrated():
    assert metrics.calibration_error(np.eye(3)[[0, 1, 2]], np.array([0, 1, 2])) == 0.0


@given(st.integers(1, 60), st.integers(1, 30), st.integers(1, 3), st.integers(0, 99))
@settings(deadline=None)
def test_a_bootstrap_draws_as_many_sessions_as_there_are_with_all_their_rows(
    count, block, rows, seed
):
    """A session is drawn with all its rows, since tickers of a day move together."""
    dates = np.repeat(DAYS[:count], rows)
    weights = metrics.block_weights(dates, draws=20, block=block, seed=seed)
    assert weights.shape == (21, count * rows)
    assert (weights[0] == 1).all()
    assert (weights >= 0).all()
    np.testing.assert_array_equal(weights.sum(axis=1), count * rows)
    by_session = weights.reshape(21, count, rows)
    np.testing.assert_array_equal(by_session, np.repeat(by_session[:, :, :1], rows, axis=2))


def test_neighbouring_sessions_are_drawn_together():
    """With blocks of 10, a session and the next are drawn as often in at least 9 cases of 10."""
    weights = metrics.block_weights(DAYS[:100], draws=50, block=10)[1:]
    edges = (np.diff(weights, axis=1) != 0).sum(axis=1)
    assert edges.max() <= 20  # each of 10 blocks has two ends
    single = metrics.block_weights(DAYS[:100], draws=50, block=1)[1:]
    assert (np.diff(single, axis=1) != 0).sum(axis=1).min() > 30


def test_draws_depend_on_the_seed_and_not_on_the_order_of_rows():
    dates = np.repeat(DAYS[:40], 2)
    shuffled = np.random.default_rng(0).permutation(80)
    weights = metrics.block_weights(dates, draws=5)
    moved = metrics.block_weights(dates[shuffled], draws=5)
    np.testing.assert_array_equal(moved, weights[:, shuffled])
    np.testing.assert_array_equal(weights, metrics.block_weights(dates, draws=5))
    assert (weights != metrics.block_weights(dates, draws=5, seed=1)).any()


def test_every_session_is_drawn_equally_often():
    dates = np.arange(500).astype("datetime64[D]")
    often = metrics.block_weights(dates, draws=4000)[1:].mean(axis=0)
    assert often.min() > 0.8
    assert often.max() < 1.2


def test_the_interval_of_a_mean_has_the_theoretical_width():
    """Independent standard normals: the standard error of the mean is 1 / sqrt(n)."""
    dates = np.arange(np.datetime64("2000-01-01"), np.datetime64("2000-01-01") + 4000)
    values = np.random.default_rng(2).normal(0, 1, 4000)
    draws = metrics.mean(values, metrics.block_weights(dates, draws=1000, block=1))
    value, low, high = metrics.interval(draws)
    assert value == pytest.approx(values.mean())
    assert high - low == pytest.approx(2 * 1.96 / np.sqrt(4000), rel=0.1)


def test_overlapping_labels_widen_the_block_interval():
    """A moving sum is autocorrelated: drawing single sessions would give too narrow an interval."""
    noise = np.random.default_rng(3).normal(0, 1, 4004)
    values = np.convolve(noise, np.ones(5), "valid")
    dates = np.arange(np.datetime64("2000-01-01"), np.datetime64("2000-01-01") + 4000)
    width = {}
    for block in (1, 21):
        draws = metrics.mean(values, metrics.block_weights(dates, draws=600, block=block))
        _, low, high = metrics.interval(draws)
        width[block] = high - low
    # The variance of the mean is five times that of independent values, less the blocks' ends.
    assert 1.8 < width[21] / width[1] < 2.5


def test_the_interval_of_an_autocorrelated_mean_has_about_its_stated_coverage():
    covered = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(size=1204)
        values = np.convolve(noise, np.ones(5), "valid")  # overlaps like 5-session labels
        weights = metrics.block_weights(np.arange(1200).astype("datetime64[D]"), seed=seed)
        _, low, high = metrics.interval(metrics.mean(values, weights))
        covered += low <= 0.0 <= high
    assert covered / 200 > 0.88  # 95% asked; blocks of 21 keep most of the dependence


def test_the_interval_ignores_draws_that_are_not_finite():
    assert metrics.interval(np.array([0.5, 0.4, np.nan, 0.6])) == pytest.approx((0.5, 0.405, 0.595))
    value, low, high = metrics.interval(np.array([0.5]))
    assert value == 0.5
    assert np.isnan([low, high]).all()


def test_the_lower_bound_by_students_t_equals_scipys():
    draws = np.array([0.6, 0.5, 0.7, 0.55, 0.65])
    wanted = 0.6 + stats.t.ppf(0.01, df=3) * np.std(draws[1:], ddof=1)
    assert metrics.student_low(draws, 4, 0.01) == pytest.approx(wanted)
    wider = 0.6 + stats.t.ppf(0.01, df=3) * 0.3
    assert metrics.student_low(draws, 4, 0.01, least_error=0.3) == pytest.approx(wider)
    assert metrics.student_low(draws, 1, 0.01) == -np.inf


def test_with_few_blocks_students_t_gives_a_lower_bound_than_quantiles():
    days = DAYS[:42]
    weights = metrics.block_weights(days)
    blocks = metrics.block_count(days)
    assert blocks == 6
    random = np.random.default_rng(4)
    missed = np.zeros(2)
    for _ in range(400):
        noise = random.normal(size=50)
        draws = metrics.mean(np.convolve(noise, np.ones(5), "valid")[:42], weights)
        missed += [metrics.interval(draws)[1] > 0.0, metrics.student_low(draws, blocks, 0.025) > 0]
    quantile, student = missed / 400
    assert quantile > 0.05
    assert student < 0.75 * quantile
