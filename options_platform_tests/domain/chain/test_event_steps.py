"""The variance of a stock's report is a step in its surface, at the expiries that know it."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.special import ndtr

from options_platform.domain.chain import ChainRules, SurfaceRules, Underlying, quote, years_of
from options_platform.domain.chain.event_steps import TickerEvents
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.chain.level import SMALLEST_PRICE
from options_platform.domain.chain.stock_quotes import StockQuoteRules
from options_platform.domain.chain.surface import surface_iv, unmoved_atm_vol
from options_platform.domain.chain.term_structure import term_of
from options_platform.domain.pricing.units import CALL, PUT

DAY = date(2024, 1, 16)
VARIANCE, INDEX = 0.0025, 0.32
STRIKES = 100.0 * np.exp(np.linspace(-0.6, 0.6, 41))
RATIOS = (0.9, 1.1, 1.15)


def surface(days_ahead, variance=VARIANCE, day=DAY):
    anchor = day + timedelta(days=days_ahead)
    return LearnedSurface.of(
        SurfaceRules(), {}, {"AAPL": TickerEvents((day,), (variance,), (anchor,))}
    )


def stock(index=INDEX, count=1, ticker="AAPL", day=DAY):
    level = np.full(count, index)
    term = term_of(level, RATIOS, np.full(count, 0.04))
    return Underlying.of(ticker, day, np.full(count, 100.0), level, term)


def total(rules, days, strikes=STRIKES, **given):
    """Total variance of each strike, shape [days, strikes]."""
    years = years_of(np.asarray(days))[:, None]
    iv = surface_iv(stock(**given).column(), strikes[None, :], years, rules, carry=0.0)
    return iv * iv * years


def test_total_variance_steps_up_by_the_report_between_the_expiries_around_it():
    rules = surface(10)
    days = np.arange(1, 61)
    with_report = total(rules, days)
    base = np.sqrt(INDEX**2 - VARIANCE * 365 / 30)
    # Without the step the same base, with the VIX's tenors at half their distance.
    plain = stock(index=base)
    halved = replace(plain, term=term_of(plain.index, np.sqrt(RATIOS), np.array([0.04])))
    years = years_of(days)[:, None]
    iv = surface_iv(halved.column(), STRIKES[None, :], years, SurfaceRules(), carry=0.0)
    step = with_report - iv * iv * years
    assert step[:10] == pytest.approx(0.0, abs=1e-12)
    assert step[10:] == pytest.approx(VARIANCE, rel=1e-6)


@pytest.mark.parametrize("ahead", [0, 1, 5, 9, 14, 29, 30, 44])
@pytest.mark.parametrize("index", [0.14, 0.35, 0.9])
def test_no_strike_has_less_total_variance_at_a_later_expiry(ahead, index):
    totals = total(surface(ahead), np.arange(1, 121), index=index)
    assert (np.diff(totals, axis=0) >= -1e-12).all()


def log_contract(rules):
    """The 30-day volatility of a log contract on the smile of `rules` (Carr and Madan)."""
    k, years = np.linspace(-3.0, 3.0, 6001), 30.0 / 365
    iv = surface_iv(
        stock().column(), 100.0 * np.exp(k)[None], np.full((1, 1), years), rules, carry=0
    )
    deviation = iv[0] * np.sqrt(years)
    d1 = -k / deviation + deviation / 2
    call = ndtr(d1) - np.exp(k) * ndtr(d1 - deviation)
    price = np.where(k > 0, call, call - 1 + np.exp(k))
    price = np.where(price > SMALLEST_PRICE, price, 0.0)
    return np.sqrt(2 * np.trapezoid(price * np.exp(-k), k) / years)


def test_the_month_is_worth_the_index_whether_or_not_it_holds_the_report():
    assert log_contract(surface(40)) == pytest.approx(INDEX, rel=0.001)
    # A report of 30% of the month's variance also reaches further into the wings: 2% too much.
    assert log_contract(surface(10)) == pytest.approx(INDEX, rel=0.02)


def test_calls_less_puts_are_the_forward_across_the_report():
    european = StockQuoteRules(american_delta=1.0)
    rules = ChainRules(surface=surface(10), width_scale=0.0, stocks=european)
    strikes = np.arange(80.0, 121.0, 5.0)
    for days in (10, 11):
        years = np.full(strikes.size, days / 365)
        many = stock(count=strikes.size)
        calls, puts = (
            quote(many, strikes, years, np.full(strikes.size, sign), rules) for sign in (CALL, PUT)
        )
        assert calls.iv == pytest.approx(puts.iv)
        forward = 100.0 * np.exp(-rules.dividend_yield * years) - strikes * np.exp(-0.04 * years)
        assert calls.mid - puts.mid == pytest.approx(forward, abs=0.06)
        assert (np.diff(calls.mid) <= 0).all()
        assert (np.diff(puts.mid) >= 0).all()


def test_a_session_without_a_row_has_the_last_one_and_a_report_that_is_past_has_gone():
    rules = surface(1)
    years = np.array([20.0 / 365])
    later = stock(day=DAY + timedelta(days=3))
    base = np.sqrt(INDEX**2 - VARIANCE * 365 / 30)
    expected = unmoved_atm_vol(stock(index=base), years, surface(1, variance=0.0))
    assert unmoved_atm_vol(later, years, rules) == pytest.approx(expected)


def test_other_tickers_are_priced_bit_for_bit_as_without_reports():
    two = Underlying.of(
        ["SPY", "AAPL", "SPY"], DAY, np.full(3, 100.0), np.array([0.2, 0.3, 0.4]),
        term_of(np.array([0.2, 0.3, 0.4]), RATIOS, np.full(3, 0.04)),
    )  # fmt: skip
    years = np.full(3, 25.0 / 365)
    with_events = surface_iv(two, np.full(3, 95.0), years, surface(5), carry=0.02)
    without = surface_iv(two, np.full(3, 95.0), years, SurfaceRules(), carry=0.02)
    assert (with_events == without).tolist() == [True, False, True]
