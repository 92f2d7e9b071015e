"""Deflated Sharpe ratio and probability of backtest overfitting, compared with their papers."""

from itertools import combinations

import numpy as np
import pytest

from options_platform.domain.statistics.overfitting import (
    deflated_best,
    deflated_sharpe_ratio,
    expected_best_sharpe,
    overfitting_logits,
    overfitting_probability,
    sharpe_ratio,
)
from options_platform.domain.statistics.paired_test import paired_test


@pytest.mark.parametrize(("trials", "wanted"), [(100, 0.9004), (46, 0.9505)])
def test_the_deflated_sharpe_ratio_reproduces_the_papers_example(trials, wanted):
    # Bailey and Lopez de Prado (2014), "A numerical example": an annual Sharpe ratio of 2.5 over
    # 1,250 days of 250 a year, skewness -3, kurtosis 10, variance 1/2 a year among the trials.
    probability = deflated_sharpe_ratio(
        2.5 / np.sqrt(250),
        periods=1250,
        variance=0.5 / 250,
        trials=trials,
        skewness=-3.0,
        kurtosis=10.0,
    )
    assert probability == pytest.approx(wanted, abs=5e-5)


def test_the_expected_maximum_of_100_trials_reproduces_the_paper():
    assert expected_best_sharpe(0.5 / 250, 100) == pytest.approx(0.1132, abs=5e-5)
    assert expected_best_sharpe(0.5 / 250, 1) == 0.0


def test_the_expected_maximum_agrees_with_simulation():
    draws = np.random.default_rng(0).normal(0.0, 0.1, (4000, 50)).max(axis=1)
    assert expected_best_sharpe(0.01, 50) == pytest.approx(draws.mean(), rel=0.02)


def test_noise_does_not_survive_deflation_and_skill_does():
    noise = np.random.default_rng(1).normal(size=(240, 40))
    assert deflated_best(noise) < 0.9
    skilled = noise.copy()
    skilled[:, 7] += 0.5
    assert deflated_best(skilled) > 0.99
    assert np.isnan(deflated_best(np.zeros((10, 3))))


def test_a_trial_that_never_trades_counts_for_nothing_even_beside_a_single_other_one():
    traded = np.random.default_rng(3).normal(0.05, 1.0, size=(240, 1))
    idle = np.zeros((240, 2))
    assert deflated_best(np.hstack([idle, traded])) == deflated_best(traded)
    assert 0.5 < deflated_best(traded) < 1.0


def test_logits_equal_the_algorithm_written_as_loops():
    returns = np.random.default_rng(2).normal(size=(48, 7))
    blocks = np.split(returns, 6)
    wanted = []
    for picked in combinations(range(6), 3):
        inside = np.concatenate([blocks[k] for k in picked])
        outside = np.concatenate([blocks[k] for k in range(6) if k not in picked])
        best = np.argmax([sharpe_ratio(column) for column in inside.T])
        ratios = np.array([sharpe_ratio(column) for column in outside.T])
        rank = (ratios <= ratios[best]).sum() / 8
        wanted.append(np.log(rank / (1 - rank)))
    assert overfitting_logits(returns, partitions=6) == pytest.approx(wanted)


def test_complete_overfitting_has_probability_one():
    # Test case 1 of Bailey et al. (2017), also in R's package pbo: 100 trials of 1,000 days, each
    # shifted to a mean of zero, so that the best trial of one half is the worst of the other.
    returns = np.random.default_rng(3).normal(size=(1000, 100))
    returns -= returns.mean(axis=0)
    assert overfitting_probability(returns, partitions=8) > 0.98
    assert overfitting_probability(returns, partitions=16, measure="mean") == 1.0


def test_pure_noise_has_an_overfitting_probability_of_about_one_half():
    # Soloviov (2025), "How overfit is your search?": 0.476 +- 0.137 over noise matrices.
    probabilities = [
        overfitting_probability(np.random.default_rng(seed).normal(size=(500, 60)), partitions=10)
        for seed in range(25)
    ]
    assert np.mean(probabilities) == pytest.approx(0.476, abs=0.1)


def test_a_true_edge_is_not_overfitting():
    # The same study: with an edge of 0.15 per period in a tenth of the trials it is 0.001.
    returns = np.random.default_rng(4).normal(size=(1000, 200))
    returns[:, :20] += 0.15
    assert overfitting_probability(returns) < 0.01


def test_returns_that_cannot_be_split_in_halves_are_refused():
    for shape, partitions in (((100, 5), 7), ((15, 5), 8), ((100, 1), 8)):
        with pytest.raises(ValueError, match="even number of partitions"):
            overfitting_logits(np.zeros(shape), partitions=partitions)


def test_a_paired_test_detects_a_true_gain_and_ignores_chance():
    random = np.random.default_rng(5)
    other = random.normal(1.0, 0.3, 120)
    assert paired_test(other - 0.05 + random.normal(0, 0.1, 120), other).beats()
    assert not paired_test(other, other).beats()
    assert not paired_test(other[:8] - 0.5, other[:8]).beats(), "eight folds prove nothing"


def test_the_paired_test_rejects_at_most_at_its_level():
    rejected = 0
    for seed in range(600):
        noise = np.random.default_rng(seed).normal(size=(61, 2))
        loss = noise[1:] + 0.3 * noise[:-1]  # neighbouring folds overlap
        rejected += paired_test(loss[:, 0], loss[:, 1]).beats()
    assert rejected / 600 < 0.075


def test_folds_without_a_loss_are_left_out():
    loss, other = np.full(20, 1.0), np.full(20, 2.0)
    other[::2] += 0.1
    loss[3] = np.nan
    assert paired_test(loss, other).folds == 19


def test_a_trial_that_never_traded_leaves_the_ratio_of_the_only_other_one():
    daily = np.random.default_rng(3).normal(0.001, 0.01, 500)
    alone = deflated_best(daily[:, None])
    assert deflated_best(np.stack([daily, np.zeros(500)], axis=1)) == pytest.approx(alone)
