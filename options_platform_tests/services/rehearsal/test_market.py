"""The market of a rehearsal: real bars, larger gaps, the worse extreme first, wider quotes."""

from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.planning.plan import PlanRules
from options_platform.services.rehearsal.market import MonthMarket, moments_of
from options_platform.services.rehearsal.stress import INTENSITIES, Intensity
from options_platform_tests.services.rehearsal.small_month import CRASH, crash_month

REAL = INTENSITIES["real"]


@pytest.fixture(scope="module")
def month():
    return crash_month(planned=False)


@pytest.fixture
def market(month):
    return MonthMarket(month, PlanRules().chain)


def bar_of(month, session, ticker="SPY"):
    rows = month.bars.iter_rows(named=True)
    return next(row for row in rows if (row["date"], row["ticker"]) == (session, ticker))


def spots(market, ticker="SPY"):
    seen = []
    for moment in range(4):
        market.at(moment)
        seen.append(market.spot(ticker))
    return seen


def test_a_session_goes_over_its_open_its_extremes_and_its_close(market, month):
    bar = bar_of(month, CRASH)
    market.begin(CRASH, REAL)
    assert spots(market) == pytest.approx([bar[n] for n in ("open", "low", "high", "close")])
    market.begin(CRASH, REAL, falls_first=False)
    assert spots(market) == pytest.approx([bar[n] for n in ("open", "high", "low", "close")])


def test_an_extra_gap_enlarges_the_overnight_move_and_leaves_the_close(market, month):
    before = bar_of(month, date(2016, 3, 1))["close"]
    bar = bar_of(month, CRASH)
    market.begin(CRASH, Intensity("more", extra_gap=0.5))
    opened, low, _, close = spots(market)
    assert opened / before - 1.0 == pytest.approx(1.5 * (bar["open"] / before - 1.0))
    assert (low, close) == (min(opened, bar["low"]), pytest.approx(bar["close"]))
    assert market.gaps()["SPY"] == pytest.approx(opened / before - 1.0)


def test_wider_quotes_have_the_same_fair_value_and_no_bid_below_zero(market):
    symbols = ["SPY160415P00080000", "SPY160415P00070000", "SPY160415C00090000"]
    market.begin(CRASH, REAL)
    narrow = market.sides(symbols)
    market.begin(CRASH, replace(REAL, width=4.0))
    wide = market.sides(symbols)
    for symbol in symbols:
        assert wide[symbol].fair == narrow[symbol].fair
        assert 0.0 <= wide[symbol].bid <= narrow[symbol].bid
        assert wide[symbol].ask > narrow[symbol].ask
    assert market.sides(["XYZ160415P00080000", "SPY"]) == {}


def test_a_fill_costs_its_share_of_half_the_width_on_each_leg(market):
    legs = [
        {"symbol": "SPY160415P00080000", "side": "sell", "ratio_qty": 1},
        {"symbol": "SPY160415P00070000", "side": "buy", "ratio_qty": 1},
    ]
    market.begin(CRASH, replace(REAL, fill_share=1.0))
    sold, bought = (market.sides([leg["symbol"]])[leg["symbol"]] for leg in legs)
    assert market.trade_price(legs) == pytest.approx(bought.ask - sold.bid, abs=0.01)
    market.begin(CRASH, replace(REAL, fill_share=0.0))
    assert market.trade_price(legs) == pytest.approx(bought.fair - sold.fair, abs=0.01)
    assert market.trade_price([{"symbol": "SPY", "side": "buy"}]) > market.spot("SPY")
    assert market.trade_price([{"symbol": "NONE", "side": "buy"}]) is None


def test_a_fall_within_the_session_raises_volatility_until_the_close(market, month):
    market.begin(CRASH, replace(REAL, vol_rise=0.0))
    market.at(1)
    calm = market.point("SPY").implied_vol
    market.begin(CRASH, replace(REAL, vol_rise=5.0))
    market.at(1)
    assert market.point("SPY").implied_vol > calm
    market.at(3)
    assert market.point("SPY") == month.closes[CRASH]["SPY"]


def test_the_moments_lie_within_the_session_also_of_an_early_close():
    for day in (CRASH, date(2015, 11, 27)):
        times = moments_of(day)
        assert times == sorted(times)
        assert {time.date() for time in times} == {day}
    assert times[-1].hour == 12
