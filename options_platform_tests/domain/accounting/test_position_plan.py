"""What a position's plan says is what the rules of exits do with it."""

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest

from options_platform.domain.accounting.position_plan import position_plan
from options_platform.domain.chain import ChainRules
from options_platform.domain.trading.exits.exit_rules import ExitRules, PositionMark, exit_reason
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg
from options_platform.domain.trading.positions import Position

OPENED, EXPIRY = date(2024, 2, 12), date(2024, 3, 15)
CREDIT = (("sell", "put", 100.0), ("buy", "put", 95.0))
DEBIT = (("buy", "call", 100.0), ("sell", "call", 105.0))
CONDOR = (
    ("buy", "put", 90.0),
    ("sell", "put", 95.0),
    ("sell", "call", 105.0),
    ("buy", "call", 110.0),
)
AT = DatedClose(date(2024, 2, 20), MarketClose(102.0, 0.18, ticker="SPY"))


def position(legs, entry, dte=32):
    most_lost = 5.0 + entry if entry < 0 else entry
    return Position(
        position_id="20240209-SPY-entry-0123456789", ticker="SPY", strategy="spread",
        legs=tuple(OrderLeg(side, right, strike, EXPIRY, 1) for side, right, strike in legs),
        contracts=2, opened_on=OPENED, entry_price=entry, entry_dte=dte,
        max_loss_usd=200 * most_lost, max_profit_usd=200 * (5.0 - most_lost), fees_usd=0.0,
        mark_price=entry, marked_on=AT.session,
    )  # fmt: skip


def planned(legs, entry, rules=ExitRules(), at=AT, dte=32):  # noqa: B008
    return position_plan(position(legs, entry, dte), rules, ExpiryRules(), at, ChainRules())


def reason(plan, value, on, rules):
    p = plan.position
    mark = PositionMark(
        entry_price=p.entry_price, close_price=value, max_loss=p.max_loss_usd / p.units,
        max_profit=p.max_profit_usd / p.units, entry_dte=p.entry_dte, expiry=p.expiry, session=on,
        last_decision_on=ExpiryRules().last_decision(p.expiry),
    )  # fmt: skip
    return exit_reason(mark, rules)


@pytest.mark.parametrize(("legs", "entry"), [(CREDIT, -1.2), (DEBIT, 2.0), (CONDOR, -1.6)])
@pytest.mark.parametrize("rules", [ExitRules(), ExitRules(exit_dte=0), ExitRules(credit_stop=1.0)])
def test_a_position_is_closed_at_the_prices_and_on_the_day_of_its_plan(legs, entry, rules):
    plan = planned(legs, entry, rules)
    assert reason(plan, plan.take_profit + 1e-6, AT.session, rules) == "TAKE_PROFIT"
    assert reason(plan, plan.take_profit - 0.01, AT.session, rules) is None
    assert reason(plan, plan.stop_loss - 1e-6, AT.session, rules) == "STOP_LOSS"
    assert reason(plan, plan.stop_loss + 0.01, AT.session, rules) is None
    assert reason(plan, entry, plan.time_on, rules) in ("TIME", "EXPIRY_NEAR")
    assert reason(plan, entry, plan.time_on - timedelta(days=1), rules) is None


def test_levels_that_no_price_reaches_are_left_out():
    never = ExitRules(credit_take_profit=2.0, debit_take_profit=2.0, debit_stop=1.5)
    assert planned(CREDIT, -1.2, never).take_profit is None
    debit = planned(DEBIT, 2.0, never)
    assert (debit.take_profit, debit.stop_loss) == (None, None)
    assert "takes profit" not in debit.exit_words()


def test_break_evens_are_those_of_the_entry_price():
    assert planned(CREDIT, -1.2).break_evens == pytest.approx([98.8])
    assert planned(DEBIT, 2.0).break_evens == pytest.approx([102.0])
    assert planned(CONDOR, -1.6).break_evens == pytest.approx([93.4, 106.6])


def test_a_profit_is_likelier_the_further_the_stock_is_from_the_break_even():
    far, near = (
        planned(CREDIT, -1.2, at=replace(AT, close=replace(AT.close, spot=spot))).probability
        for spot in (106.0, 99.0)
    )
    assert 0.0 < near < far < 1.0
    # Lognormal: above 98.8 within 24 days, at the vols that the model has for these strikes.
    assert near == pytest.approx(0.52, abs=0.08)


def test_without_a_close_only_the_bounds_and_exits_are_known():
    plan = planned(CREDIT, -1.2, at=None)
    assert (plan.break_evens, plan.probability) == ((), None)
    assert "likely" not in plan.bounds_words()
    unbounded = replace(plan.position, max_profit_usd=math.inf)
    assert "makes without bound" in replace(plan, position=unbounded).bounds_words()


def test_a_broken_spread_has_no_break_even():
    broken = replace(position(CREDIT, -1.2), broken_contracts=1)
    plan = position_plan(broken, ExitRules(), ExpiryRules(), AT, ChainRules())
    assert plan.break_evens == ()


def test_it_is_said_in_words():
    plan = planned(CREDIT, -1.2)
    assert plan.title() == "SPY: 2 x spread of rule set plan"
    text = " ".join(plan.in_words())
    assert "Opened 2024-02-12 for credit 1.20 a share: sell 100 put, buy 95 put" in text
    assert (
        "takes profit from debit 0.60 to close, stops at debit 3.60, time is up on 2024-02-28"
        in text
    )
    assert "works in the next session: TIME." in replace(plan, leaving="TIME").exit_words()
