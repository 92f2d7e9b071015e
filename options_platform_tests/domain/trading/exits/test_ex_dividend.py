from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import ChainRules
from options_platform.domain.market.ex_dates import NextDividend, next_dividends
from options_platform.domain.trading.exits.ex_dividend import (
    ExDividendRules,
    before_ex_date,
    calls_to_close,
)
from options_platform.domain.trading.fill_prices import AT_MID, MarketClose, leg_prices
from options_platform.domain.trading.orders import OrderLeg

DAY, EXPIRY = date(2024, 2, 1), date(2024, 3, 15)
CHAIN, RULES = ChainRules(), ExDividendRules()
DEEP = (OrderLeg("sell", "call", 90.0, EXPIRY), OrderLeg("buy", "call", 110.0, EXPIRY))


def at(ahead, amount=2.0, spot=100.0):
    return MarketClose(spot, 0.15, next_dividend=NextDividend(amount, ahead))


def closes(legs, market, rules=RULES):
    return before_ex_date(legs, DAY, market, CHAIN, rules)


def test_only_a_sold_call_in_the_money_with_less_time_value_than_the_dividend_is_closed():
    assert closes(DEEP, at(2))
    mid = leg_prices(DEEP[:1], DAY, at(2), CHAIN, AT_MID)[0]
    time_value = mid - 10.0
    assert closes(DEEP, at(2, amount=time_value + 0.01))
    assert not closes(DEEP, at(2, amount=time_value - 0.01))
    assert not closes(DEEP, at(2, spot=89.0, amount=50.0))
    bought = tuple(replace(leg, side="buy") for leg in DEEP)
    puts = tuple(replace(leg, right="put", strike=leg.strike + 30) for leg in DEEP)
    assert not closes(bought, at(2, amount=50.0))
    assert not closes(puts, at(2, amount=50.0))


@pytest.mark.parametrize(
    ("ahead", "closed"), [(8, False), (7, True), (2, True), (0, True), (-10, True), (-11, False)]
)
def test_the_window_opens_early_enough_for_an_ex_date_that_comes_early_and_ends(ahead, closed):
    assert closes(DEEP, at(ahead)) is closed


def test_without_an_expected_dividend_or_with_the_rule_off_nothing_is_closed():
    assert not closes(DEEP, MarketClose(100.0, 0.15))
    assert not closes(DEEP, at(2), ExDividendRules(enabled=False))
    assert not closes(DEEP, at(2, amount=0.0))
    with pytest.raises(ValueError, match="must not be negative"):
        ExDividendRules(early_sessions=-1)


def test_an_expired_leg_is_not_asked():
    expired = tuple(replace(leg, expiry=DAY) for leg in DEEP)
    assert not closes(expired, at(2))


def test_the_rule_on_arrays_is_the_rule_on_one_position():
    strikes = np.array([[90.0, 110.0], [99.0, 110.0], [105.0, 110.0]])
    spot, side, sign = np.full((3, 2), 100.0), np.array([-1.0, 1.0]), np.ones((3, 2))
    mid = np.array([leg_prices(_legs(row), DAY, at(2), CHAIN, AT_MID) for row in strikes])
    found = calls_to_close(side, sign, strikes, spot, mid, np.full((3, 1), 2.0))
    assert found.any(axis=1).tolist() == [closes(_legs(row), at(2)) for row in strikes]


def _legs(strikes):
    return tuple(replace(leg, strike=float(s)) for leg, s in zip(DEEP, strikes, strict=True))


def test_the_window_holds_the_real_ex_dates_of_spy_and_qqq(reference_data):
    """The decision two sessions before each ex-date falls into it: `prices/*_dividends.csv`."""
    inside = []
    for ticker in ("SPY", "QQQ"):
        real = pl.read_csv(
            reference_data / "prices" / f"{ticker}_dividends.csv", try_parse_dates=True
        ).select(date="ex_date", ticker=pl.lit(ticker), dividend="cash_amount")
        days = [shift(day, -2) for day in real["date"].sort()[4:]]
        found = next_dividends(pl.DataFrame({"date": days, "ticker": ticker}), real)
        due = RULES.dividend_due(found["amount"].to_numpy(), found["sessions_ahead"].to_numpy())
        inside += (due > 0).tolist()
    assert len(inside) > 110
    assert np.mean(inside) > 0.95
