"""An exit fills at its worst price or better; beyond that the position stays until it settles."""

from dataclasses import replace

import pytest

from options_platform.domain.backtest import AssignmentRules
from options_platform.domain.trading.costs import CostRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform_tests.domain.backtest.bull_puts import EXPIRY, HELD, bull_put, run
from options_platform_tests.domain.backtest.small import DAYS, plan

STOPPED = replace(HELD, exits=ExitRules(), costs=CostRules(1.0))
CALLS = [("buy", "call", 105.0, EXPIRY), ("sell", "call", 110.0, EXPIRY)]


def fallen(at, low):
    return [100.0] * at + [low] * (len(DAYS) - at)


def test_what_is_worth_nothing_is_not_given_away_and_expires_without_a_fee():
    planned = plan(DAYS[0], CALLS, price=0.8, loss=0.8, profit=4.2)
    result = run(planned, fallen(5, 60.0), STOPPED)
    (trade,) = result.trades.iter_rows(named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("EXPIRY", EXPIRY)
    assert (trade["exit_price"], trade["fees_usd"]) == (0.0, 2.0)
    waits = result.refusals.filter(result.refusals["rule"] == "NO_BUYER")
    # From the session after the stop on, the order of each day finds nobody.
    assert waits["session"].to_list() == [d for d in DAYS if DAYS[5] < d < EXPIRY]
    # Whoever pays a cent gets it.
    worth = run(planned, fallen(5, 97.0), STOPPED).trades
    assert worth["exit_reason"].to_list() == ["STOP_LOSS"]
    assert worth["exit_price"][0] >= 0.01


def test_an_exit_that_found_nobody_is_sent_again_each_session_until_it_fills():
    planned = plan(DAYS[0], CALLS, price=0.8, loss=0.8, profit=4.2)
    back = fallen(5, 60.0)[:9] + [104.0] * (len(DAYS) - 9)
    rules = replace(STOPPED, exits=ExitRules(exit_dte=0, debit_take_profit=9.0))
    result = run(planned, back, rules)
    assert result.refusals.filter(result.refusals["rule"] == "NO_BUYER").height == 3
    # The last of them works while the market recovers.
    assert result.trades["exit_reason"].to_list() == ["STOP_LOSS"]
    assert result.trades["closed_on"].to_list() == [DAYS[9]]
    assert result.trades["pnl_usd"][0] > 0


def test_an_assigned_leg_costs_no_fee():
    rules = replace(HELD, assignment=AssignmentRules(), costs=CostRules(1.0))
    (trade,) = run(bull_put(), fallen(10, 60.0), rules).trades.iter_rows(named=True)
    assert trade["exit_reason"] == "ASSIGNED"
    # Two legs opened, and the bought one sold.
    assert trade["fees_usd"] == pytest.approx(3.0)
