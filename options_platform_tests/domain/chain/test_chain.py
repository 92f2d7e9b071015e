from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.domain.calendar.expiries import listed_expiries
from options_platform.domain.chain import (
    Chain,
    ChainRules,
    Underlying,
    quote,
    strike_nearest_delta,
)
from options_platform.domain.pricing import DAYS_A_YEAR
from options_platform.errors import PricingError
from options_platform.testing.synthetic_chains import synthetic_chain

RULES = ChainRules()
DAY = date(2024, 1, 2)
EXPIRIES = [day for day in listed_expiries("SPY", DAY) if (day - DAY).days <= 95]


def chain(spot=250.0, index=0.2, expiries=EXPIRIES):
    return synthetic_chain(DAY, "SPY", spot, index, expiries, RULES)


def test_a_synthetic_chain_has_the_quotes_that_plans_are_priced_with():
    synthetic = chain()
    expiry = EXPIRIES[4]
    years = np.array([(expiry - DAY).days / DAYS_A_YEAR])
    spy, sign = Underlying.of("SPY", DAY, np.array([250.0]), np.array([0.2])), np.array([-1.0])
    strike = strike_nearest_delta(spy, years, sign, np.array([0.3]), RULES)
    quoted = quote(spy, strike, years, sign, RULES)
    listed = synthetic.contract(expiry, "put", float(strike[0]))
    assert listed["bid"] == quoted.bid[0]
    assert listed["ask"] == quoted.ask[0]
    assert listed["delta"] == quoted.greeks.delta[0]
    assert synthetic.nearest_delta(expiry, "put", 0.3)["strike"] == strike[0]
    assert synthetic.source == "synthetic"


def test_an_unlisted_expiry_or_strike_is_refused_by_name():
    synthetic = chain(expiries=EXPIRIES[:2])
    with pytest.raises(PricingError, match="lists no put that expires 2030-01-04"):
        synthetic.side(date(2030, 1, 4), "put")
    with pytest.raises(PricingError, match="lists no call at 999"):
        synthetic.contract(EXPIRIES[0], "call", 999.0)
    with pytest.raises(PricingError, match="no expiry after"):
        synthetic_chain(DAY, "SPY", 250.0, 0.2, [DAY, DAY - timedelta(days=1)], RULES)
    empty = synthetic.quotes.with_columns(bid=pl.lit(0.0))
    dry = Chain(DAY, "SPY", 250.0, "synthetic", empty)
    with pytest.raises(PricingError, match="has a bid"):
        dry.nearest_delta(EXPIRIES[0], "put", 0.3)
