"""A random market whose plans come from every regime, though its walk is calm for months."""

from datetime import date

import numpy as np
import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs


def regime_market(tickers, first, last):
    """Bars, VIX and the inputs of the plans, of the sessions from `first` to `last`."""
    bars, vix = random_market(tickers, date(2015, 1, 2), last)
    inside = pl.col("date").is_between(first, last)
    inputs = with_random_regimes(plan_inputs(bars, vix).filter(inside))
    return bars.filter(inside), vix.filter(inside), inputs


def with_random_regimes(inputs):
    """`inputs` with a regime drawn at random for each row."""
    regimes = np.random.default_rng(8).choice(REGIMES, inputs.height)
    return inputs.with_columns(regime=pl.Series(regimes))
