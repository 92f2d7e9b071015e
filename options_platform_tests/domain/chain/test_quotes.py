from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    ChainRules,
    Underlying,
    WidthRules,
    atm_vol,
    quote,
    years_of,
)
from options_platform.domain.chain.ticks import tick_size
from options_platform.domain.chain.width import quoted_width
from options_platform.errors import PricingError

RULES = ChainRules()


def spy(spot, index):
    return Underlying.of("SPY", date(2024, 1, 2), np.array([spot]), np.array([index]))


@given(
    st.floats(5, 3000),
    st.floats(0.7, 1.4),
    st.integers(14, 45),
    st.floats(0.08, 0.9),
    st.sampled_from([1.0, -1.0]),
)
@settings(deadline=None)
def test_quotes_are_whole_cents_around_the_model_price(spot, moneyness, days, index, sign):
    underlying = spy(spot, index)
    strikes, signs = np.array([spot * moneyness]), np.array([sign])
    years = years_of(np.array([days]))
    quoted = quote(underlying, strikes, years, signs, RULES)
    price, bid, mid, ask = (
        part[0] for part in (quoted.greeks.price, quoted.bid, quoted.mid, quoted.ask)
    )
    assert 0 <= bid <= mid <= ask
    assert ask > bid
    assert bid <= price + 1e-9
    assert price <= ask + 1e-9
    assert mid == 0.5 * (bid + ask)
    for side in (bid, ask):
        assert side == pytest.approx(round(side, 2), abs=1e-12)
    # Each side is half the modelled width from the price, to the nearest cent.
    atm = atm_vol(underlying, years, RULES.surface)
    width = quoted_width(underlying, quoted.greeks.vega, years, atm, RULES.width)[0]
    half = max(0.5 * width, 0.005)
    assert ask - price == pytest.approx(half, abs=0.005 + 1e-6)
    assert bid == 0 or price - bid == pytest.approx(half, abs=0.005 + 1e-6)


@pytest.mark.parametrize("ticker", ["SPY", "QQQ", "AAPL"])
@pytest.mark.parametrize("session", [date(2006, 6, 1), date(2024, 1, 2)])
def test_rounding_to_ticks_does_not_widen_quotes(ticker, session):
    """Over many prices, the mean quoted width is the modelled one where that is above a tick."""
    spots = np.linspace(300.0, 340.0, 4001)
    underlying = Underlying.of(ticker, session, spots, np.full(len(spots), 0.3))
    years = np.full(len(spots), 30 / 365)
    quoted = quote(underlying, 0.93 * spots, years, np.full(len(spots), -1.0), RULES)
    atm = atm_vol(underlying, years, RULES.surface)
    width = quoted_width(underlying, quoted.greeks.vega, years, atm, RULES.width)
    width = width * (RULES.stocks.width_scale if ticker == "AAPL" else 1.0)
    width = np.maximum(width, tick_size(underlying, quoted.greeks.price))
    assert np.mean(quoted.ask - quoted.bid) == pytest.approx(np.mean(width), rel=0.02)


def test_quotes_at_the_close_are_wider_than_in_the_session():
    spot = np.array([400.0])
    arguments = (np.array([380.0]), np.array([30 / 365]), np.array([-1.0]))
    for ticker in ("SPY", "QQQ", "IWM", "AAPL"):
        underlying = Underlying.of(ticker, date(2024, 1, 2), spot, np.array([0.3]))
        widths = {}
        for hour in ("session", "close"):
            rules = ChainRules(width=WidthRules(hour=hour))
            quoted = quote(underlying, *arguments, rules)
            widths[hour] = quoted.ask[0] - quoted.bid[0]
        assert widths["close"] > 1.5 * widths["session"]


def test_another_hour_is_refused():
    with pytest.raises(ValueError, match="is session or close, not 'noon'"):
        WidthRules(hour="noon")


def test_quotes_widen_with_volatility_and_near_the_money():
    years, sign = np.array([30 / 365]), np.array([-1.0])
    strikes = np.array([340.0, 400.0])
    widths = []
    for index in (0.12, 0.2, 0.4):
        quoted = quote(spy(400.0, index), strikes, years, sign, RULES)
        widths.append(quoted.ask - quoted.bid)
        assert np.all(quoted.bid <= quoted.mid)
        assert np.all(quoted.ask >= quoted.bid + 0.01 - 1e-9)
    assert widths[2][1] > widths[1][1] > widths[0][1] - 1e-9
    assert widths[1][1] > widths[1][0]


@pytest.mark.parametrize("index", [0.0, float("nan")])
def test_a_quote_without_a_volatility_is_refused(index):
    with pytest.raises(PricingError):
        quote(spy(100.0, index), *(np.array([x]) for x in (100.0, 0.1, 1.0)), RULES)


def test_a_year_has_365_days():
    assert years_of(np.array([0, 73, 365])).tolist() == [0.0, 0.2, 1.0]
