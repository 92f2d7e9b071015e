from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.chain.occ_symbols import (
    is_standard,
    parse_symbols,
    share_symbol,
    standard_symbol,
    symbol_expr,
    symbol_of,
)


@pytest.mark.parametrize(
    ("symbol", "wanted"),
    [
        # From real files: SPY and its mini options, an index, a padded root of OCC's own layout.
        ("SPY150117C00200000", ("SPY", date(2015, 1, 17), "call", 200.0)),
        ("SPY7150117P00201500", ("SPY7", date(2015, 1, 17), "put", 201.5)),
        ("SPX160617C00650000", ("SPX", date(2016, 6, 17), "call", 650.0)),
        ("AAPL  140621P00647140", ("AAPL", date(2014, 6, 21), "put", 647.14)),
        ("BRKB260116C00500000", ("BRKB", date(2026, 1, 16), "call", 500.0)),
        # From Alpaca's and Yahoo's documents.
        ("AAPL240426C00162500", ("AAPL", date(2024, 4, 26), "call", 162.5)),
        ("QQQ250224P00451000", ("QQQ", date(2025, 2, 24), "put", 451.0)),
        ("SPXW241231C05900000", ("SPXW", date(2024, 12, 31), "call", 5900.0)),
    ],
)
def test_a_symbol_gives_root_expiry_right_and_strike(symbol, wanted):
    assert parse_symbols(pl.Series([symbol])).row(0) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SPY",
        "SPY150230C00200000",
        "SPY151319C00200000",
        "SPY150117X00200000",
        "SPY150117C200",
        None,
    ],
)
def test_a_text_that_is_no_symbol_has_no_parts(text):
    assert parse_symbols(pl.Series([text], dtype=pl.String)).row(0) == (None,) * 4


PREFIXED = {
    "plain": "{root}260320C00690500",
    "Polygon": "O:{root}260320C00690500",
    "OPRA": "OPRA:{root}260320C00690500",
    "a dot": ".{root}260320C00690500",
    "thinkorswim": ".{root}260320C690.5",
    "padded by OCC": "{root:<6}260320C00690500",
    "padded by hand": "  {root} 260320 C 00690500 ",
    "underscore": "{root}_260320C00690500",
}


@pytest.mark.parametrize("lower", [False, True], ids=["upper", "lower"])
@pytest.mark.parametrize("written", PREFIXED.values(), ids=PREFIXED)
@pytest.mark.parametrize(
    ("root", "ticker", "standard"),
    [
        ("SPY", "SPY", True),
        ("SPY1", "SPY", False),
        ("SDS1", "SDS", False),
        ("SPXW", "SPX", True),
        ("BRKB", "BRK.B", True),
    ],
)
def test_a_symbol_is_parsed_under_any_prefix_and_an_adjusted_root_stays_adjusted(
    written, lower, root, ticker, standard
):
    symbol = written.format(root=root)
    parts = parse_symbols(pl.Series([symbol.lower() if lower else symbol]))
    assert parts.row(0) == (root, date(2026, 3, 20), "call", 690.5)
    frame = parts.with_columns(ticker=pl.lit(ticker))
    assert frame.select(is_standard(pl.col("root"), pl.col("ticker"))).item() is standard


@given(
    st.from_regex(r"[A-Z]{1,5}[0-9]?", fullmatch=True),
    st.dates(date(2000, 1, 1), date(2068, 12, 31)),
    st.sampled_from(["call", "put"]),
    st.integers(1, 99_999_999),
)
def test_a_symbol_built_from_parts_parses_to_the_same_parts(root, expiry, right, thousandths):
    frame = pl.DataFrame(
        {"root": [root], "expiry": [expiry], "right": [right], "strike": [thousandths / 1000.0]}
    )
    symbol = frame.select(symbol_expr(*(pl.col(name) for name in frame.columns))).to_series()
    assert parse_symbols(symbol).row(0) == frame.row(0)


def test_a_contract_without_a_symbol_gets_the_standard_root_of_its_ticker():
    frame = pl.DataFrame({"expiry": [date(2024, 7, 19)], "right": ["put"], "strike": [400.5]})
    for ticker in ("BRK.B", "BRK-B", "BRKB"):
        assert frame.select(standard_symbol(pl.lit(ticker))).item() == "BRKB240719P00400500"


@pytest.mark.parametrize(
    ("root", "ticker", "standard"),
    [
        ("SPY", "SPY", True),
        ("SPY7", "SPY", False),
        ("AAPL1", "AAPL", False),
        ("SPXW", "SPX", True),
        ("NDXP", "NDX", True),
        ("BRKB", "BRK.B", True),
    ],
)
def test_adjusted_and_mini_roots_are_not_standard(root, ticker, standard):
    frame = pl.DataFrame({"root": [root], "ticker": [ticker]})
    assert frame.select(is_standard(pl.col("root"), pl.col("ticker"))).item() is standard


def test_shares_have_one_symbol_however_the_ticker_is_spelled():
    assert [share_symbol(t) for t in ("BRK-B", "BRK.B", "SPY")] == ["BRK.B", "BRK.B", "SPY"]
    day = date(2026, 1, 16)
    assert {symbol_of(t, day, "call", 500) for t in ("BRK-B", "BRK.B")} == {"BRKB260116C00500000"}
