"""The control chart: its false alarms are as many as it says, and it sees what has changed."""

import numpy as np
import pytest

from options_platform.domain.tracking.control_chart import (
    FEWEST_SESSIONS,
    HORIZON,
    LEVEL,
    control_chart,
    drawn_returns,
    horizon_of,
)

RECORDS = 1000


@pytest.fixture(scope="module")
def backtest():
    """Ten years of a seller of spreads: small gains in runs, and some weeks of large losses."""
    random = np.random.default_rng(3)
    returns = random.normal(0.0006, 0.003, 2520)
    for start in random.integers(0, 2500, 25):
        returns[start : start + 5] -= random.uniform(0.001, 0.006, 5)
    return returns


@pytest.fixture(scope="module")
def band(backtest):
    return control_chart(np.zeros(HORIZON), backtest)


@pytest.fixture(scope="module")
def honest(backtest):
    """Honest records of a year that the band has not seen."""
    return drawn_returns(backtest, HORIZON, draws=RECORDS, seed=4711)


def test_of_a_thousand_honest_records_as_many_fall_below_the_band_as_it_says(band, honest):
    fell = (np.cumsum(honest, axis=1) < band.low).any(axis=1)
    error = 2.6 * np.sqrt(band.level * (1 - band.level) / RECORDS)
    assert band.level == LEVEL / 2
    assert fell.mean() == pytest.approx(band.level, abs=error + 0.005)


def returns_of(random, shape):
    """Honest returns, of which each backtest and each record is a part of its own."""
    calm = random.normal(0.0006, 0.003, shape)
    return np.where(random.random(shape) < 0.01, calm - 0.015, calm)


@pytest.mark.parametrize("sessions", [1008, 2520])
def test_few_records_fall_below_the_band_of_a_backtest_of_any_length(sessions):
    """The backtest's mean is a draw too: one that was lucky promises too much."""
    random = np.random.default_rng(8)
    fell = 0
    for number in range(300):
        backtest, record = returns_of(random, sessions), returns_of(random, HORIZON)
        found = control_chart(record, backtest, draws=400, seed=number)
        fell += found.fell_at is not None
    # 5% of records of any length, and an error of 300 of them.
    assert fell / 300 <= LEVEL + 0.0126


def test_a_fall_stays_one_when_the_record_outgrows_its_band(backtest):
    record = np.concatenate([np.full(200, -0.0006), np.full(100, 0.0006)])
    early = control_chart(record[:252], backtest)
    assert early.fell_at is not None
    late = control_chart(record, backtest)
    assert late.horizon == 504
    assert late.fell_at == early.fell_at


def test_an_account_that_has_not_moved_has_no_sharpe_ratio(backtest):
    found = control_chart(np.zeros(30), backtest)
    assert (found.sharpe, found.p_value) == (None, None)


def test_the_p_values_of_honest_records_are_uniform(backtest, honest):
    found = [control_chart(record, backtest, draws=500).p_value for record in honest[:100]]
    for share in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(np.array(found) <= share) == pytest.approx(share, abs=0.12)


def test_levels_of_longer_bands_add_up_to_the_level_at_most():
    assert horizon_of(21) == horizon_of(252) == (252, LEVEL / 2)
    assert horizon_of(253) == (504, LEVEL / 4)
    assert horizon_of(2000) == (2016, LEVEL / 16)


def test_a_record_that_loses_falls_below_the_band_and_stays_in_its_place(backtest):
    lost = drawn_returns(backtest, 200, draws=1, seed=1)[0]
    lost[100:] -= 0.004
    found = control_chart(lost, backtest)
    assert 100 < found.fell_at <= 200
    assert found.p_value < 0.05
    assert found.sharpe.value < found.sharpe.low
    assert found.profit[-1] == pytest.approx(lost.sum())
    assert np.isnan(found.low[FEWEST_SESSIONS - 2])
    assert (found.low[FEWEST_SESSIONS - 1 :] < found.expected[FEWEST_SESSIONS - 1 :]).all()


def test_the_band_does_not_depend_on_the_record(backtest):
    one = control_chart(np.zeros(100), backtest)
    other = control_chart(np.full(100, 0.01), backtest)
    assert np.array_equal(one.low, other.low, equal_nan=True)


def test_too_short_a_record_or_backtest_is_not_judged(backtest):
    assert control_chart(np.zeros(FEWEST_SESSIONS - 1), backtest) is None
    assert control_chart(np.zeros(100), backtest[:1007]) is None
