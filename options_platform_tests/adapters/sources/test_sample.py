import subprocess
import sys
from datetime import date

import pytest

from options_platform.adapters.sources.sample import FIRST, LAST, SampleSource
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.market.bars import clean_bars
from options_platform.errors import SourceError
from options_platform.testing.market import NOW

SPAN = (date(2010, 1, 4), date(2018, 12, 31))


@pytest.mark.parametrize("ticker", ["SPY", "QQQ"])
def test_the_samples_bars_are_complete_and_clean(ticker):
    found = clean_bars(SampleSource().bars(ticker, *SPAN), sessions(*SPAN), "sample", NOW)
    assert found.rows["date"].to_list() == sessions(*SPAN)
    assert found.quarantined.is_empty()


@pytest.mark.parametrize(
    ("ticker", "day", "index_close", "divisor"),
    # S&P 500 and Nasdaq Composite as S&P Dow Jones and Nasdaq publish them.
    [
        ("SPY", date(2010, 1, 4), 1132.99, 10),
        ("SPY", date(2018, 12, 31), 2506.85, 10),
        ("QQQ", date(2010, 1, 4), 2308.42, 40),
        ("QQQ", date(2018, 12, 31), 6635.28, 40),
    ],
)
def test_closes_are_the_published_index_scaled(ticker, day, index_close, divisor):
    bars = SampleSource().bars(ticker, day, day)
    assert bars["close"].item() == pytest.approx(index_close / divisor, abs=0.005 / divisor)


def test_the_vix_is_that_of_the_cboe():
    closes = SampleSource().index_bars("VIX", date(2018, 2, 5), date(2018, 2, 6))
    assert closes["close"].to_list() == [37.32, 29.98]


def test_it_is_labelled_as_a_proxy():
    info = SampleSource().info
    assert info.proxy
    assert "prox" in info.label
    assert (info.first_date, info.last_date) == (FIRST, LAST)


@pytest.mark.parametrize("ticker", ["IWM", "../x", "VIX"])
def test_a_name_that_the_sample_does_not_have_is_refused_with_those_it_has(ticker):
    with pytest.raises(SourceError, match="only SPY, QQQ"):
        SampleSource().bars(ticker, *SPAN)
    if ticker != "VIX":
        with pytest.raises(SourceError, match="only VIX"):
            SampleSource().index_bars(ticker, *SPAN)


def test_a_date_after_its_end_is_refused():
    with pytest.raises(SourceError, match="ends 2018-12-31, before 2019-01-02"):
        SampleSource().bars("SPY", SPAN[0], date(2019, 1, 2))


def test_it_is_read_without_importing_arch():
    code = (
        "import sys; from datetime import date;"
        "from options_platform.adapters.sources.sample import SampleSource;"
        "SampleSource().bars('SPY', date(2018, 1, 2), date(2018, 1, 3));"
        "sys.exit('arch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
