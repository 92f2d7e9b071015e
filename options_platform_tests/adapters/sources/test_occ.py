from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.adapters.sources import occ


def terms(symbols):
    frame = pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String})
    return frame.select(**occ.parsed(pl.col("symbol"))).rows()


# The examples of the OCC's symbology guide and of Alpaca's and Yahoo's documents.
@pytest.mark.parametrize(
    ("symbol", "meant"),
    [
        ("AAPL240426C00162500", (date(2024, 4, 26), "call", 162.5)),
        ("QQQ250224P00451000", (date(2025, 2, 24), "put", 451.0)),
        ("BRKB240719C00400000", (date(2024, 7, 19), "call", 400.0)),
        ("SPY7150117P00201500", (date(2015, 1, 17), "put", 201.5)),
        ("SPXW241231C05900000", (date(2024, 12, 31), "call", 5900.0)),
    ],
)
def test_a_symbol_says_expiry_right_and_strike(symbol, meant):
    assert terms([symbol]) == [meant]


@pytest.mark.parametrize(
    "symbol", ["", "SPY", "SPY240719X00550000", "SPY241319C00550000", "SPY240719C550", None]
)
def test_what_is_no_symbol_has_no_expiry_or_right(symbol):
    ((expiry, right, _),) = terms([symbol])
    assert expiry is None or right is None


@given(
    st.from_regex(r"[A-Z]{1,5}", fullmatch=True),
    st.dates(date(2005, 1, 1), date(2035, 12, 31)),
    st.sampled_from(["call", "put"]),
    st.integers(1, 99_999_999),
)
def test_a_composed_symbol_is_parsed_to_its_terms(ticker, expiry, right, thousandths):
    frame = pl.DataFrame({"expiry": [expiry], "right": [right], "strike": [thousandths / 1000]})
    symbol = frame.select(occ.composed(ticker)).item()
    assert len(symbol) == len(ticker) + 15
    assert terms([symbol]) == [(expiry, right, thousandths / 1000)]
