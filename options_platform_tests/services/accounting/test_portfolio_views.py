"""The views of an assigned position: balanced to the cent at each close, shares one by one."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.domain.accounting.portfolio import make_portfolio
from options_platform.domain.backtest import make_market
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.checks.portfolio import PORTFOLIO_RULES
from options_platform.services.accounting.portfolio_views import ledger_snapshot
from options_platform.testing.alpaca_account import NOW, SESSION, server, trader
from options_platform.testing.market import random_market
from options_platform_tests.alpaca_market import rules_of_a_paper_account
from options_platform_tests.faults.world import DATED, at_clock, contracts, daily, trade

DAYS = sessions(SESSION, date(2015, 1, 14))
SPOTS = dict(
    zip(DAYS, (250.0, 262.0, 262.5, 261.25, 260.4, 259.91, 260.0, 261.0, 262.0), strict=True)
)


@pytest.fixture
def market():
    bars, vix = random_market(("SPY",), DAYS[0], DAYS[-1])
    spots = pl.col("date").replace_strict(SPOTS)
    prices = dict.fromkeys(("open", "high", "low", "close", "adj_close"), spots)
    return make_market(bars.with_columns(**prices), vix)


def views_of(made, market):
    """The views, after checking every rule: days add up, and equity is cash plus positions."""
    views = make_portfolio(
        ledger_snapshot(made.ledger), market, rules_of_a_paper_account(made.settings)
    )
    assert {rule.name: rule.find(views).examples for rule in PORTFOLIO_RULES} == {
        rule.name: () for rule in PORTFOLIO_RULES
    }
    return views


def filled(fake, made, number):
    """Fill working orders: shares in odd lots on the first days, everything else completely."""
    for order in made.ledger.working_orders():
        pieces = 51 + number if order.legs[0].is_shares and number < 4 else None
        fake.script("fill", {"client_order_id": order.client_order_id, "spreads": pieces})


@pytest.mark.parametrize("assigned", [3, 8])
def test_an_assigned_position_balances_at_each_close_while_its_shares_are_sold_in_odd_lots(
    tmp_path, market, assigned
):
    with server() as fake:
        made = replace(trader(tmp_path, fake.address), closes=DATED)
        trade(made)
        short = min(contracts(fake), key=contracts(fake).get)
        fake.script("assign", {"symbol": short, "contracts": assigned})
        fake.fills = "rest"
        values = []
        for number, day in enumerate(DAYS[1:], start=1):
            fake.script("close", {})
            daily(made, fake, day, {"SPY": SPOTS[day]})
            views = views_of(made, market)
            (position,) = made.ledger.positions()
            if position.closed_on is not None:
                break
            row = views.positions.filter(date=day).row(0, named=True)
            assert row["value_usd"] == pytest.approx(position.value_usd, abs=0.005)
            assert row["pnl_usd"] == pytest.approx(position.profit_usd, abs=0.005)
            assert row["contracts"] == position.open_contracts
            values.append(row["value_usd"])
            at_clock(fake, NOW + (shift(day, 1) - NOW.date()))
            filled(fake, made, number)
        last = views.positions.sort("date").row(-1, named=True)
    assert len(values) >= 5
    assert (last["date"], last["value_usd"]) == (position.closed_on, 0.0)
    assert last["pnl_usd"] == pytest.approx(position.profit_usd, abs=0.005)
    fills = views.fills.filter(purpose="shares")
    assert fills["contracts"].sum() == 100 * assigned
    assert fills["contracts"].to_list()[0] % 100
    paid = -(fills["price"] * fills["contracts"])
    assert fills["cash_usd"].to_list() == pytest.approx(paid.to_list(), abs=0.005)
