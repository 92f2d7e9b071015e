"""Early assignment, and exits that avoid it."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import AssignmentRules, run_backtest
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.exits.ex_dividend import ExDividendRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform_tests.domain.backtest.bull_puts import BULL_PUT, EXPIRY, HELD, bull_put, run
from options_platform_tests.domain.backtest.small import (
    DAYS,
    market,
    plan,
    together,
)


def test_a_short_call_is_assigned_before_the_ex_date_if_its_put_costs_less_than_the_dividend():
    legs = [("sell", "call", 95.0, EXPIRY), ("buy", "call", 105.0, EXPIRY)]
    planned = plan(DAYS[0], legs, price=-5.0, loss=5.0, profit=5.0)
    ex_day = date(2024, 2, 13)
    rules = replace(HELD, assignment=AssignmentRules())
    result = run(planned, rules=rules, dividends={ex_day: 1.5})
    trade = result.trades.row(0, named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("ASSIGNED", ex_day)
    # Shares are sold at 95 and bought at 100, the dividend is owed, and the long call is sold.
    unassigned = run(planned, rules=rules)
    mark = unassigned.marks.filter(pl.col("session") == ex_day)["mark_price"][0]
    assert trade["exit_price"] < -6.5 + 0.05
    assert trade["exit_price"] == pytest.approx(-5.0 - 1.5, abs=0.05)
    assert mark > trade["exit_price"]
    # The fills show what was booked: 100 - 95 for the assigned shares, and the dividend.
    out = result.fills.filter(pl.col("action") == "assign")
    assert out["price"].to_list()[0] == pytest.approx(5.0 + 1.5)
    signs = {"buy": -1.0, "sell": 1.0}
    booked = sum(signs[side] * price for side, price in out.select("side", "price").rows())
    assert booked == pytest.approx(trade["exit_price"], abs=1e-4)
    never_deep = replace(HELD, assignment=AssignmentRules(min_delta=2.0))
    small = run(planned, rules=never_deep, dividends={date(2024, 1, 12): 0.01})
    assert small.trades["exit_reason"].to_list() == ["EXPIRY"]


EX_DAY = date(2024, 2, 13)


def quarterly(amount=1.5, last=date(2023, 11, 14)):
    """Dividends every 91 days, so that the next one is expected on `EX_DAY`."""
    days = [last - timedelta(days=91 * n) for n in range(5)]
    return pl.DataFrame({"date": days, "ticker": "SPY", "dividend": amount})


DEEP_CALLS = [("sell", "call", 95.0, EXPIRY), ("buy", "call", 105.0, EXPIRY)]
NO_OTHER_EXIT = ExitRules(credit_take_profit=9.0, credit_stop=9.0, credit_stop_cap=9.0, exit_dte=0)


def test_a_short_call_in_the_money_is_closed_before_the_expected_ex_date_and_not_assigned():
    planned = plan(DAYS[0], DEEP_CALLS, price=-5.0, loss=5.0, profit=5.0)
    rules = replace(HELD, exits=NO_OTHER_EXIT, assignment=AssignmentRules())
    calm = {"dividends": {EX_DAY: 1.5}, "index": 8.0, "history": quarterly()}
    trade = run(planned, rules=rules, **calm).trades.row(0, named=True)
    assert trade["exit_reason"] == "EX_DIVIDEND"
    # The rule covers the five sessions before the expected ex-date; the exit fills before them.
    assert trade["closed_on"] == shift(EX_DAY, -6)
    # With the rule off, the holder exercises and the dividend is owed.
    off = replace(NO_OTHER_EXIT, ex_dividend=ExDividendRules(enabled=False))
    late = run(planned, rules=replace(rules, exits=off), **calm).trades.row(0, named=True)
    assert (late["exit_reason"], late["closed_on"]) == ("ASSIGNED", EX_DAY)
    assert trade["pnl_usd"] > late["pnl_usd"] + 100


def test_an_exit_because_of_an_ex_date_fills_before_it_at_the_latest():
    # In the money only at the last close after which an order can still fill before the ex-date.
    at = DAYS.index(EX_DAY)
    closes = [90.0] * (at - 2) + [100.0] * (len(DAYS) - at + 2)
    legs = [("buy", "call", 85.0, EXPIRY), ("sell", "call", 95.0, EXPIRY)]
    planned = plan(DAYS[0], legs, price=5.0, loss=5.0, profit=5.0)
    rules = replace(HELD, exits=replace(NO_OTHER_EXIT, debit_take_profit=9.0))
    result = run(planned, closes, rules, history=quarterly())
    trade = result.trades.row(0, named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("EX_DIVIDEND", shift(EX_DAY, -1))


def test_an_unexpected_dividend_of_the_next_session_triggers_no_exit():
    planned = plan(DAYS[0], DEEP_CALLS, price=-5.0, loss=5.0, profit=5.0)
    rules = replace(HELD, exits=NO_OTHER_EXIT)
    first = run(planned, rules=rules, index=8.0, dividends={EX_DAY: 1.5})
    assert first.trades["exit_reason"].to_list() == ["EXPIRY_NEAR"]


def test_deleting_all_rows_after_a_day_changes_no_exit_up_to_it():
    closes = [100.0 + 4 * np.sin(n / 3) for n in range(len(DAYS))]
    planned = together(
        *(plan(DAYS[n], DEEP_CALLS, price=-5.0, loss=5.0, profit=5.0, number=n) for n in range(9))
    )
    rules = replace(HELD, exits=NO_OTHER_EXIT, assignment=AssignmentRules())
    paid = {EX_DAY: 1.5, date(2024, 1, 18): 0.4}
    whole = run(planned, closes, rules, dividends=paid)
    with_history = run(planned, closes, rules, dividends=paid, history=quarterly())
    assert "EX_DIVIDEND" in with_history.trades["exit_reason"].to_list()
    for cut in range(5, len(DAYS)):
        for result, history in ((whole, None), (with_history, quarterly())):
            short = run(planned, closes, rules, days=DAYS[:cut], dividends=paid, history=history)
            for name in ("equity", "marks", "fills", "refusals"):
                early = getattr(result, name).filter(pl.col("session") <= DAYS[cut - 1])
                assert getattr(short, name).equals(early)


def test_a_deep_in_the_money_put_without_time_value_is_assigned():
    closes = [100.0] * 10 + [60.0] * (len(DAYS) - 10)
    rules = replace(HELD, assignment=AssignmentRules())
    trade = run(bull_put(), closes, rules).trades.row(0, named=True)
    assert (trade["exit_reason"], trade["closed_on"]) == ("ASSIGNED", DAYS[11])
    assert trade["exit_price"] == pytest.approx(-5.0, abs=0.35)


@pytest.mark.parametrize(("ticker", "assigned"), [("SPX", False), ("NDX", False), ("SPY", True)])
def test_options_on_an_index_are_not_assigned_early(ticker, assigned):
    closes = [100.0] * 10 + [60.0] * (len(DAYS) - 10)
    rules = replace(HELD, assignment=AssignmentRules())
    put = plan(DAYS[0], BULL_PUT, ticker=ticker, price=-0.5, loss=4.5, profit=0.5)
    call = plan(DAYS[0], DEEP_CALLS, ticker=ticker, price=-5.0, loss=5.0, profit=5.0)
    by_put = run_backtest(*put, market({ticker: closes}), rules)
    flat = market({ticker: [100.0] * len(DAYS)}, dividends={EX_DAY: 1.5})
    for result in (by_put, run_backtest(*call, flat, rules)):
        reason = "ASSIGNED" if assigned else "EXPIRY"
        assert result.trades["exit_reason"].to_list() == [reason]
