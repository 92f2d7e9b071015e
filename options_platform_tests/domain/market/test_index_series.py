from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.adapters.ports.market_data import INDEX_SCHEMA
from options_platform.adapters.sources.fallback import PUBLISHED_INDICES
from options_platform.contracts import VIX
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.market.index_series import (
    OWN_INDEX,
    align_indices,
    foreign_indices,
    iv_basis,
    iv_basis_of,
)
from options_platform.testing.market import NOW

DAYS = sessions(date(2024, 6, 3), date(2024, 6, 28))
KEYS = pl.DataFrame({"date": DAYS * 2, "ticker": ["SPY"] * len(DAYS) + ["QQQ"] * len(DAYS)})
SYMBOLS = {"SPY": "VIX", "QQQ": "VXN"}


def closes(**series):
    unknown = dict.fromkeys(("open", "high", "low"))
    return pl.concat(
        pl.DataFrame(
            {"date": DAYS, "symbol": symbol, **unknown, "close": values, "source": "test"},
            schema=INDEX_SCHEMA,
        )
        for symbol, values in series.items()
    )


def align(rows, symbols=SYMBOLS):
    aligned_rows = align_indices(KEYS, rows, symbols, "test", NOW)
    VIX.validate(aligned_rows)
    return aligned_rows


def of(rows, ticker, column):
    return rows.filter(pl.col("ticker") == ticker)[column].to_list()


def test_each_ticker_has_its_own_index_and_all_have_the_vix():
    vix, vxn = [15.0 + n for n in range(len(DAYS))], [20.0 + n for n in range(len(DAYS))]
    rows = align(closes(VIX=vix, VXN=vxn))
    assert of(rows, "SPY", "iv_close") == of(rows, "SPY", "vix") == vix
    assert of(rows, "QQQ", "iv_close") == vxn
    assert of(rows, "QQQ", "vix") == vix
    assert set(of(rows, "QQQ", "iv_symbol")) == {"VXN"}


def test_a_missing_index_is_never_replaced_by_another_index():
    rows = align(closes(VIX=[15.0] * len(DAYS), VXN=[20.0] + [None] * (len(DAYS) - 1)))
    assert of(rows, "QQQ", "iv_close") == [20.0, 20.0] + [None] * (len(DAYS) - 2)
    assert of(rows, "QQQ", "iv_age") == [0, 1] + [None] * (len(DAYS) - 2)
    assert of(rows, "QQQ", "vix") == [15.0] * len(DAYS)


@pytest.mark.parametrize("bad", [0.0, -3.0, float("nan"), float("inf"), None])
def test_an_impossible_index_value_counts_as_missing(bad):
    values = [15.0, bad, *[16.0] * (len(DAYS) - 2)]
    rows = align(closes(VIX=values), {"SPY": "VIX", "QQQ": "VIX"})
    assert of(rows, "SPY", "vix")[:3] == [15.0, 15.0, 16.0]
    assert of(rows, "SPY", "vix_age")[:3] == [0, 1, 0]


def test_identical_closes_of_a_day_count_once_and_conflicting_ones_are_missing():
    complete = closes(VIX=[15.0 + n for n in range(len(DAYS))])
    same = align(pl.concat([complete, complete[3:4]]), {"SPY": "VIX", "QQQ": "VIX"})
    assert of(same, "SPY", "vix_age") == [0] * len(DAYS)
    other = complete[3:4].with_columns(close=pl.lit(99.0))
    differs = align(pl.concat([complete, other]), {"SPY": "VIX", "QQQ": "VIX"})
    assert of(differs, "SPY", "vix")[3] == 17.0
    assert of(differs, "SPY", "vix_age")[3] == 1


@given(st.lists(st.one_of(st.none(), st.floats(9, 80)), min_size=20, max_size=20), st.data())
@settings(deadline=None, max_examples=60)
def test_an_index_value_is_from_today_or_yesterday_never_from_the_future(values, data):
    values = values[: len(DAYS)] + [None] * (len(DAYS) - len(values))
    rows = align(closes(VIX=values), {"SPY": "VIX", "QQQ": "VIX"})
    shown = of(rows, "SPY", "vix")
    for at, (value, age) in enumerate(zip(shown, of(rows, "SPY", "vix_age"), strict=True)):
        if values[at] is not None:
            assert (value, age) == (values[at], 0)
        elif at and values[at - 1] is not None:
            assert (value, age) == (values[at - 1], 1)
        else:
            assert (value, age) == (None, None)
    cut = data.draw(st.integers(1, len(DAYS)))
    early = closes(VIX=values).filter(pl.col("date") <= DAYS[cut - 1])
    short = align(early, {"SPY": "VIX", "QQQ": "VIX"})
    assert of(short, "SPY", "vix")[:cut] == shown[:cut]


def test_a_ticker_that_is_not_on_its_own_index_is_reported_with_its_own():
    assert foreign_indices({"SPY": "VIX", "QQQ": "VIX", "IWM": "RVX"}) == {"QQQ": "VXN"}
    assert foreign_indices({"QQQ": "VXN", "AAPL": "CHAIN:AAPL"}) == {}
    assert foreign_indices({"MSFT": "VIX", "IWM": "VXN"}) == {"MSFT": None, "IWM": "RVX"}


@pytest.mark.parametrize(
    ("ticker", "symbol", "basis"),
    [("SPY", "VIX", "own"), ("VOO", "VIX", "own"), ("QQQ", "VXN", "own"), ("QQQ", "VIX", "market"),
     ("MSFT", "VIX", "market"), ("GOOGL", "VXGOG", "own"), ("AAPL", "CHAIN:AAPL", "chain"),
     ("MSFT", None, None)],
)  # fmt: skip
def test_the_basis_of_a_price_is_the_tickers_own_index_its_chain_or_the_market(
    ticker, symbol, basis
):
    row = pl.DataFrame({"t": [ticker], "s": [symbol]}, schema={"t": pl.String, "s": pl.String})
    assert row.select(iv_basis_of(pl.col("t"), pl.col("s"))).item() == basis
    if symbol is not None:
        assert iv_basis(ticker, symbol) == basis


def test_every_own_index_may_be_read_from_another_source():
    assert set(OWN_INDEX.values()) <= PUBLISHED_INDICES
