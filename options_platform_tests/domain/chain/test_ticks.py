from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.chain import ChainRules, Underlying, quote
from options_platform.domain.chain.stock_quotes import StockQuoteRules
from options_platform.domain.chain.ticks import tick_size

PRICES = np.array([2.99, 3.0])
REAL_QUOTES = (
    ("spy_eod/SPY_2015-01-05", "SPY", date(2015, 1, 5)),
    ("yahoo/SPY_20201005T2014Z", "SPY", date(2020, 10, 5)),
    ("yahoo/SPY_20260211T1619Z", "SPY", date(2026, 2, 11)),
    ("yahoo/QQQ_20260211T1631Z", "QQQ", date(2026, 2, 11)),
    ("yahoo/AAPL_20260211T1727Z", "AAPL", date(2026, 2, 11)),
    ("yahoo/NVDA_20260211T1630Z", "NVDA", date(2026, 2, 11)),
    ("lean/AAPL_2014-06-06_quotes", "AAPL", date(2014, 6, 6)),
    ("lean/GOOG_2015-12-24_quotes", "GOOG", date(2015, 12, 24)),
)


def underlying(ticker, session, spot=100.0):
    return Underlying.of(ticker, session, np.array([spot]), np.array([0.2]))


@pytest.mark.parametrize(
    ("ticker", "session", "ticks"),
    [
        ("SPY", date(2005, 1, 10), [0.05, 0.10]),
        ("SPY", date(2007, 9, 27), [0.05, 0.10]),
        ("SPY", date(2007, 9, 28), [0.01, 0.05]),
        ("SPY", date(2010, 1, 29), [0.01, 0.05]),
        ("SPY", date(2010, 2, 1), [0.01, 0.01]),
        ("QQQ", date(2006, 12, 29), [0.05, 0.10]),
        ("QQQ", date(2007, 2, 9), [0.01, 0.01]),
        ("IWM", date(2007, 2, 8), [0.05, 0.10]),
        ("IWM", date(2007, 2, 9), [0.01, 0.05]),
        ("IWM", date(2010, 2, 1), [0.01, 0.01]),
        ("AAPL", date(2007, 9, 28), [0.01, 0.05]),
        ("XYZ", date(2010, 7, 30), [0.05, 0.10]),
        ("XYZ", date(2010, 8, 2), [0.01, 0.05]),
    ],
)
def test_steps_are_those_of_the_exchanges_notices(ticker, session, ticks):
    assert tick_size(underlying(ticker, session), PRICES).tolist() == ticks


def test_each_row_has_the_step_of_its_ticker_and_session():
    sessions = np.array(["2006-01-03", "2006-01-03", "2012-01-03"], dtype="datetime64[D]")
    rows = Underlying.of(["QQQ", "SPY", "AAPL"], sessions, np.full(3, 100.0), np.full(3, 0.2))
    assert tick_size(rows, np.array([1.0, 5.0, 5.0])).tolist() == [0.05, 0.10, 0.05]
    assert tick_size(rows.column(), PRICES[None, :]).tolist() == [
        [0.05, 0.10], [0.05, 0.10], [0.01, 0.05],
    ]  # fmt: skip


@pytest.mark.parametrize(("file", "ticker", "session"), REAL_QUOTES)
def test_every_real_quote_is_a_whole_number_of_ticks(reference_data, file, ticker, session):
    rows = pl.read_csv(reference_data / f"options/{file}.csv.gz", infer_schema_length=None)
    for side in ("bid", "ask"):
        prices = rows[side].cast(pl.Float64).drop_nulls().to_numpy()
        prices = prices[prices > 0]
        assert len(prices) > 300
        ticks = prices / tick_size(underlying(ticker, session), prices)
        assert np.abs(ticks - np.round(ticks)).max() < 1e-6


@given(
    st.floats(20, 600),
    st.floats(0.8, 1.2),
    st.sampled_from([date(2005, 6, 1), date(2008, 6, 2), date(2015, 6, 1)]),
    st.sampled_from(["SPY", "QQQ", "AAPL"]),
)
def test_quotes_are_whole_ticks_around_the_model_price(spot, moneyness, session, ticker):
    one = underlying(ticker, session, spot)
    years, sign = np.array([30 / 365]), np.array([-1.0])
    rules = ChainRules(stocks=StockQuoteRules(american_delta=1.0))
    quoted = quote(one, np.array([spot * moneyness]), years, sign, rules)
    assert quoted.bid[0] <= quoted.greeks.price[0] + 1e-9
    assert quoted.greeks.price[0] <= quoted.ask[0] + 1e-9
    for side in (quoted.bid, quoted.ask):
        ticks = side / tick_size(one, side)
        assert ticks[0] == pytest.approx(round(ticks[0]), abs=1e-6)
