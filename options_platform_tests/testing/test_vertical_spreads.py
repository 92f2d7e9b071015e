from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.testing.vertical_spreads import vertical_spreads

DAY, EXPIRY = date(2024, 1, 2), date(2024, 1, 19)


def quotes(*rows):
    """(date, strike, bid, ask) of puts of one expiry."""
    return pl.DataFrame(rows, schema=["date", "strike", "bid", "ask"], orient="row").with_columns(
        ticker=pl.lit("SPY"), right=pl.lit("put"), expiry=pl.lit(EXPIRY)
    )


THREE = [
    (DAY, 90.0, 0.4, 0.6), (DAY, 95.0, 0.9, 1.1), (DAY, 100.0, 1.9, 2.1),
    (EXPIRY, 90.0, 0.0, 0.0), (EXPIRY, 95.0, 1.0, 1.0), (EXPIRY, 100.0, 6.0, 6.0),
]  # fmt: skip


def test_three_strikes_are_three_spreads_worked_by_hand():
    found = vertical_spreads(quotes(*THREE), "put", "upper")
    assert found.select("dte", "lower", "upper").rows() == [
        (17, 90.0, 95.0), (17, 90.0, 100.0), (17, 95.0, 100.0),
    ]  # fmt: skip
    # Sold at the mids for 0.5, 1.5 and 1.0; worth 1, 6 and 5 against the seller at the end.
    assert found["entry_price"].to_list() == pytest.approx([-0.5, -1.5, -1.0])
    assert found["exit_value"].to_list() == pytest.approx([-1.0, -6.0, -5.0])
    assert found["profit_share"].to_list() == pytest.approx([-1.0, -3.0, -4.0])


def test_selling_the_lower_strike_is_the_other_side_of_the_trade():
    sold, bought = (vertical_spreads(quotes(*THREE), "put", side) for side in ("upper", "lower"))
    assert (sold["entry_price"] + bought["entry_price"]).abs().max() == 0.0
    assert (sold["exit_value"] + bought["exit_value"]).abs().max() == 0.0


def test_poor_quotes_other_rights_and_strikes_without_an_exit_make_no_trade():
    cheap = [(DAY, 85.0, 0.05, 0.1), (EXPIRY, 85.0, 0.0, 0.0)]
    lost = [(DAY, 105.0, 5.0, 5.2)]
    found = vertical_spreads(quotes(*THREE, *cheap, *lost), "put", "upper")
    assert found.height == 3
    assert vertical_spreads(quotes(*THREE), "call", "upper").is_empty()
    assert vertical_spreads(quotes(*THREE), "put", "upper", max_entry_dte=10).is_empty()


@given(strikes=st.lists(st.integers(50, 150), min_size=1, max_size=25, unique=True))
@settings(deadline=None, max_examples=30)
def test_every_pair_of_strikes_comes_once(strikes):
    rows = [(day, float(k), 1.0 + k, 1.2 + k) for k in strikes for day in (DAY, EXPIRY)]
    found = vertical_spreads(quotes(*rows), "put", "upper")
    pairs = {(a, b) for a in strikes for b in strikes if a < b}
    assert set(found.select("lower", "upper").iter_rows()) == pairs
    assert found.height == len(pairs)
    assert np.isfinite(found["exit_value"].to_numpy()).all()
