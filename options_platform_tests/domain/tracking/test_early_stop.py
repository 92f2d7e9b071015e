"""The early stop: how often a whole record is stopped wrongly, how soon a halved edge is found."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from options_platform.domain.tracking.early_stop import (
    FEWEST_EXPECTED,
    LEVEL,
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


def test_of_a_thousand_honest_records_fewer_than_the_level_are_ever_stopped(backtest):
    stopped = [at for at in stops(drawn(WINS, 1), backtest) if at is not None]
    # Ville's bound is of records without an end; within 3,000 trades most of it is reached.
    assert 0.01 < len(stopped) / RECORDS <= LEVEL + 0.01


def test_a_halved_edge_is_found_within_lordens_bound(backtest):
    expected = WINS * WIN + (1 - WINS) * LOSS
    halved = (expected / 2 - LOSS) / (WIN - LOSS)
    bet = bet_against(backtest)
    found = stops(drawn(halved, 2, 12_000), backtest)
    assert None not in found
    mean, error = np.mean(found), np.std(found) / math.sqrt(RECORDS)
    assert bet.to_find / 2 < mean < bet.to_find + 2.6 * error


def test_the_best_bet_on_a_coin_is_kellys():
    """Of two outcomes the fastest growing bet is known in closed form (Kelly 1956)."""
    backtest = [1.0] * 60 + [-1.0] * 40
    bet = bet_against(backtest)
    # With half the edge 55 of 100 win; the bet pays below 0.2.
    up, down = 1.0 - 0.2, 1.0 + 0.2
    best = (0.45 * down - 0.55 * up) / (up * down)
    assert bet.expected == pytest.approx(0.2)
    assert bet.size == pytest.approx(best, abs=1e-3)


def test_growth_that_is_the_same_each_trade_takes_walds_number_and_one_more():
    growth, weights = np.full(10, 0.01), np.full(10, 0.1)
    assert trades_to_find(growth, weights) == pytest.approx(math.log(20) / 0.01 + 1.0)
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
    found = early_stop(record, [WIN] * 85 + [LOSS] * 15)
    assert np.all((found.p_values > 0) & (found.p_values <= 1))
    assert np.all(np.diff(found.p_values) <= 0)
    assert found.trades == len(record)
    assert (found.stopped_at is None) == (found.p_value > LEVEL)


def test_there_is_no_bet_against_too_few_trades_or_a_backtest_that_loses():
    assert bet_against([0.1] * (FEWEST_EXPECTED - 1)) is None
    assert early_stop([0.1], [LOSS] * 60 + [WIN] * 40) is None


def test_no_trades_are_no_evidence(backtest):
    assert early_stop([], backtest).p_value == 1.0
