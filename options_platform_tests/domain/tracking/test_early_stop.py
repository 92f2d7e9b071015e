"""The early stop: how often a whole record is stopped wrongly, how soon a halved edge is found."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from options_platform.domain.tracking.early_stop import (
    FEWEST_EXPECTED,
    OF_BET,
    bet_against,
    early_stop,
    tilted,
    trades_to_find,
)

RECORDS, TRADES = 1000, 3000
WIN, LOSS, WINS = 0.35, -0.8, 0.85


@pytest.fixture(scope="module")
def backtest():
    """Trades of a spread: 85 of 100 make 35% of what they risk, the others lose 80%."""
    return [WIN] * 850 + [LOSS] * 150


def drawn(wins, seed, trades=TRADES):
    """Records of trades, of which the share `wins` make money."""
    hit = np.random.default_rng(seed).random((RECORDS, trades)) < wins
    return np.where(hit, WIN, LOSS)


def stops(records, backtest):
    return [early_stop(record, backtest).stopped_at for record in records]


@pytest.mark.parametrize(("count", "most"), [(100, 0.065), (300, 0.05), (1000, 0.05)])
def test_of_a_thousand_honest_records_few_are_ever_stopped_by_a_backtest_of_any_length(count, most):
    """Backtest and record are drawn apart, so that a lucky backtest expects too much."""
    hit = np.random.default_rng(3).random((RECORDS, count)) < WINS
    records = drawn(WINS, 1, 1000)
    stopped = 0
    for backtest, record in zip(np.where(hit, WIN, LOSS).tolist(), records, strict=True):
        found = early_stop(record, backtest)
        stopped += found is not None and found.stopped_at is not None
    assert stopped / RECORDS <= most


def test_a_halved_edge_is_found_within_lordens_bound(backtest):
    expected = WINS * WIN + (1 - WINS) * LOSS
    halved = (expected / 2 - LOSS) / (WIN - LOSS)
    bet = bet_against(backtest)
    found = stops(drawn(halved, 2, 12_000), backtest)
    assert None not in found
    mean, error = np.mean(found), np.std(found) / math.sqrt(RECORDS)
    assert bet.to_find / 3 < mean < bet.to_find + 2.6 * error


def test_the_best_bet_on_a_coin_is_kellys():
    """Of two outcomes the fastest growing bet is known in closed form (Kelly 1956)."""
    backtest = [1.0] * 60_000 + [-1.0] * 40_000
    bet = bet_against(backtest)
    # Of so many tosses the lower bound is 1.96 errors of 0.9798 / 316.2 below the mean.
    assert bet.mean == pytest.approx(0.2)
    assert bet.expected == pytest.approx(0.2 - 1.96 * 0.9798 / 316.2, abs=1e-5)
    # With half the edge 55 of 100 win; the bet pays below what is expected.
    up, down = 1.0 - bet.expected, 1.0 + bet.expected
    best = (0.45 * down - 0.55 * up) / (up * down)
    assert bet.size == pytest.approx(best, abs=1e-3)


def test_a_short_backtest_cannot_tell_a_halved_edge():
    assert bet_against([WIN] * 80 + [LOSS] * 25).to_find == math.inf


def test_growth_that_is_the_same_each_trade_takes_walds_number_and_one_more():
    growth, weights = np.full(10, 0.01), np.full(10, 0.1)
    assert trades_to_find(growth, weights) == pytest.approx(math.log(40) / 0.01 + 1.0)
    assert trades_to_find(-growth, weights) == math.inf


@given(st.lists(st.floats(-1.0, 3.0), min_size=3, max_size=50), st.floats(0.05, 0.95))
def test_tilted_trades_have_the_mean_that_was_asked_for(shares, place):
    shares = np.array(shares)
    assume(np.ptp(shares) > 0.01)
    mean = shares.min() + place * np.ptp(shares)
    weights = tilted(shares, mean)
    assert weights.sum() == pytest.approx(1.0)
    assert weights @ shares == pytest.approx(mean, abs=1e-6)


@given(st.lists(st.floats(-1.0, 2.0), max_size=200))
def test_p_values_lie_in_0_to_1_and_never_rise(record):
    found = early_stop(record, [WIN] * 170 + [LOSS] * 30)
    assert np.all((found.p_values > 0) & (found.p_values <= 1))
    assert np.all(np.diff(found.p_values) <= 0)
    assert found.trades == len(record)
    assert (found.stopped_at is None) == (found.p_value > OF_BET)


def test_there_is_no_bet_against_too_few_trades_or_a_backtest_that_loses():
    assert bet_against([0.1] * (FEWEST_EXPECTED - 1)) is None
    assert early_stop([0.1], [LOSS] * 120 + [WIN] * 80) is None


def test_no_trades_are_no_evidence(backtest):
    assert early_stop([], backtest).p_value == 1.0
