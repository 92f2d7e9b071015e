from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.testing.vertical_spreads import vertical_spreads

DAY, EXPIRY = date(2024, 1, 2), date(2024, 1, 19)


def quotes(*rows):
    """Put quotes of one expiry from rows of (date, strike, bid, ask)."""
    return pl.DataFrame(rows, schema=["date", "strike", "bid", "ask"], orient="row").with_columns(
        ticker=pl.lit("SPY"), right=pl.lit("put"), expiry=pl.lit(EXPIRY)
    )


THREE = [
    (DAY, 90.0, 0.4, 0.6), (DAY, 95.0, 0.9, 1.1), (DAY, 100.0, 1.9, 2.1),
    (EXPIRY, 90.0, 0.0, 0.0), (EXPIRY, 95.0, 1.0, 1.0), (EXPIRY, 100.0, 6.0, 6.0),
]  # fmt: skip


def test_three_strikes_are_three_spreads_worked_by_hand():
    spreads = vertical_spreads(quotes(*THREE), "put", "upper")
    assert spreads.select("dte", "lower", "upper").rows() == [
        (17, 90.0, 95.0), (17, 90.0, 100.0), (17, 95.0, 100.0),
    ]  # fmt: skip
    # Sold at the mids for 0.5, 1.5 and 1.0; at expiry they cost the seller 1, 6 and 5.
    assert spreads["entry_price"].to_list() == pytest.approx([-0.5, -1.5, -1.0])
    assert spreads["exit_value"].to_list() == pytest.approx([-1.0, -6.0, -5.0])
    assert spreads["profit_share"].to_list() == pytest.approx([-1.0, -3.0, -4.0])


def test_selling_the_lower_strike_is_the_opposite_trade():
    sold, bought = (vertical_spreads(quotes(*THREE), "put", side) for side in ("upper", "lower"))
    assert (sold["entry_price"] + bought["entry_price"]).abs().max() == 0.0
    assert (sold["exit_value"] + bought["exit_value"]).abs().max() == 0.0


def test_poor_quotes_the_other_right_and_strikes_without_exit_quotes_give_no_spread():
    cheap = [(DAY, 85.0, 0.05, 0.1), (EXPIRY, 85.0, 0.0, 0.0)]
    without_exit = [(DAY, 105.0, 5.0, 5.2)]
    spreads = vertical_spreads(quotes(*THREE, *cheap, *without_exit), "put", "upper")
    assert spreads.height == 3
    assert vertical_spreads(quotes(*THREE), "call", "upper").is_empty()
    assert vertical_spreads(quotes(*THREE), "put", "upper", max_entry_dte=10).is_empty()


@given(strikes=st.lists(st.integers(50, 150), min_size=1, max_size=25, unique=True))
@settings(deadline=None, max_examples=30)
def test_every_pair_of_strikes_appears_once(strikes):
    rows = [(day, float(k), 1.0 + k, 1.2 + k) for k in strikes for day in (DAY, EXPIRY)]
    spreads = vertical_spreads(quotes(*rows), "put", "upper")
    pairs = {(a, b) for a in strikes for b in strikes if a < b}
    assert set(spreads.select("lower", "upper").iter_rows()) == pairs
    assert spreads.height == len(pairs)
    assert np.isfinite(spreads["exit_value"].to_numpy()).all()
