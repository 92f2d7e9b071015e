"""Prices of contracts without a quote, and the sources of a trade's prices."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from options_platform.domain.backtest.quote_fallbacks import by_parity, by_smile
from options_platform.domain.backtest.sources import SOURCES, sources_of
from options_platform.domain.chain import ChainRules
from options_platform.domain.pricing import black_scholes

DAY, LAST = date(2024, 1, 2), date(2024, 4, 2)
YEARS = 0.25


def quotes(rows, spot, ticker="SPX"):
    """Quotes of one expiry, given as (right, strike, bid, ask, iv)."""
    frame = pl.DataFrame(
        rows, orient="row",
        schema={"right": pl.String, "strike": pl.Float64, "bid": pl.Float64, "ask": pl.Float64,
                "iv": pl.Float64},
    )  # fmt: skip
    return frame.with_columns(
        date=pl.lit(DAY), ticker=pl.lit(ticker), last_day=pl.lit(LAST), spot=pl.lit(spot),
        years=pl.lit(YEARS), quality=pl.lit(None, pl.String), two_sided=pl.lit(True),
        cents=(pl.col("strike") * 100).cast(pl.Int64),
    )  # fmt: skip


def wanted(right, strike, ticker="SPX"):
    return pl.DataFrame(
        {
            "row": [0], "leg": [0], "date": [DAY], "ticker": [ticker], "last_day": [LAST],
            "right": [right], "sign": [1.0 if right == "call" else -1.0], "strike": [strike],
            "cents": [round(strike * 100)],
        }
    )  # fmt: skip


def test_parity_gives_the_put_of_hulls_example():
    """Hull, Options, Futures and Other Derivatives, section 11.4: S 31, K 30, r 10%, three months.

    With the call at 3, c + K exp(-rT) = 32.26, so the put is worth 1.26.
    """
    rules = ChainRules(risk_free_rate=0.10, dividend_yield=0.0)
    (row,) = by_parity(
        wanted("put", 30.0), quotes([("call", 30.0, 2.9, 3.1, 0.3)], 31.0), rules
    ).to_dicts()
    assert row["mid"] == pytest.approx(1.26, abs=0.005)
    assert row["ask"] - row["bid"] == pytest.approx(0.2)
    priced = black_scholes(
        np.array([31.0]), np.array([30.0]), np.array([YEARS]), np.array([row["iv"]]), 0.10, 0.0,
        np.array([-1.0]),
    )  # fmt: skip
    assert priced.price[0] == pytest.approx(row["mid"], abs=1e-6)


@pytest.mark.parametrize(("ticker", "priced"), [("SPX", 1), ("SPY", 0)])
def test_an_american_option_in_the_money_is_not_priced_by_parity(ticker, priced):
    rules = ChainRules()
    chain = quotes([("call", 110.0, 1.0, 1.2, 0.2)], 100.0, ticker)
    assert by_parity(wanted("put", 110.0, ticker), chain, rules).height == priced
    # Out of the money both are.
    chain = quotes([("call", 90.0, 11.0, 11.4, 0.2)], 100.0, ticker)
    assert by_parity(wanted("put", 90.0, ticker), chain, rules).height == 1


def smile(strikes, vol):
    return quotes([("put" if k < 100 else "call", k, 1.0, 1.1, vol) for k in strikes], 100.0)


def test_on_a_flat_smile_a_missing_strike_has_the_price_of_its_volatility():
    rules = ChainRules()
    (row,) = by_smile(wanted("put", 97.0), smile([90.0, 95, 99, 101, 105], 0.2), rules).to_dicts()
    model = black_scholes(
        np.array([100.0]), np.array([97.0]), np.array([YEARS]), np.array([0.2]),
        rules.risk_free_rate, rules.dividend_yield, np.array([-1.0]),
    )  # fmt: skip
    assert row["iv"] == pytest.approx(0.2)
    assert row["mid"] == pytest.approx(model.price[0])
    assert row["bid"] is None


@pytest.mark.parametrize("right", ["put", "call"])
def test_the_quotes_at_a_strike_say_nothing_about_its_smile(right):
    """Both quotes at the strike are twice what they should be, and a neighbour in the money is."""
    wrong = quotes(
        [(name, strike, 1.0, 1.1, 0.4)
         for name, strike in (("put", 97.0), ("call", 97.0), ("call", 96.0))],
        100.0,
    )  # fmt: skip
    chain = pl.concat([smile([90.0, 95, 99, 101, 105], 0.2), wrong])
    (row,) = by_smile(wanted(right, 97.0), chain, ChainRules()).to_dicts()
    assert row["iv"] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("strike", "strikes"), [(97.0, [90.0, 95, 101, 105]), (80.0, [90.0, 95, 99, 101, 105])]
)
def test_a_smile_of_few_strikes_or_on_one_side_gives_no_price(strike, strikes):
    assert by_smile(wanted("put", strike), smile(strikes, 0.2), ChainRules()).is_empty()


@given(
    arrays(np.int64, st.tuples(st.integers(1, 30), st.integers(1, 4)), elements=st.integers(0, 5))
)
def test_the_marks_of_a_trade_are_counted_once_each(source):
    row = dict(zip(SOURCES.names(), sources_of("x", source), strict=True))
    marked = int((source > 0).any(axis=1).sum())
    assert row["marks_real"] + row["marks_mixed"] + row["marks_synthetic"] == marked
    assert 0.0 <= row["real_share"] <= 1.0
    assert (row["chain_source"] == "synthetic") == (row["marks_synthetic"] == marked)
    if row["chain_source"] == "real":
        assert row["entry_source"] == "real"
        assert row["exit_source"] in ("real", "none")
