"""Faults of the connection, through the real yfinance."""

from datetime import date
from types import SimpleNamespace

import pytest

from options_platform.adapters.sources.http.retry import FetchError
from options_platform.adapters.sources.yahoo.source import YahooSource
from options_platform.errors import SourceError
from options_platform_tests.fakes.http_server import BREAK_OFF, DRIP, DROP, HANG, HTML
from options_platform_tests.fakes.yahoo_server import (
    Rewritten,
    YahooServer,
    bars_of,
    chart,
    refusal,
)

SPAN = (date(2024, 6, 10), date(2024, 7, 10))
UNAUTHORIZED = '{"finance": {"result": null, "error": {"description": "Invalid Crumb"}}}'

# fault -> what the server answers, and what the error calls it
FAULTS = {
    "too many requests": ((429, "Too Many Requests"), "HTTP 429: Too Many Requests"),
    "server error": ((500, "{}"), "HTTP 500"),
    "explained error": ((500, refusal("Internal Server Error")), "HTTP 500: Internal Server"),
    "maintenance": ((200, "<html><body>Will be right back</body></html>"), "maintenance"),
    "html": ((503, HTML), "HTTP 503: an HTML page"),
    "html as success": ((200, HTML), "an HTML page"),
    "cut json": ((200, chart("SPY", bars_of())[:200]), "cut short"),
    "empty result": ((200, '{"chart": {"result": [], "error": null}}'), "holds no prices"),
    "no bars": ((200, '{"chart": {"result": [{"meta": {}}]}}'), "holds no prices"),
    "not a chart": ((200, "[]"), "holds no prices"),
    "empty body": ((200, ""), "an empty answer"),
    "dropped connection": (DROP, "no connection"),
    "broken off": (BREAK_OFF, "the connection broke"),
    "hang": (HANG, "no answer in time"),
    "dripping": (DRIP, "no answer in time"),
}


@pytest.fixture
def yahoo():
    with YahooServer() as server:
        server.charts["SPY"] = chart("SPY", bars_of())
        yield server


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def source(yahoo, tmp_path, pauses):
    with Rewritten(yahoo.address, timeout_seconds=0.4) as session:
        yield YahooSource(cache_dir=tmp_path, session=session, sleep=pauses.append)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_permanent_fault_is_an_error_with_ticker_dates_and_cause(yahoo, source, pauses, fault):
    answer, cause = FAULTS[fault]
    yahoo.faults.extend([answer] * 100)
    with pytest.raises(SourceError, match="SPY for 2024-06-10 to 2024-07-10") as error:
        source.bars("SPY", *SPAN)
    assert cause in str(error.value)
    assert "4 times" in str(error.value)
    assert "\n" not in str(error.value)
    assert len(pauses) == 3
    assert yahoo.count("/chart/") == 4


@pytest.mark.parametrize("fault", FAULTS)
def test_a_temporary_fault_is_retried(yahoo, source, fault):
    yahoo.faults.extend([FAULTS[fault][0]] * 2)
    assert source.bars("SPY", *SPAN).height == 21
    assert yahoo.count("/chart/") == 3


@pytest.mark.parametrize("refusals", range(5))
def test_a_rate_limited_request_is_retried_until_it_succeeds(yahoo, source, pauses, refusals):
    """Three refusals are retried with growing pauses; the fourth attempt is the last."""
    yahoo.faults.extend([FAULTS["too many requests"][0]] * refusals)
    if refusals < 4:
        assert source.bars("SPY", *SPAN).height == 21
    else:
        with pytest.raises(SourceError, match="HTTP 429: Too Many Requests, 4 times"):
            source.bars("SPY", *SPAN)
    assert yahoo.count("/chart/") == min(refusals + 1, 4)
    assert len(pauses) == min(refusals, 3)
    assert pauses == sorted(pauses)


def test_the_pause_that_yahoo_asks_for_is_waited(yahoo, source, pauses):
    yahoo.faults.append((429, "Too Many Requests", {"Retry-After": "17"}))
    assert source.bars("SPY", *SPAN).height == 21
    assert pauses == [17.0]


def test_a_pause_beyond_the_deadline_is_not_begun(yahoo, source, pauses):
    yahoo.faults.append((429, "Too Many Requests", {"Retry-After": "3600"}))
    with pytest.raises(SourceError, match="asked to wait 3600 s"):
        source.bars("SPY", *SPAN)
    assert pauses == []


def test_an_unknown_ticker_is_an_error_at_once(yahoo, source, pauses):
    with pytest.raises(SourceError, match=r"NOSUCH for 2024.*No data found.*check the symbol"):
        source.bars("NOSUCH", *SPAN)
    assert pauses == []
    assert yahoo.count("/chart/") == 1


def test_an_unknown_index_is_an_error(source):
    with pytest.raises(SourceError, match=r"\^NOSUCH"):
        source.index_bars("NOSUCH", *SPAN)


@pytest.mark.parametrize("status", [401, 403])
def test_an_expired_cookie_is_renewed_once(yahoo, source, pauses, status):
    assert source.bars("SPY", *SPAN).height == 21
    asked = len(yahoo.requests)
    yahoo.faults.append((status, UNAUTHORIZED))
    assert source.bars("SPY", *SPAN).height == 21
    assert pauses == []
    renewed = yahoo.requests[asked + 1 : -1]
    assert renewed
    assert not any("/chart/" in path for path in renewed)
    yahoo.faults.extend([(status, UNAUTHORIZED)] * 10)
    with pytest.raises(SourceError, match=r"Invalid Crumb.*Yahoo refuses this machine"):
        source.bars("SPY", *SPAN)
    assert len(yahoo.faults) == 8


def test_after_an_error_the_source_still_works(yahoo, source):
    yahoo.faults.extend([(500, "{}")] * 4)
    with pytest.raises(SourceError):
        source.bars("SPY", *SPAN)
    assert source.bars("SPY", *SPAN).height == 21


def test_a_page_that_asks_for_consent_is_left_to_yfinance(yahoo):
    asked = SimpleNamespace(url="https://consent.yahoo.com/v2/collectConsent", text=HTML)
    page = SimpleNamespace(url="https://query2.finance.yahoo.com/v8/x", text=HTML)
    with Rewritten(yahoo.address) as session:
        session.check_body("/v8/finance/chart/SPY", asked)
        assert session.chart is None
        with pytest.raises(FetchError, match="HTML page"):
            session.check_body("/v8/finance/chart/SPY", page)
