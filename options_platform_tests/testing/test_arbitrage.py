from datetime import date

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.chain import Chain, ChainRules
from options_platform.testing.arbitrage import arbitrages
from options_platform.testing.synthetic_chains import synthetic_chain

RULES = ChainRules()
DAY = date(2024, 1, 2)
EXPIRIES = [day for day in listed_expiries("SPY", DAY) if (day - DAY).days <= 95]
INDEX = st.floats(0.09, 0.85)
SPOT = st.floats(15, 900)


def chain(spot=250.0, index=0.2, expiries=EXPIRIES):
    return synthetic_chain(DAY, "SPY", spot, index, expiries, RULES)


@given(spot=SPOT, index=INDEX)
@example(spot=438.0, index=0.125)  # calm, and six weeks to the next expiry
@example(spot=807.0, index=0.127)
@settings(deadline=None, max_examples=15)
def test_synthetic_chains_are_free_of_arbitrage(spot, index):
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
        ("CALENDAR", "call", 258.0, {"bid": 0.01, "ask": 0.02}),
    ],
)
def test_a_wrong_quote_is_reported_as_its_kind_of_arbitrage(rule, right, strike, values):
    base = chain()
    reported = arbitrages(with_quote(base, EXPIRIES[6], right, strike, **values))
    assert rule in reported["rule"].to_list()
    assert reported["profit_usd"].min() > 0
    near = reported.filter((pl.col("strike") - strike).abs() <= 1)
    assert near.height == reported.height
