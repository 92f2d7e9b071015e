"""Cboe's method, on the example of its white paper and on real chains."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.chain.strip import (
    expiry_variances,
    index_of_tenors,
    strip_variance,
)
from tools.calibration.load import load

YEARS_OF_MINUTES = 365 * 1440


def test_two_expiries_are_interpolated_as_in_cboes_white_paper():
    """Near and next term of the white paper: 0.01846292 and 0.01882101 give a VIX of 13.69."""
    variances = pl.DataFrame(
        {
            "years": [0.0683486, 0.0882686],
            "variance": [0.01846292, 0.01882101],
            "strikes": [100, 100],
        }
    )
    assert 100 * index_of_tenors(variances, [30.0])[0] == pytest.approx(13.69, abs=0.005)


def test_a_strike_contributes_what_cboes_white_paper_says():
    """The 1370 put at 0.20, strikes 5 apart, 25 days: 0.0000005328 (before the factor 2/T)."""
    years, rate = 0.0683486, 0.000305
    strike = np.array([1365.0, 1370.0, 1375.0, 1380.0])
    put = np.array([0.0, 0.20, 0.0, 3.0])
    call = np.array([20.0, 15.0, 9.0, 3.0])
    ask = (call, np.array([0.0, 0.20, 0.0, 3.0]))
    # A single put below the strike at the money; the strike without a bid does not count, and its
    # neighbours' distances widen.
    variance, count = strip_variance(strike, call, ask[0], put, put, years, rate)
    assert count == 2
    growth = np.exp(rate * years)
    by_hand = 10 / 1370**2 * growth * 0.20 + 10 / 1380**2 * growth * 3.0
    assert variance == pytest.approx(2 / years * by_hand, rel=1e-9)
    assert 5 / 1370**2 * growth * 0.20 == pytest.approx(0.0000005328, rel=1e-3)


def test_nothing_counts_beyond_two_strikes_without_a_bid():
    strike = np.arange(80.0, 121.0, 1.0)
    put = np.maximum(2.0 - 0.15 * np.abs(strike - 100), 0.05) + np.maximum(strike - 100, 0)
    call = np.maximum(2.0 - 0.15 * np.abs(strike - 100), 0.05) + np.maximum(100 - strike, 0)
    whole = strip_variance(strike, call, call, put, put, 30 / 365, 0.0)
    cut = put.copy()
    cut[[3, 4]] = 0.0
    one_gap = put.copy()
    one_gap[3] = 0.0
    assert strip_variance(strike, call, call, cut, put, 30 / 365, 0.0)[1] == whole[1] - 5
    assert strip_variance(strike, call, call, one_gap, put, 30 / 365, 0.0)[1] == whole[1] - 1


def test_without_quotes_there_is_no_index():
    empty = pl.DataFrame(
        schema={
            "expiry": pl.Date, "years": pl.Float64, "right": pl.String, "strike": pl.Float64,
            "bid": pl.Float64, "ask": pl.Float64,
        }
    )  # fmt: skip
    assert expiry_variances(empty, 0.0).is_empty()
    assert np.isnan(index_of_tenors(expiry_variances(empty, 0.0), [9.0, 30.0])).all()
    late = pl.DataFrame({"years": [0.2, 0.4], "variance": [0.04, 0.04], "strikes": [20, 20]})
    assert np.isnan(index_of_tenors(late, [30.0, 200.0])).all()
    assert index_of_tenors(late, [100.0])[0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("name", "published", "within"),
    [
        # Closes of the VIX; SPY's options are American and close 15 minutes later.
        ("SPY 2015-01-05", 19.92, 0.4),
        ("SPY 2020-10-05", 27.96, 0.7),
    ],
)
def test_the_index_of_spys_chain_is_near_the_published_vix(reference_data, name, published, within):
    chain = next(chain for chain in load(reference_data) if chain.name == name)
    assert 100 * chain.strip[1] == pytest.approx(published, abs=within)
    assert chain.session in (date(2015, 1, 5), date(2020, 10, 5))
