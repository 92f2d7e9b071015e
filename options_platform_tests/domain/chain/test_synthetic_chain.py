from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    Chain,
    ChainRules,
    SurfaceRules,
    TermStructure,
    arbitrages,
    atm_vol,
    index_at,
    index_for_atm,
    quote,
    strike_nearest_delta,
    surface_iv,
    synthetic_chain,
)
from options_platform.domain.expiries import listed_expiries
from options_platform.domain.pricing import DAYS_A_YEAR
from options_platform.errors import PricingError

RULES = ChainRules()
DAY = date(2024, 1, 2)
EXPIRIES = [day for day in listed_expiries() if 0 < (day - DAY).days <= 95]
INDEX = st.floats(0.09, 0.85)
SPOT = st.floats(15, 900)


def chain(spot=250.0, index=0.2, expiries=EXPIRIES):
    return synthetic_chain(DAY, "SPY", spot, index, expiries, RULES)


@given(spot=SPOT, index=INDEX)
@settings(deadline=None, max_examples=15)
def test_synthetic_chains_hold_no_arbitrage(spot, index):
    assert arbitrages(chain(spot, index)).is_empty()


def with_quote(base: Chain, expiry, right, strike, **values) -> Chain:
    here = (pl.col("expiry") == expiry) & (pl.col("right") == right) & (pl.col("strike") == strike)
    quotes = base.quotes.with_columns(
        pl.when(here).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )
    assert not quotes.equals(base.quotes)
    return Chain(base.session, base.ticker, base.spot, base.source, quotes)


@pytest.mark.parametrize(
    ("rule", "right", "strike", "values"),
    [
        ("MONOTONE", "put", 245.0, {"bid": 12.0, "ask": 12.1}),
        ("CONVEX", "call", 255.0, {"bid": 9.5, "ask": 9.6}),
        ("CALENDAR", "call", 262.0, {"bid": 0.01, "ask": 0.02}),
    ],
)
def test_a_false_quote_is_an_arbitrage_of_its_kind(rule, right, strike, values):
    base = chain()
    found = arbitrages(with_quote(base, EXPIRIES[6], right, strike, **values))
    assert rule in found["rule"].to_list()
    assert found["profit_usd"].min() > 0
    near = found.filter((pl.col("strike") - strike).abs() <= 1)
    assert near.height == found.height


def test_a_chain_quotes_what_the_plan_is_priced_with():
    own = chain()
    expiry = EXPIRIES[4]
    years = np.array([(expiry - DAY).days / DAYS_A_YEAR])
    spot, index, sign = np.array([250.0]), np.array([0.2]), np.array([-1.0])
    strike = strike_nearest_delta(spot, years, index, sign, np.array([0.3]), RULES)
    found = quote(spot, strike, years, index, sign, RULES)
    listed = own.contract(expiry, "put", float(strike[0]))
    assert listed["bid"] == found.bid[0]
    assert listed["ask"] == found.ask[0]
    assert listed["delta"] == found.greeks.delta[0]
    assert own.nearest_delta(expiry, "put", 0.3)["strike"] == strike[0]
    assert own.source == "synthetic"


def test_on_the_flat_surface_every_option_has_the_index_itself():
    flat = SurfaceRules.flat()
    spot, strikes = np.array([100.0]), np.linspace(60, 160, 40)
    for days in (1, 9, 30, 77, 400):
        years = np.array([days / DAYS_A_YEAR])
        found = surface_iv(spot, strikes, years, np.array([0.2]), flat, carry=0.01)
        assert found == pytest.approx(np.full(40, 0.2), rel=1e-12)


@given(atm=st.floats(0.05, 0.9))
@settings(deadline=None, max_examples=30)
def test_the_index_for_a_volatility_at_the_money_gives_it_back(atm):
    index = index_for_atm(np.array([atm]), RULES.surface)
    assert atm_vol(np.array([30 / 365]), index, RULES.surface) == pytest.approx(atm)


def test_known_indices_of_other_tenors_replace_the_usual_ratios():
    years, index = np.array([9, 30, 93, 182]) / DAYS_A_YEAR, np.full(4, 0.28)
    term = TermStructure(*(np.full(4, value) for value in (0.235, 0.313, 0.322)))
    found = index_at(years, index, RULES.surface, term)
    assert found == pytest.approx([0.235, 0.28, 0.313, 0.322])
    partly = TermStructure(days_9=np.full(4, 0.235))
    usual = index_at(years, index, RULES.surface)
    assert index_at(years, index, RULES.surface, partly)[2:] == pytest.approx(usual[2:])


def test_calm_markets_rise_and_frightened_ones_fall_with_the_tenor():
    years = np.array([9, 30, 93, 182]) / DAYS_A_YEAR
    calm, frightened = (index_at(years, np.full(4, v), RULES.surface) for v in (0.13, 0.5))
    assert np.all(np.diff(calm) > 0)
    assert np.all(np.diff(frightened) < 0)


def test_quotes_widen_with_fear_and_near_the_money():
    years, sign = np.array([30 / 365]), np.array([-1.0])
    spot, strikes = np.array([400.0]), np.array([340.0, 400.0])
    widths = []
    for index in (0.12, 0.2, 0.4):
        found = quote(spot, strikes, years, np.array([index]), sign, RULES)
        widths.append(found.ask - found.bid)
        assert np.all(found.bid <= found.mid)
        assert np.all(found.ask >= found.bid + 0.01 - 1e-9)
    assert widths[2][1] > widths[1][1] > widths[0][1] - 1e-9
    assert widths[1][1] > widths[1][0]


def test_what_a_chain_does_not_list_is_refused_by_name():
    own = chain(expiries=EXPIRIES[:2])
    with pytest.raises(PricingError, match="lists no put that expires 2030-01-04"):
        own.side(date(2030, 1, 4), "put")
    with pytest.raises(PricingError, match="lists no call at 999"):
        own.contract(EXPIRIES[0], "call", 999.0)
    with pytest.raises(PricingError, match="no expiry after"):
        synthetic_chain(DAY, "SPY", 250.0, 0.2, [DAY, DAY - timedelta(days=1)], RULES)
    empty = own.quotes.with_columns(bid=pl.lit(0.0))
    dry = Chain(DAY, "SPY", 250.0, "synthetic", empty)
    with pytest.raises(PricingError, match="has a bid"):
        dry.nearest_delta(EXPIRIES[0], "put", 0.3)


@pytest.mark.parametrize("index", [0.0, float("nan")])
def test_a_chain_without_a_volatility_is_refused(index):
    with pytest.raises(PricingError):
        quote(*(np.array([x]) for x in (100.0, 100.0, 0.1, index, 1.0)), RULES)
