from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.backtest_study.ladder_needs import (
    Rung,
    ladder_needs,
    last_close,
    within_positions,
)
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.risk import GapRules, RiskRules
from options_platform.domain.trading.exits.exit_rules import ExitRules
from options_platform.domain.trading.exits.expiry_policy import ExpiryRules
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg

FLAT = ChainRules(surface=SurfaceRules.flat(), width_scale=0.0)
HELD, DEFAULT = ExitRules(exit_dte=0), RiskRules()
MARCH, APRIL = date(2024, 3, 15), date(2024, 4, 19)
# Tuesdays: the entries fill on Wednesdays.
FIRST, SECOND, THIRD = date(2024, 1, 30), date(2024, 2, 6), date(2024, 3, 12)


def rung(planned_on, *, ticker="SPY", expiry=MARCH, loss=900.0, strike=95.0):
    legs = (OrderLeg("sell", "put", strike, expiry), OrderLeg("buy", "put", strike - 10, expiry))
    return Rung(planned_on, ticker, legs, loss, 45_000.0, (100.0, 2.0, -3.0, 4.0))


def closes(spot=100.0, tickers=("SPY", "QQQ")):
    market = {ticker: MarketClose(spot, 0.2, ticker=ticker) for ticker in tickers}
    return dict.fromkeys(sessions(date(2024, 1, 29), APRIL), market)


def needs(rungs, rules=DEFAULT, market=None):
    until = [last_close(own, HELD, ExpiryRules()) for own in rungs]
    return ladder_needs(rungs, until, closes() if market is None else market, rules, FLAT)


@pytest.mark.parametrize(
    ("exits", "expiry", "last"),
    [
        # Leaving in the session before the expiry is decided at the close before it.
        (HELD, ExpiryRules(), date(2024, 3, 13)),
        (HELD, ExpiryRules(hold_to_expiry=True), date(2024, 3, 14)),
        # 44 days at the entry: half of them are 22, and 21 are left on 2024-02-23.
        (ExitRules(), ExpiryRules(), date(2024, 2, 23)),
    ],
)
def test_a_rung_is_open_until_the_calendar_closes_it(exits, expiry, last):
    assert last_close(rung(FIRST), exits, expiry) == last


def test_the_most_rungs_that_are_open_together_are_counted_with_their_losses():
    own = [rung(FIRST), rung(SECOND, ticker="QQQ", loss=400.0), rung(THIRD, expiry=APRIL)]
    found = needs(own)
    # The first two end on 2024-03-13, when the third is entered.
    assert (found.rungs, found.at) == (3, date(2024, 3, 13))
    assert found.buying_power_usd == 2_200.0
    # Without a position from one entry to the next there is no ladder.
    assert needs(own[:1]).rungs == 1
    assert ladder_needs([], [], closes(), RiskRules(), FLAT) is None


def test_a_gap_takes_the_sum_of_all_open_rungs_at_each_move():
    one, two = needs([rung(FIRST)]), needs([rung(FIRST), rung(SECOND, ticker="QQQ")])
    assert set(one.gap_usd) == set(GapRules().moves)
    # At 80 the spreads are worth their width of 10, less interest; nothing is lost upwards.
    assert 800.0 < one.gap_usd[-0.2] < 1_000.0
    assert one.gap_usd[0.07] <= 0.0
    assert two.gap_usd[-0.2] == pytest.approx(2 * one.gap_usd[-0.2], rel=0.01)
    # Also where the account does not limit it; without closes the maximum loss counts.
    off = replace(RiskRules(), gap=GapRules(None))
    assert needs([rung(FIRST)], off).gap_usd == one.gap_usd
    assert needs([rung(FIRST)], market={}).gap_usd == dict.fromkeys(GapRules().moves, 900.0)


def test_the_account_is_that_of_the_limit_that_asks_for_most():
    own = [rung(FIRST), rung(SECOND), rung(date(2024, 2, 13))]
    # 2,700 USD on SPY in one expiry and group, which 5% of 54,000 USD allow.
    wide = RiskRules(max_positions=9, max_positions_per_ticker=9)
    assert (needs(own, wide).account_usd, needs(own, wide).bound_by) == (
        54_000.0, "risk.max_ticker_risk_pct",
    )  # fmt: skip
    tight = replace(wide, gap=GapRules(0.01))
    assert needs(own, tight).bound_by == "risk.gap.max_loss_pct"
    assert needs(own, tight).account_usd == pytest.approx(max(needs(own).gap_usd.values()) / 0.01)
    # One rung alone is bound by the size of a trade.
    assert (needs(own[:1]).account_usd, needs(own[:1]).bound_by) == (
        45_000.0, "plan.sizing.risk_pct",
    )  # fmt: skip
    many = [replace(each, greeks_usd=(0.0, 0.0, 0.0, -900.0)) for each in own]
    assert needs(many).bound_by == "risk.greeks.theta_pct"
    assert needs(many).account_usd == pytest.approx(2_700.0 / 0.01)


def test_limits_on_positions_let_the_first_rungs_in_and_others_once_these_have_left():
    own = [rung(FIRST), rung(SECOND), rung(date(2024, 2, 13)), rung(date(2024, 3, 13))]
    until = [last_close(each, HELD, ExpiryRules()) for each in own]
    assert within_positions(own, until, RiskRules()) == [0, 1, 3]
    assert within_positions(own, until, RiskRules(max_positions=1)) == [0, 3]
