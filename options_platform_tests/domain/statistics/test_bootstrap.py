"""Bootstrap by blocks of sessions: what is drawn, and how often an interval covers the truth."""

import numpy as np

from options_platform.domain.statistics.bootstrap import block_positions, bootstrap_interval


def test_blocks_are_runs_of_sessions_and_every_session_is_as_likely():
    at = block_positions(50, draws=4000, block=10, seed=1)
    assert at.shape == (4000, 50)
    steps = np.diff(at[:, :10], axis=1) % 50
    assert (steps == 1).all()
    counts = np.bincount(at.ravel(), minlength=50)
    assert counts.min() > 0.9 * counts.max()


def test_intervals_cover_the_true_value_about_as_often_as_stated():
    random = np.random.default_rng(4)
    covered = 0
    for draw in range(150):
        returns = random.normal(0.0005, 0.01, 400)
        interval = bootstrap_interval(returns, lambda r: np.mean(r, axis=-1), draws=300, seed=draw)
        covered += interval.low <= 0.0005 <= interval.high
    assert 0.85 < covered / 150 < 1.0
