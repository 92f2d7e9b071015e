"""Scores equal scikit-learn's and formulas written out again; intervals behave."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer
from sklearn.calibration import calibration_curve

from options_platform.domain import metrics

RANDOM = np.random.default_rng(3)
TARGET = RANDOM.integers(0, 3, 400)
SCORES = RANDOM.normal(size=(400, 3)) + 0.7 * np.eye(3)[TARGET]
P = np.exp(SCORES) / np.exp(SCORES).sum(axis=1, keepdims=True)
ONES = np.ones((1, 400))


def test_auc_equals_scikit_learn_and_counted_pairs():
    coarse = P[:, 0].round(1)  # with ties
    found = metrics.auc(coarse, TARGET == 0, ONES)[0]
    assert found == pytest.approx(peer.roc_auc_score(TARGET == 0, coarse), abs=1e-12)
    hits, misses = coarse[TARGET == 0], coarse[TARGET != 0]
    won = (hits[:, None] > misses).sum() + 0.5 * (hits[:, None] == misses).sum()
    assert found == pytest.approx(won / (len(hits) * len(misses)), abs=1e-12)


def test_macro_auc_equals_scikit_learn():
    wanted = peer.roc_auc_score(TARGET, P, multi_class="ovr", average="macro")
    assert metrics.macro_auc(P, TARGET, ONES)[0] == pytest.approx(wanted, abs=1e-12)


def test_weighted_auc_equals_scikit_learn_with_sample_weights():
    weights = RANDOM.integers(0, 4, (1, 400)).astype(float)
    wanted = peer.roc_auc_score(TARGET == 2, P[:, 2], sample_weight=weights[0])
    assert metrics.auc(P[:, 2], TARGET == 2, weights)[0] == pytest.approx(wanted, abs=1e-12)


def test_log_loss_and_brier_score_equal_scikit_learn():
    assert metrics.log_losses(P, TARGET).mean() == pytest.approx(peer.log_loss(TARGET, P))
    wanted = peer.brier_score_loss(TARGET, P, scale_by_half=False)
    assert metrics.brier_scores(P, TARGET).mean() == pytest.approx(wanted)
    by_hand = sum(sum((P[i, k] - (TARGET[i] == k)) ** 2 for k in range(3)) for i in range(400))
    assert metrics.brier_scores(P, TARGET).sum() == pytest.approx(by_hand)


def test_balanced_accuracy_equals_scikit_learn():
    call = P.argmax(axis=1)
    found = metrics.balanced_accuracy(call, TARGET, ONES)[0]
    assert found == pytest.approx(peer.balanced_accuracy_score(TARGET, call))


def test_calibration_error_equals_its_definition_on_scikit_learns_curve():
    confidence, right = P.max(axis=1), P.argmax(axis=1) == TARGET
    frequency, mean_p = calibration_curve(right, confidence, n_bins=10)
    counts = np.histogram(confidence, np.linspace(0, 1, 11))[0]
    wanted = (np.abs(frequency - mean_p) * counts[counts > 0]).sum() / 400
    assert metrics.calibration_error(P, TARGET) == pytest.approx(wanted)
    doubled = metrics.calibration_errors(P, TARGET, 2 * ONES)[0]
    assert doubled == pytest.approx(wanted)


def test_qlike_by_hand():
    # Realised variance twice the forecast: 2 - ln 2 - 1; half of it: 0.5 + ln 2 - 1.
    found = metrics.qlike(np.array([0.04, 0.04, 0.04]), np.array([0.08, 0.02, 0.04]))
    assert found == pytest.approx([1 - np.log(2), np.log(2) - 0.5, 0.0])


def test_skill_is_the_r2_score_when_the_mean_is_the_naive_forecast():
    actual, predicted = RANDOM.normal(size=400), RANDOM.normal(size=400)
    found = metrics.skill(predicted - actual, actual.mean() - actual, ONES)[0]
    assert found == pytest.approx(peer.r2_score(actual, predicted))


def test_a_score_that_a_draw_does_not_have_is_nan():
    one_class = metrics.auc(P[:, 0], np.ones(400, dtype=bool), ONES)
    assert np.isnan(one_class).all()
    assert np.isnan(metrics.interval(one_class)[1])


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 300), tickers=st.integers(1, 3), seed=st.integers(0, 5))
def test_each_draw_holds_as_many_sessions_and_all_rows_of_a_session(count, tickers, seed):
    days = np.arange(count).astype("datetime64[D]")
    weights = metrics.block_weights(np.repeat(days, tickers), draws=20, seed=seed)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == count * tickers).all()
    by_session = weights.reshape(21, count, tickers)
    assert (by_session == by_session[:, :, :1]).all()


def test_every_session_is_drawn_equally_often():
    weights = metrics.block_weights(np.arange(500).astype("datetime64[D]"), draws=4000)
    often = weights[1:].mean(axis=0)
    assert often.min() > 0.8
    assert often.max() < 1.2


def test_the_interval_of_an_autocorrelated_mean_covers_it_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        noise = np.random.default_rng(seed).normal(size=1204)
        values = np.convolve(noise, np.ones(5), "valid")  # overlaps like 5-session labels
        weights = metrics.block_weights(np.arange(1200).astype("datetime64[D]"), seed=seed)
        _, low, high = metrics.interval(metrics.mean(values, weights))
        covered += low <= 0.0 <= high
    assert covered / 200 > 0.88  # 95% asked; blocks of 21 keep most of the dependence
