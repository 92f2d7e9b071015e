from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import (
    ChainRules,
    SurfaceRules,
    TermStructure,
    Underlying,
    atm_vol,
    calibration,
    quote,
    surface_iv,
)
from options_platform.domain.chain.level import index_of_slice, level_table, ratios
from options_platform.domain.chain.ssvi import Smile
from options_platform.domain.chain.strip import expiry_variances, index_of_tenors
from options_platform.domain.chain.surface import TERM_DAYS

DAY = date(2024, 1, 2)
TICKERS = ["SPY", "QQQ", "AAPL", "IWM", "ZZZ"]


def test_without_a_smile_the_index_is_the_volatility_at_the_money():
    atm = np.array([0.1, 0.2, 0.5])
    for days in (9.0, 30.0, 182.0):
        index = index_of_slice(Smile(0.0, 0.0, 0.0, 0.0), days, atm)
        assert index == pytest.approx(atm, rel=2e-3)


@given(st.sampled_from([*SurfaceRules().smiles]), st.sampled_from(TERM_DAYS), st.floats(0.03, 2.0))
@settings(deadline=None, max_examples=100)
def test_the_table_gives_back_the_volatility_whose_smile_is_worth_the_index(name, days, atm):
    smile = SurfaceRules().smiles[name]
    index = index_of_slice(smile, days, np.array([atm]))
    assume(index[0] >= 0.03)
    found = index * ratios([level_table(smile, days)], None, index)
    assert found == pytest.approx([atm], rel=8e-3 if 0.09 < atm < 0.11 else 1.5e-3)


@pytest.mark.parametrize("ticker", ["SPY", "QQQ", "AAPL"])
@pytest.mark.parametrize("index", [0.12, 0.2, 0.45])
def test_the_index_of_a_synthetic_chain_by_cboes_method_is_the_index_it_was_made_from(
    ticker, index
):
    rules, strike = ChainRules(width_scale=0.0), np.arange(700.0, 6500.0, 5.0)
    underlying = Underlying.of(ticker, DAY, np.array([4000.0]), np.array([index]))
    frames = []
    for right, sign in (("call", 1.0), ("put", -1.0)):
        quotes = quote(underlying, strike, np.array([30 / 365]), np.array([sign]), rules)
        columns = {"right": right, "strike": strike, "bid": quotes.bid, "ask": quotes.ask}
        frames.append(pl.DataFrame(columns | {"expiry": date(2024, 2, 1), "years": 30 / 365}))
    variances = expiry_variances(pl.concat(frames), rules.risk_free_rate)
    assert index_of_tenors(variances, [30.0])[0] == pytest.approx(index, rel=0.01)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(TICKERS), st.floats(0.05, 1.5), st.integers(1, 400),
            st.floats(0.5, 1.6), st.floats(0.6, 1.7), st.integers(0, 3000),
        ),
        min_size=2, max_size=12,
    )
)  # fmt: skip
@settings(deadline=None, max_examples=100)
def test_a_row_has_the_same_volatility_alone_and_in_a_batch(rows):
    ticker, index, days, moneyness, ratio, ahead = (list(part) for part in zip(*rows, strict=True))
    index, moneyness = np.array(index), np.array(moneyness)
    session = np.datetime64("2012-01-03") + np.array(ahead)
    term = TermStructure(index * ratio, index / ratio, index * np.sqrt(ratio))
    underlying = Underlying.of(ticker, session, np.full(len(index), 100.0), index, term)
    years, strike, rules = np.array(days) / 365.0, 100.0 * moneyness, SurfaceRules()
    together = surface_iv(underlying, strike, years, rules, carry=0.01)
    assert np.isfinite(together).all()
    for n, name in enumerate(ticker):
        one = slice(n, n + 1)
        by_batch = surface_iv(underlying.at(one), strike[one], years[one], rules, carry=0.01)
        row = underlying.at(one)
        single = Underlying.of(name, row.session, row.spot, row.index, row.term)
        alone = surface_iv(single, strike[one], years[one], rules, carry=0.01)
        assert by_batch[0] == alone[0] == together[n]


@given(
    st.sampled_from(TICKERS),
    st.floats(0.05, 1.5),
    st.tuples(*[st.floats(0.3, 3.0)] * 3),
    st.integers(0, 8000),
)
@settings(deadline=None, max_examples=100)
def test_no_calendar_arbitrage_whatever_the_indices_of_the_tenors_are(ticker, index, ratios, ahead):
    """Total variance of every strike rises with the expiry, also around elections."""
    session = np.datetime64("2004-01-05") + ahead
    term = TermStructure(*(np.array([index * ratio]) for ratio in ratios))
    underlying = Underlying.of(ticker, session, np.array([100.0]), np.array([index]), term)
    days = np.concatenate([np.arange(1, 60), np.arange(60, 400, 7)])[:, None]
    strikes = 100.0 * np.exp(np.linspace(-1.5, 1.0, 60))[None, :]
    iv = surface_iv(underlying, strikes, days / 365.0, SurfaceRules(), carry=0.0)
    total = iv * iv * days
    assert np.all(np.diff(total, axis=0) >= -1e-9 * total[:-1])


def test_a_steeper_skew_puts_the_volatility_at_the_money_further_below_the_index():
    index, years = np.array([0.2]), np.array([30 / 365])
    levels = []
    for rho in (-0.2, -0.5, -0.8):
        smile = Smile(0.8, 0.15, 0.7, rho)
        rules = SurfaceRules(smiles={"fund": smile, "stock": smile})
        spy = Underlying.of("SPY", DAY, np.array([100.0]), index)
        levels.append(atm_vol(spy, years, rules)[0])
    assert levels[0] > levels[1] > levels[2]
    assert levels[2] > 0.15
    assert levels[0] < 0.2
    assert set(calibration.SMILES) >= {"SPY", "QQQ", "fund", "stock"}
