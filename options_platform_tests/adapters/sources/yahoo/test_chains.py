"""Option chains and earnings dates, through the real yfinance."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.ports.market_data import EARNINGS_SCHEMA, SOURCE_CHAIN_SCHEMA
from options_platform.adapters.sources.yahoo.source import YahooSource
from options_platform.errors import SourceError
from options_platform_tests.fakes.http_server import HTML
from options_platform_tests.fakes.yahoo_server import (
    LAST,
    Rewritten,
    YahooServer,
    bars_of,
    calendar,
    chain,
    chart,
    contract,
)

# Half past midnight in New York, after the session of LAST.
AFTER = datetime(2024, 7, 13, 4, 30, tzinfo=UTC)
EXPIRIES = [date(2024, 7, 19), date(2024, 7, 26), date(2024, 8, 16)]
YEAR = (date(2024, 1, 1), date(2024, 12, 31))


@pytest.fixture
def yahoo():
    with YahooServer() as server:
        yield server


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def source(yahoo, tmp_path, pauses):
    with Rewritten(yahoo.address) as session:
        yield YahooSource(cache_dir=tmp_path, session=session, sleep=pauses.append)


def test_a_chain_has_every_expiry_with_one_request_each(yahoo, source):
    yahoo.list_chain("SPY", EXPIRIES)
    found = source.option_chain("SPY", LAST, AFTER)
    assert found.schema == SOURCE_CHAIN_SCHEMA
    assert found["expiry"].unique().sort().to_list() == EXPIRIES
    assert found.height == 12
    assert yahoo.count("/options/") == 3


def test_a_contract_has_its_terms_quote_and_times(yahoo, source):
    yahoo.list_chain("SPY", EXPIRIES)
    found = source.option_chain("SPY", LAST, AFTER)
    row = found.row(by_predicate=pl.col("contract_symbol") == "SPY240719P00125000", named=True)
    assert row | {"last_trade_at": None} == {
        "quoted_at": datetime(2024, 7, 12, 20, 0, tzinfo=UTC),
        "ticker": "SPY",
        "contract_symbol": "SPY240719P00125000",
        "expiry": date(2024, 7, 19),
        "right": "put",
        "strike": 125.0,
        "bid": 2.0,
        "ask": 2.1,
        "last": 2.05,
        "last_trade_at": None,
        "volume": 12.0,
        "open_interest": 340.0,
        "multiplier": 100.0,
        "spot": 128.0,
        "source_iv": 0.21,
        "source_delta": None,
        "source_gamma": None,
        "source_theta": None,
        "source_vega": None,
        "source": "yahoo",
    }
    assert row["last_trade_at"] == datetime(2024, 7, 12, 19, 3, 20, tzinfo=UTC)


def test_missing_values_are_null_and_bad_quotes_pass_through(yahoo, source):
    bare = contract("SPY", EXPIRIES[0], "C", 125.0, contractSize="ODD", bid=3.0, ask=1.0)
    for name in ("volume", "openInterest", "lastTradeDate", "impliedVolatility"):
        del bare[name]
    yahoo.chains["SPY", None] = chain(
        "SPY", EXPIRIES[:1], EXPIRIES[0], contracts={"C": [bare], "P": []}
    )
    row = source.option_chain("SPY", LAST, AFTER).row(0, named=True)
    unknown = ("volume", "open_interest", "last_trade_at", "source_iv", "multiplier")
    assert [row[name] for name in unknown] == [None] * 5
    assert (row["bid"], row["ask"]) == (3.0, 1.0)


@pytest.mark.parametrize("asked", [date(2024, 7, 11), date(2024, 7, 15), date(2024, 7, 13)])
def test_a_chain_of_another_session_is_refused_without_a_request(yahoo, source, asked):
    yahoo.list_chain("SPY", EXPIRIES)
    with pytest.raises(SourceError, match=rf"chain of SPY for {asked}.*only the present one"):
        source.option_chain("SPY", asked, AFTER)
    assert yahoo.requests == []


@pytest.mark.parametrize("shown", [date(2024, 7, 11), date(2024, 7, 15)])
def test_quotes_of_another_session_are_refused_whatever_the_clock_says(
    yahoo, source, pauses, shown
):
    yahoo.list_chain("SPY", EXPIRIES, session=shown)
    with pytest.raises(SourceError, match=f"its quotes are of {shown}"):
        source.option_chain("SPY", LAST, AFTER)
    assert pauses == []


def test_only_the_expiry_that_fails_is_retried(yahoo, source):
    yahoo.list_chain("SPY", EXPIRIES)
    good = yahoo.chains["SPY", None]
    yahoo.faults.extend([(200, good), (500, "{}"), (429, "Too Many Requests")])
    assert source.option_chain("SPY", LAST, AFTER).height == 12
    assert yahoo.count("/options/") == 5


def test_a_chain_without_one_of_its_expiries_is_refused(yahoo, source):
    yahoo.list_chain("SPY", EXPIRIES)
    good = yahoo.chains["SPY", None]
    yahoo.faults.extend([(200, good), *[(500, "{}")] * 4])
    with pytest.raises(SourceError, match=r"SPY for 2024-07-12, expiry 2024-07-26 \(HTTP 500"):
        source.option_chain("SPY", LAST, AFTER)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ('{"optionChain": {"result": [], "error": null}}', "an empty answer"),
        ('{"optionChain": {"result": null, "error": null}}', "cannot read"),
        (chain("SPY", EXPIRIES, EXPIRIES[0])[:300], "cut short"),
        (HTML, "an HTML page"),
        (chain("SPY", EXPIRIES, EXPIRIES[0], spot=None), "no price of the underlying"),
    ],
)
def test_an_unusable_chain_is_an_error_after_bounded_retries(
    yahoo, source, pauses, answer, message
):
    yahoo.faults.extend([(200, answer)] * 10)
    with pytest.raises(SourceError, match="chain of SPY for 2024-07-12") as error:
        source.option_chain("SPY", LAST, AFTER)
    assert message in str(error.value)
    assert len(pauses) == 3


def test_a_ticker_without_options_is_an_error_at_once(yahoo, source, pauses):
    none = json.loads(chain("BRK-B", EXPIRIES, EXPIRIES[0]))
    none["optionChain"]["result"][0] |= {"expirationDates": [], "options": []}
    yahoo.chains["BRK-B", None] = json.dumps(none)
    with pytest.raises(SourceError, match=r"BRK-B for 2024-07-12.*lists no options"):
        source.option_chain("BRK-B", LAST, AFTER)
    assert pauses == []
    assert yahoo.count("/options/") == 1


def test_a_share_class_is_requested_with_a_dash_and_stored_under_its_ticker(yahoo, source):
    yahoo.list_chain("BRK-B", EXPIRIES)
    yahoo.charts["BRK-B"] = chart("BRK-B", bars_of(), kind="EQUITY")
    yahoo.calendars["BRK-B", 0] = calendar("BRK-B", [("May 4, 2024 at 8 AM EDT", "5", "5.2")])
    given = [
        source.bars("BRK.B", date(2024, 6, 10), LAST),
        source.option_chain("BRK.B", LAST, AFTER),
        source.earnings("BRK.B", *YEAR),
    ]
    assert [frame["ticker"].unique().to_list() for frame in given] == [["BRK.B"]] * 3


def test_earnings_have_date_timing_and_reported_eps(yahoo, source):
    yahoo.calendars["AAPL", 0] = calendar(
        "AAPL",
        [
            ("January 30, 2025 at 4 PM EST", "2.30", "-"),
            ("October 31, 2024 at 4 PM EDT", "1.60", "1.64"),
            ("May 2, 2024 at 8 AM EDT", "1.50", "1.53"),
            ("February 1, 2024 at 12 AM EST", "2.10", "2.18"),
        ],
    )
    found = source.earnings("AAPL", *YEAR)
    assert found.schema == EARNINGS_SCHEMA
    assert found.drop("ticker", "source").rows() == [
        (date(2024, 2, 1), None, 2.10, 2.18),
        (date(2024, 5, 2), "before_open", 1.50, 1.53),
        (date(2024, 10, 31), "after_close", 1.60, 1.64),
    ]
    planned = source.earnings("AAPL", date(2025, 1, 1), date(2025, 6, 30))
    assert planned["eps_reported"].to_list() == [None]
    assert yahoo.count("/calendar/") == 2


def test_a_day_without_an_hour_is_never_stored_a_day_early(yahoo, source):
    # As Yahoo showed GOOG's report of 2024-10-29, and others whose hour it did not know.
    yahoo.calendars["GOOG", 0] = calendar(
        "GOOG",
        [
            ("October 28, 2024 at 8 PM EDT", "1.85", "2.12"),
            ("July 23, 2024 at 3 AM EDT", "1.84", "1.89"),
            ("April 25, 2024 at 4 AM EDT", "1.51", "1.89"),
            ("February 3, 2024 at 7 PM EST", "1.59", "1.64"),
        ],
    )
    assert source.earnings("GOOG", *YEAR).select("date", "timing").rows() == [
        (date(2024, 2, 4), None),
        (date(2024, 4, 25), "before_open"),
        (date(2024, 7, 23), None),
        (date(2024, 10, 29), None),
    ]


def test_a_long_history_of_earnings_is_read_page_by_page(yahoo, source):
    months = [date(2024 - n // 12, 12 - n % 12, 2) for n in range(150)]
    rows = [(f"{day:%B} {day.day}, {day.year} at 4 PM EST", "1", "1") for day in months]
    yahoo.calendars |= {
        ("AAPL", 0): calendar("AAPL", rows[:100]),
        ("AAPL", 100): calendar("AAPL", rows[100:]),
    }
    found = source.earnings("AAPL", date(2012, 7, 1), YEAR[1])
    assert found.height == 150
    assert yahoo.count("/calendar/") == 2


@pytest.mark.parametrize("kind", ["ETF", "INDEX"])
def test_a_fund_reports_nothing(yahoo, source, kind):
    yahoo.charts["SPY"] = chart("SPY", bars_of(), kind=kind)
    found = source.earnings("SPY", *YEAR)
    assert found.schema == EARNINGS_SCHEMA
    assert found.is_empty()
    # Far enough back that there is a bar, on a weekend as well.
    begun = yahoo.queries[yahoo.requests.index("/v8/finance/chart/SPY")]["period1"]
    assert datetime.now(UTC).timestamp() - int(begun[0]) > 7 * 86_400


def test_a_company_without_earnings_dates_is_an_error_and_not_an_empty_answer(
    yahoo, source, pauses
):
    yahoo.charts["AAPL"] = chart("AAPL", bars_of(), kind="EQUITY")
    with pytest.raises(SourceError, match=r"AAPL for 2024-01-01 to 2024-12-31 \(the page holds"):
        source.earnings("AAPL", *YEAR)
    assert len(pauses) == 3


@pytest.mark.parametrize(
    "answer", [(429, "Too Many Requests"), (500, ""), (200, "<html><table>"), (200, "")]
)
def test_a_temporary_fault_of_the_calendar_is_retried(yahoo, source, answer):
    yahoo.faults.append(answer)
    yahoo.calendars["AAPL", 0] = calendar("AAPL", [("May 2, 2024 at 4 PM EDT", "1.5", "1.53")])
    assert source.earnings("AAPL", *YEAR).height == 1


def test_the_fake_answers_in_the_shape_that_was_recorded(reference_data):
    folder = reference_data / "fixtures" / "yahoo"
    recorded = json.loads((folder / "options-QQQ.json").read_text())["response"]["body"]
    theirs = recorded["optionChain"]["result"][0]
    ours = json.loads(chain("QQQ", EXPIRIES, EXPIRIES[0]))["optionChain"]["result"][0]
    assert set(ours) == set(theirs)
    assert set(ours["quote"]) <= set(theirs["quote"])
    assert set(ours["options"][0]) == set(theirs["options"][0])
    assert set(ours["options"][0]["calls"][0]) == set(theirs["options"][0]["calls"][0])


def test_a_recorded_chain_is_read_completely(yahoo, source, reference_data):
    path = reference_data / "fixtures" / "yahoo" / "options-QQQ.json"
    body = json.loads(path.read_text())["response"]["body"]
    result = body["optionChain"]["result"][0]
    result["expirationDates"] = result["expirationDates"][:1]
    yahoo.chains["QQQ", None] = json.dumps(body)
    found = source.option_chain("QQQ", date(2025, 2, 21), datetime(2025, 2, 24, 9, tzinfo=UTC))
    listed = result["options"][0]
    assert found.height == len(listed["calls"]) + len(listed["puts"])
    assert found["quoted_at"].unique().to_list() == [datetime(2025, 2, 21, 21, tzinfo=UTC)]
    assert found["spot"].unique().to_list() == [526.12]
    assert found["strike"].null_count() == found["multiplier"].null_count() == 0
