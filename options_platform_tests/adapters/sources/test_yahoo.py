from datetime import date
from urllib.parse import urlparse

import pytest
import requests

from options_platform.adapters.sources.yahoo import YahooSource
from options_platform.errors import SourceError
from options_platform_tests.fakes.yahoo_server import LAST, YahooServer, bars_of, chart

SPAN = (date(2024, 6, 10), date(2024, 7, 10))


class Rewritten(requests.Session):
    """Sends what is meant for Yahoo to the fake server."""

    def __init__(self, address):
        super().__init__()
        self.address = address

    def request(self, method, url, **kwargs):
        return super().request(method, self.address + urlparse(url).path, **kwargs)


@pytest.fixture
def yahoo():
    with YahooServer() as server:
        yield server


@pytest.fixture
def source(yahoo, tmp_path):
    with Rewritten(yahoo.address) as session:
        yield YahooSource(cache_dir=tmp_path / "cache", session=session, sleep=lambda _: None)


def test_bars_with_split_and_dividend(yahoo, source):
    yahoo.charts["SPY"] = chart(
        "SPY", bars_of(), split=(date(2024, 7, 11), 2), dividend=(date(2024, 6, 21), 1.5)
    )
    bars = source.bars("SPY", *SPAN)
    assert (bars["date"].min(), bars["date"].max()) == SPAN
    # The split comes after the asked range, and its prices are adjusted for it all the same.
    assert bars["split_factor"].unique().to_list() == [2.0]
    paid = dict(bars.select("date", "dividend").iter_rows())
    assert paid[date(2024, 6, 21)] == 1.5
    assert paid[date(2024, 6, 24)] == 0.0


def test_an_index_is_asked_for_under_yahoos_name(yahoo, source):
    yahoo.charts["^VIX"] = chart("^VIX", bars_of())
    closes = source.index_closes("VIX", *SPAN)
    assert closes["symbol"].unique().to_list() == ["VIX"]
    assert closes["date"].max() == SPAN[1]


FAULTS = {
    "too many requests": (429, "Too Many Requests"),
    "server error": (500, "{}"),
    "html": (200, "<html><body>Will be right back</body></html>"),
    "cut json": (200, chart("SPY", bars_of())[:200]),
    "empty result": (200, '{"chart": {"result": [], "error": null}}'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lasting_fault_is_an_error_that_names_ticker_dates_and_cause(yahoo, source, fault):
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    yahoo.faults.extend([FAULTS[fault]] * 20)
    with pytest.raises(SourceError, match="SPY for 2024-06-10 to 2024-07-10") as error:
        source.bars("SPY", *SPAN)
    assert "\n" not in str(error.value)


def test_a_passing_fault_is_outlived(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    yahoo.faults.append(FAULTS["server error"])
    assert source.bars("SPY", *SPAN).height == 21


def test_an_unknown_ticker_is_an_error(source):
    with pytest.raises(SourceError, match="NOSUCH"):
        source.bars("NOSUCH", *SPAN)


def test_a_history_that_ends_early_is_an_error(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of(date(2024, 6, 28)))
    with pytest.raises(SourceError, match="ends 2024-06-28"):
        source.bars("SPY", SPAN[0], LAST)


def test_caches_stay_in_their_folder(yahoo, source, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    source.bars("SPY", *SPAN)
    assert list((tmp_path / "home").rglob("*")) == []
