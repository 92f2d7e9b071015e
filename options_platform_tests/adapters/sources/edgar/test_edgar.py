"""Past reports from the filings at a fake SEC, over real HTTP."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.ports.market_data import EARNINGS_SCHEMA
from options_platform.adapters.sources.edgar.source import EdgarSource
from options_platform.errors import SourceError, UnknownSymbolError
from options_platform_tests.fakes.edgar_server import EdgarServer
from options_platform_tests.fakes.http_server import HTML

CONTACT = "Jane Doe jane@example.com"
ALL = (date(2000, 1, 1), date(2024, 12, 31))


@pytest.fixture
def sec():
    with EdgarServer() as server:
        server.numbers = {"MSFT": 789019, "SPY": 884394, "BRK-B": 1067983}
        server.recent[789019] = [
            ("8-K", "2.02,9.01", "2024-10-30T20:03:31.000Z"),
            ("8-K", "5.02", "2024-09-03T20:15:00.000Z"),
            ("8-K/A", "2.02", "2024-08-01T20:15:00.000Z"),
            ("10-Q", "", "2024-10-30T20:20:00.000Z"),
            ("8-K", "2.02,9.01", "2009-10-23T11:45:00.000Z"),
            ("8-K", "2.02", "2009-07-23T16:30:00.000Z"),
        ]
        server.older[789019] = {
            "CIK0000789019-submissions-001.json": [
                ("8-K", "12", "2004-07-22T20:20:00.000Z"),
                ("8-K", "12", "2005-07-22T20:20:00.000Z"),
            ]
        }
        server.recent[884394] = []
        server.recent[1067983] = [("8-K", "2.02", "2024-11-02T12:00:00.000Z")]
        yield server


@pytest.fixture
def source(sec, tmp_path):
    return EdgarSource(CONTACT, cache_dir=tmp_path, address=sec.address, sleep=lambda _: None)


def test_filings_of_results_are_reports_with_their_hour_and_no_others_are(source, sec):
    found = source.earnings("MSFT", *ALL)
    assert found.schema == {**EARNINGS_SCHEMA, "status": pl.String}
    assert found["status"].unique().to_list() == ["reported"]
    assert found.select("date", "timing").rows() == [
        (date(2004, 7, 22), "after_close"),
        (date(2009, 7, 23), None),
        (date(2009, 10, 23), "before_open"),
        (date(2024, 10, 30), "after_close"),
    ]
    assert found["source"].unique().to_list() == ["edgar"]
    assert {headers["User-Agent"] for headers in sec.headers} == {CONTACT}
    # An older page is fetched only where the range reaches it; the companies are listed once.
    assert source.earnings("MSFT", date(2009, 1, 1), ALL[1]).height == 3
    assert sec.count("submissions-001") == 1
    assert sec.count("company_tickers") == 1


def test_a_share_class_has_a_dash_and_a_fund_files_no_results(source):
    assert source.earnings("BRK.B", *ALL)["date"].to_list() == [date(2024, 11, 2)]
    assert source.earnings("SPY", *ALL).is_empty()


def test_a_former_ticker_is_refused_in_one_line_that_says_where_its_filings_are(source):
    with pytest.raises(UnknownSymbolError, match=r"FB .*under its present ticker") as error:
        source.earnings("FB", *ALL)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("fault", [(503, HTML), (200, HTML), (200, '{"filings": {}}')])
def test_a_fault_is_an_error_and_never_a_company_without_reports(source, sec, fault):
    source.earnings("SPY", *ALL)
    sec.faults.extend([fault] * 4)
    with pytest.raises(SourceError, match="MSFT for 2000-01-01 to 2024-12-31"):
        source.earnings("MSFT", *ALL)


def test_without_a_contact_nothing_is_asked(tmp_path):
    with pytest.raises(SourceError, match="set edgar_contact"):
        EdgarSource("", cache_dir=tmp_path)
