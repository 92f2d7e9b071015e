import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.adapters.sources import simulated_calendar, simulated_market
from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.domain.calendar.sessions import all_sessions, sessions
from options_platform.testing.market import NOW

START, END = date(2005, 1, 3), date(2020, 12, 31)
DAYS = sessions(START, END)
TICKERS = st.from_regex(r"[A-Z]{1,5}", fullmatch=True)


@given(
    TICKERS,
    st.integers(0, 1000),
    st.tuples(st.sampled_from(DAYS), st.sampled_from(DAYS)).map(sorted),
)
@settings(deadline=None, max_examples=10)
def test_a_bar_does_not_depend_on_the_requested_range(ticker, seed, span):
    source = SimulatedSource(seed)
    whole, part = source.bars(ticker, START, END), source.bars(ticker, *span)
    assert part.equals(whole.filter(pl.col("date").is_between(*span)))
    closes = source.index_bars("VIX", START, END)
    assert source.index_bars("VIX", *span).equals(closes.filter(pl.col("date").is_between(*span)))


@given(TICKERS, st.integers(0, 1000))
@settings(deadline=None, max_examples=10)
def test_bars_are_consistent(ticker, seed):
    bars = SimulatedSource(seed).bars(ticker, START, END)
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    fits = (pl.col("low") > 0) & (pl.col("low") <= bottom) & (top <= pl.col("high"))
    assert bars.select((fits & (pl.col("volume") > 0)).all()).item()
    assert bars["date"].to_list() == DAYS


ASK = """
from datetime import date, timedelta
from options_platform.adapters.sources.simulated import SimulatedSource
source = SimulatedSource(7)
{before}
print(source.bars("SPY", date(2015, 1, 2), date(2015, 3, 31)).hash_rows().sum())
"""


def test_a_ticker_is_the_same_in_any_process_and_after_any_other_request():
    outputs = [
        subprocess.run(
            [sys.executable, "-c", ASK.format(before=before)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for before in ("", "source.bars('QQQ', date(2015, 1, 2), date(2015, 3, 31))")
    ]
    assert outputs[0] == outputs[1] != ""


def test_seed_and_ticker_change_the_market():
    closes = {
        (seed, ticker): SimulatedSource(seed).bars(ticker, START, END)["close"].to_list()
        for seed in (1, 2)
        for ticker in ("SPY", "QQQ")
    }
    assert len({tuple(values) for values in closes.values()}) == 4


def test_it_is_labelled_as_not_real_with_its_seed():
    info = SimulatedSource(42).info
    assert info.proxy
    assert "not real" in info.label
    assert "42" in info.label


@pytest.fixture(params=["shorter", "longer"])
def other_calendar(request, monkeypatch):
    """A calendar that ends with 2016, or one with more years."""
    known = tuple(day for day in all_sessions() if day.year <= 2016)
    if request.param == "longer":
        more = (all_sessions()[-1] + timedelta(days=n) for n in range(1, 900))
        known = (*all_sessions(), *(day for day in more if day.weekday() < 5))
    caches = [each for each in vars(simulated_market).values() if hasattr(each, "cache_clear")]

    def forget():
        for cache in caches:
            cache.cache_clear()

    forget()
    with monkeypatch.context() as patch:
        for module in (simulated_market, simulated_calendar):
            patch.setattr(module, "all_sessions", lambda: known)
        yield
    forget()


SPAN = (date(2014, 1, 2), date(2016, 12, 30))
WHOLE = {
    "bars": lambda s: s.bars("AAPL", *SPAN),
    "index": lambda s: s.index_bars("VXN", *SPAN),
    "earnings": lambda s: s.earnings("AAPL", SPAN[0], date(2016, 9, 30)),
    "chain": lambda s: s.option_chain("AAPL", date(2016, 6, 15), NOW),
}


@pytest.fixture(scope="module")
def whole_calendar():
    return {kind: ask(SimulatedSource(7)) for kind, ask in WHOLE.items()}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.usefixtures("other_calendar")
def test_no_value_depends_on_later_sessions(kind, whole_calendar):
    whole = whole_calendar[kind]
    assert WHOLE[kind](SimulatedSource(7)).equals(whole)
    assert whole.height >= 10


@pytest.mark.parametrize("seed", [7, 8])
def test_it_behaves_like_a_market(seed):
    source = SimulatedSource(seed)
    returns = {
        name: np.diff(np.log(source.bars(name, START, END)["close"].to_numpy()))
        for name in ("SPY", "QQQ")
    }
    vix = source.index_bars("VIX", START, END)["close"].to_numpy()
    realised = returns["SPY"].std() * np.sqrt(252) * 100
    assert 8 < realised < 45
    assert 0.5 < vix.mean() / realised < 2.0
    assert np.corrcoef(returns["SPY"], returns["QQQ"])[0, 1] > 0.5
    # Fear rises as prices fall, and lasts.
    assert np.corrcoef(returns["SPY"], np.diff(np.log(vix)))[0, 1] < -0.3
    assert np.corrcoef(vix[1:], vix[:-1])[0, 1] > 0.9
