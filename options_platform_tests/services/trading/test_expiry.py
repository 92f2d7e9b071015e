from dataclasses import replace

import polars as pl

from options_platform.adapters.ports.broker import BrokerDoubtError
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    WIDE_RISK,
    Spent,
    planned,
    service,
    trade,
)


def test_a_position_near_its_expiry_is_closed_without_a_close_of_its_ticker(tmp_path):
    made = service(tmp_path)
    trade(made, [250.0, 250.0])
    position = made.ledger.positions()[0]
    plans, legs = planned(DAYS[0])
    for before, reasons in ((3, []), (2, ["EXPIRY_NEAR"])):
        day = shift(position.expiry, -before)
        made.run_session(day, plans, legs, {}, NOW)
        found = [order.reason for order in made.ledger.orders() if order.purpose == "exit"]
        assert found == reasons


LAST_RESORT = {"credit_take_profit": 9.0, "debit_take_profit": 9.0, "credit_stop": 9.0,
               "credit_stop_cap": 9.0, "debit_stop": 9.0, "exit_dte": 0}  # fmt: skip


def test_a_short_leg_near_the_money_leaves_earlier_and_not_without_a_close(tmp_path):
    made = service(tmp_path, exits=LAST_RESORT)
    trade(made, [250.0, 250.0])
    (position,) = made.ledger.positions()
    strike = next(leg.strike for leg in position.legs if leg.side == "sell")
    plans, legs = planned(DAYS[0])
    near = {"SPY": MarketClose(strike + 0.5, 0.18, ticker="SPY")}
    for before, closes, reasons in ((5, near, []), (4, {}, []), (3, near, ["PIN_RISK"])):
        day = shift(position.expiry, -before)
        made.run_session(day, plans, legs, {day: closes}, NOW)
        assert [o.reason for o in made.ledger.orders() if o.purpose == "exit"] == reasons
    day = shift(position.expiry, -2)
    made.run_session(day, plans, legs, {day: near}, NOW)
    assert made.ledger.positions()[0].exit_reason == "PIN_RISK"


HOLD = {"expiry": {"hold_to_expiry": True}}


class Away(Spent):
    """A broker that does not answer."""

    def account(self):
        raise BrokerDoubtError("no answer")


def test_a_spread_is_held_to_expiry_only_where_cash_pays_for_its_shares(tmp_path):
    poor = service(tmp_path / "poor", account_value_usd=20_000.0, risk=WIDE_RISK, **HOLD)
    trade(poor, [250.0, 249.5])
    assert [order.reason for order in poor.ledger.orders()] == ["EXPIRY_SHARES"]
    rich = service(tmp_path / "rich", account_value_usd=5e6, **HOLD)
    trade(rich, [250.0, 249.5])
    (position,) = rich.ledger.positions()
    last = shift(position.expiry, -2)
    assert rich.closing.reasons.expiry.last_decision(position, last) is None


def test_what_the_account_can_no_longer_carry_leaves_before_its_expiry(tmp_path):
    rich = service(tmp_path, account_value_usd=5e6, **HOLD)
    trade(rich, [250.0, 249.5])
    (position,) = rich.ledger.positions()
    last = shift(position.expiry, -2)
    spent = replace(rich, broker=Spent(rich.broker))
    assert spent.closing.reasons.expiry.last_decision(position, last) == last
    assert spent.closing.reasons.expiry.last_decision(position, shift(last, -1)) is None
    away = replace(rich, broker=Away(rich.broker))
    assert away.closing.reasons.expiry.last_decision(position, last) == last


def test_an_entry_too_near_its_expiry_is_not_sent(tmp_path):
    made = service(tmp_path)
    plans, legs = planned(DAYS[0])
    expiry = plans["expiry"][0]
    day = shift(expiry, -2)
    late = plans.with_columns(date=pl.lit(day))
    made.run_session(day, late, legs, {day: {"SPY": MarketClose(250.0, 0.18)}}, NOW)
    assert [order.reason for order in made.ledger.orders()] == ["EXPIRY_NEAR"]
