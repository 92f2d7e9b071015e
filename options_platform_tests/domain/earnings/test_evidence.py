"""The gate looks at fixed points, adds losses, and corrects for all strategies."""

import numpy as np
import pytest

from options_platform.domain.earnings.evidence import judged
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.statistics.fixed_looks import next_look

# A mean of .4 and a standard deviation of .102 over 30 trades. With one loss of 1 added: mean
# (12 - 1) / 31 = .3548, deviation .2707, error .0486, t 7.30.
GOOD = [0.3, 0.5] * 15


def records(**own):
    return dict.fromkeys(EARNINGS_STRATEGIES, ()) | own


def verdict(trades, **others):
    return judged(records(earnings_iron_condor=trades, **others))["earnings_iron_condor"]


def test_a_record_passes_at_a_look_and_not_one_trade_before():
    assert verdict(GOOD[:29]).status == "research"
    assert (verdict(GOOD[:29]).look, verdict(GOOD[:29]).p_value) == (0, 1.0)
    passed = verdict(GOOD)
    assert (passed.status, passed.look) == ("proven", 30)
    assert passed.mean == pytest.approx(0.4)
    assert passed.mean_with_losses == pytest.approx(11.0 / 31.0)
    assert passed.p_value == pytest.approx(2.1e-8, rel=0.1)
    assert passed.p_holm == pytest.approx(7 * passed.p_value)


@pytest.mark.parametrize("count", [31, 45, 59])
def test_between_two_looks_neither_losses_nor_gains_change_the_verdict(count):
    assert verdict(GOOD + [-1.0] * (count - 30)) == verdict(GOOD).__class__(
        **{**vars(verdict(GOOD)), "trades": count}
    )
    poor = [-0.1, 0.1] * 15
    assert verdict(poor + [1.0] * (count - 30)).status == "research"
    assert verdict(poor + [1.0] * 30).look == 60
    assert [next_look(trades) for trades in (0, 30, 60, 119, 120)] == [30, 60, 120, 120, None]


def test_the_last_look_stays():
    assert verdict(GOOD * 4 + [-1.0] * 200).look == 120
    assert verdict(GOOD * 4 + [-1.0] * 200).status == "proven"


def test_one_added_loss_for_every_thirty_trades_decides():
    # Alone the mean of .05 has t = 2.7; with the loss of all it is .0161, t = .41.
    thin = [-0.05, 0.15] * 15
    alone = np.mean(thin) / (np.std(thin, ddof=1) / np.sqrt(30))
    assert alone > 2.6
    assert verdict(thin).status == "research"
    assert verdict(thin).mean_with_losses == pytest.approx((30 * 0.05 - 1.0) / 31)
    twice = verdict(thin * 2)
    assert twice.mean_with_losses == pytest.approx((60 * 0.05 - 2.0) / 62)


def test_the_added_loss_is_the_worst_where_more_than_all_was_lost():
    assert verdict([*GOOD[:29], -2.0]).mean_with_losses == pytest.approx(
        (sum(GOOD[:29]) - 4.0) / 31
    )


def test_holm_asks_more_of_one_strategy_among_seven_than_of_the_next_ones():
    # p is about .015 alone, and above 5% times seven.
    middling = [0.45, -0.1] * 15
    own = verdict(middling)
    assert 0.05 / 7 < own.p_value < 0.05
    assert (own.status, own.p_holm) == ("research", pytest.approx(7 * own.p_value))
    others = {name: GOOD for name in EARNINGS_STRATEGIES if name != "earnings_iron_condor"}
    last = verdict(middling, **others)
    assert last.p_holm == pytest.approx(own.p_value)
    assert last.status == "proven"


def test_a_strategy_that_loses_or_never_moves_is_not_proven():
    assert verdict([-0.2, 0.1] * 60).status == "research"
    assert verdict([-1.0] * 30).p_value == 1.0
