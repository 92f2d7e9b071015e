"""Short legs near the money leave a backtest before the last session."""

from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.exits.pin_risk import PinRiskRules
from options_platform_tests.domain.backtest.bull_puts import EXPIRY, HELD, bull_put, run
from options_platform_tests.domain.backtest.small import DAYS, plan, together
from options_platform_tests.domain.backtest.test_assignment import NO_OTHER_EXIT

RULES = replace(HELD, exits=NO_OTHER_EXIT)
AT_THE_STRIKE = [95.5] * len(DAYS)


def closed(closes, rules=RULES, planned=None):
    result = run(planned or bull_put(), closes, rules)
    return result.trades.select("exit_reason", "closed_on").rows()


def test_a_short_leg_near_the_money_leaves_in_the_fourth_session_before_its_last_one():
    # Decided at the close of the Monday before a Friday's expiry, filled in the next session.
    monday = shift(EXPIRY, -4)
    assert closed(AT_THE_STRIKE) == [("PIN_RISK", shift(monday, 1))]
    # Far from the strike it stays until the last session before the expiry.
    assert closed([110.0] * len(DAYS)) == [("EXPIRY_NEAR", shift(EXPIRY, -1))]


@pytest.mark.parametrize("session", [4, 3])
def test_it_leaves_once_the_market_comes_near(session):
    near = DAYS.index(shift(EXPIRY, -session))
    closes = [100.0] * 5 + [110.0] * (near - 5) + [95.0] * (len(DAYS) - near)
    assert closed(closes) == [("PIN_RISK", shift(EXPIRY, 1 - session))]


def test_it_can_be_switched_off():
    off = replace(RULES, exits=replace(NO_OTHER_EXIT, pin_risk=PinRiskRules(sessions=0)))
    assert closed(AT_THE_STRIKE, off) == [("EXPIRY_NEAR", shift(EXPIRY, -1))]


def test_without_a_close_only_the_calendar_closes():
    asked = DAYS.index(shift(EXPIRY, -4))
    unknown = AT_THE_STRIKE.copy()
    unknown[asked : asked + 3] = [None] * 3
    # Leaving for the expiry was decided at the last of them.
    assert closed(unknown) == [("EXPIRY_NEAR", shift(EXPIRY, -1))]


def test_what_another_rule_closes_keeps_its_reason():
    exits = replace(NO_OTHER_EXIT, exit_dte=4)
    (reason,) = closed(AT_THE_STRIKE, replace(RULES, exits=exits))
    assert reason == ("TIME", shift(EXPIRY, -3))


def test_deleting_all_rows_after_a_day_changes_no_exit_up_to_it():
    planned = together(*(bull_put(DAYS[n], number=n) for n in range(3)),
                       plan(DAYS[0], [("sell", "call", 97.0, date(2024, 2, 9)),
                                      ("buy", "call", 99.0, date(2024, 2, 9))],
                            price=-0.5, loss=1.5, profit=0.5, number=9))  # fmt: skip
    whole = run(planned, AT_THE_STRIKE, RULES)
    assert whole.trades["exit_reason"].to_list() == ["PIN_RISK"] * 4
    for cut in range(25, 33):
        short = run(planned, AT_THE_STRIKE, RULES, days=DAYS[:cut])
        early = whole.fills.filter(whole.fills["session"] <= DAYS[cut - 1])
        assert short.fills.equals(early)
