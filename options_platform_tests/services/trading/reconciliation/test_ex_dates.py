"""A traded session keeps its ex-dates, which say months later whose a dividend is."""

from dataclasses import replace

from options_platform.services.trading.reconciliation.ex_dates import (
    KEPT,
    keep_ex_dates,
    stored_ex_dates,
)
from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    service,
)


def paying(closes, day, usd):
    close = replace(closes[day]["SPY"], dividend=usd)
    return {**closes, day: {"SPY": close}}


def test_a_session_keeps_the_ex_dates_since_the_last_one_and_none_that_is_still_to_come(tmp_path):
    made = service(tmp_path)
    closes = paying(paying(market([250.0] * 5), DAYS[1], 1.5), DAYS[4], 1.8)
    plans, legs = planned(DAYS[0])
    for day in (DAYS[0], DAYS[3]):
        made.run_session(day, plans, legs, closes, NOW)
    assert stored_ex_dates(made.ledger) == {"SPY": {DAYS[1]: 1.5}}


def test_a_dividend_that_the_market_has_no_more_is_forgotten_and_so_is_one_of_long_ago(tmp_path):
    ledger = service(tmp_path).ledger
    closes = market([250.0] * 5)
    keep_ex_dates(ledger, paying(closes, DAYS[1], 1.5), DAYS[:2], NOW)
    keep_ex_dates(ledger, closes, DAYS[:2], NOW)
    assert stored_ex_dates(ledger) == {}
    keep_ex_dates(ledger, paying(closes, DAYS[1], 1.5), DAYS[:2], NOW)
    later = DAYS[1] + KEPT
    after = {later: paying(closes, DAYS[2], 1.8)[DAYS[2]]}
    keep_ex_dates(ledger, after, [later], NOW)
    assert stored_ex_dates(ledger) == {"SPY": {DAYS[1]: 1.5, later: 1.8}}
    much_later = later + (DAYS[1] - DAYS[0])
    keep_ex_dates(ledger, {much_later: after[later]}, [much_later], NOW)
    assert stored_ex_dates(ledger) == {"SPY": {later: 1.8, much_later: 1.8}}
