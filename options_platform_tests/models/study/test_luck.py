"""The luck of the best trial is measured against all trials ever recorded."""

import numpy as np
import polars as pl

from options_platform.models.study.luck import luck
from options_platform_tests.models.test_promotion import FOLDS, trial

CHOSEN = ["champion-same", "better-same", "equal-same", "worse-same"]


def tried(*, searched=0):
    """Rows of `trials` and `trial_folds`: four variants, and search trials recorded twice each."""
    random = np.random.default_rng(0)
    naive = random.normal(1.10, 0.10, len(FOLDS))
    champion = naive - 0.04 + random.normal(0, 0.05, len(FOLDS))
    pairs = [
        trial("champion", champion, naive),
        trial("better", champion - 0.02 + random.normal(0, 0.03, len(FOLDS)), naive),
        trial("equal", champion + random.normal(0, 0.03, len(FOLDS)), naive),
        trial("worse", naive + 0.01 + random.normal(0, 0.03, len(FOLDS)), naive),
    ]
    for n in range(searched):
        for data in ("one year", "another"):
            losses = naive + random.normal(0.0, 0.1) + random.normal(0.0, 0.05, len(FOLDS))
            pairs.append(trial(f"search_{n}", losses, naive, data, purpose="search"))
    return pl.concat([row for row, _ in pairs]), pl.concat([folds for _, folds in pairs])


def test_the_trials_are_counted():
    measures = luck(*tried(), CHOSEN)
    assert measures["trials"] == 4
    assert measures["folds"] == 120
    assert measures["deflated_sharpe_ratio"] > 0.95
    assert measures["overfitting_probability"] < 0.2


def test_search_trials_count_once_per_set_of_parameters():
    before, after = luck(*tried(), CHOSEN), luck(*tried(searched=50), CHOSEN)
    assert after["trials"] == 54
    assert after["deflated_sharpe_ratio"] < before["deflated_sharpe_ratio"]
    assert after["overfitting_probability"] == before["overfitting_probability"]


def test_parameters_recorded_differently_by_an_older_version_count_once():
    trials, folds = tried()
    older = trials.with_columns(
        trial_id=pl.col("trial_id") + "-older",
        parameters=pl.col("parameters").str.replace("{", '{"level": false, ', literal=True),
    )
    again = folds.with_columns(trial_id=pl.col("trial_id") + "-older")
    measures = luck(pl.concat([trials, older]), pl.concat([folds, again]), CHOSEN)
    assert measures == luck(trials, folds, CHOSEN)
