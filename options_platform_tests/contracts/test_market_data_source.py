"""Contract tests that every market data source in `SOURCES` must pass.

A source must pass the tests of each kind of data that it declares, and refuse other kinds with a
one-line error. A fallback sequence of sources must pass them too. Sources that need a server or
files are opened by the functions in `OPENED`.
"""

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from options_platform.adapters.ports.market_data import (
    BAR_SCHEMA,
    EARNINGS_KNOWLEDGE,
    EARNINGS_SCHEMA,
    INDEX_SCHEMA,
    SOURCE_CHAIN_SCHEMA,
    SPLIT_SCHEMA,
)
from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.alpaca.source import AlpacaSource
from options_platform.adapters.sources.fallback import FallbackSource
from options_platform.adapters.sources.yahoo.source import YahooSource
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import NEW_YORK, close_time, sessions, shift
from options_platform.domain.market.bars import clean_bars
from options_platform.errors import PlatformError, ShortHistoryError, SourceError
from options_platform.settings.sources import SOURCE_NAMES, proxy_sources, source_entry
from options_platform.testing.market import NOW
from options_platform_tests.fakes import alpaca_server, yahoo_server

SPAN = (date(2016, 3, 1), date(2016, 6, 30))
FIRST = date(2016, 1, 4)
AFTER = datetime(2016, 7, 1, 4, 30, tzinfo=UTC)
EXPIRIES = [date(2016, 7, 8), date(2016, 7, 15)]
KINDS = {"bars", "index", "chain", "earnings", "splits"}
HEADERS = {
    "SPY": "date,open,high,low,close,adj_close,volume\n",
    "VIX": "date,open,high,low,close\n",
}


def csv(tmp_path):
    for name, header in HEADERS.items():
        columns = header.count(",")
        rows = [f"{day}" + ",10" * columns for day in sessions(FIRST, SPAN[1])]
        (tmp_path / f"{name}.csv").write_text(header + "\n".join(rows) + "\n")
    (tmp_path / "options").mkdir()
    rows = [f"{day},{right},10,1,2,10" for day in EXPIRIES for right in ("call", "put")]
    text = "expiry,right,strike,bid,ask,spot\n" + "\n".join(rows) + "\n"
    (tmp_path / "options" / f"SPY_{SPAN[1]}.csv").write_text(text)
    (tmp_path / "AAPL_earnings.csv").write_text("date,timing\n2016-04-26,after_close\n")
    (tmp_path / "SPY_earnings.csv").write_text("date,timing\n")
    yield open_source("csv", SourceOptions(csv_dir=str(tmp_path)))


def yahoo(tmp_path):
    bars = [(day, 10.0, 100) for day in sessions(FIRST, SPAN[1])]
    with yahoo_server.YahooServer() as server, yahoo_server.Rewritten(server.address) as session:
        for name in ("SPY", "^VIX"):
            server.charts[name] = yahoo_server.chart(name, bars)
        server.list_chain("SPY", EXPIRIES, session=SPAN[1])
        rows = [("April 26, 2016 at 4 PM EDT", "2.0", "1.9")]
        server.calendars["AAPL", 0] = yahoo_server.calendar("AAPL", rows)
        yield YahooSource(cache_dir=tmp_path, session=session, sleep=lambda _: None)


def alpaca(tmp_path):
    with alpaca_server.AlpacaServer() as server:
        server.bars["SPY"] = alpaca_server.bars_of(SPAN[1], first=FIRST)
        server.list_chain("SPY", EXPIRIES, [10.0], session=SPAN[1])
        with alpaca_server.Rewritten(server.address) as session:
            yield AlpacaSource(
                cache_dir=tmp_path,
                keys=alpaca_server.KEYS,
                session=session,
                sleep=lambda _: None,
            )


OPENED = {"csv": csv, "yahoo": yahoo, "alpaca": alpaca}


def in_order(tmp_path):
    """Alpaca, with Yahoo for the indices and earnings that Alpaca does not offer."""
    with contextmanager(alpaca)(tmp_path) as first, contextmanager(yahoo)(tmp_path) as second:
        yield FallbackSource([first, second])


def standing_in(tmp_path):
    """A source without any data, with CSV files as the fallback."""
    (tmp_path / "nothing").mkdir()
    nothing = open_source("csv", SourceOptions(csv_dir=str(tmp_path / "nothing")))
    with contextmanager(csv)(tmp_path) as second:
        yield FallbackSource([nothing, second])


ORDERS = {"alpaca, yahoo": in_order, "nothing, csv": standing_in}


@pytest.fixture(params=[*SOURCE_NAMES, *ORDERS])
def source(request, tmp_path):
    if request.param in OPENED | ORDERS:
        yield from (OPENED | ORDERS)[request.param](tmp_path)
    else:
        yield open_source(request.param, SourceOptions())


def giving(kind):
    """Run a test with each source that declares this kind of data."""
    anywhere = SourceOptions(csv_dir=str(Path(__file__).parent))
    names = [name for name in SOURCE_NAMES if kind in open_source(name, anywhere).info.kinds]
    names += ORDERS
    return pytest.mark.parametrize("source", names, indirect=True)


def asks(source, kind, name):
    return {
        "bars": lambda: source.bars(name, *SPAN),
        "index": lambda: source.index_bars(name, *SPAN),
        "chain": lambda: source.option_chain(name, SPAN[1], AFTER),
        "earnings": lambda: source.earnings(name, *SPAN),
        "splits": lambda: source.announced_splits(name, *SPAN),
    }[kind]


@giving("bars")
def test_bars_have_the_ports_schema_and_cover_the_range(source):
    bars = source.bars("SPY", *SPAN)
    assert bars.schema == BAR_SCHEMA
    assert bars["ticker"].unique().to_list() == ["SPY"]
    assert bars["date"].to_list() == sessions(*SPAN)


@giving("bars")
def test_a_shorter_range_gives_the_same_bars(source):
    whole, part = source.bars("SPY", *SPAN), source.bars("SPY", date(2016, 5, 2), SPAN[1])
    assert (
        whole.filter(whole["date"] >= date(2016, 5, 2))
        .drop("split_factor")
        .equals(part.drop("split_factor"))
    )


@giving("index")
def test_index_bars_have_the_ports_schema(source):
    closes = source.index_bars("VIX", *SPAN)
    assert closes.schema == INDEX_SCHEMA
    assert closes.height > 80


@giving("index")
def test_a_range_before_an_index_began_is_empty_and_no_error(source):
    nothing = source.index_bars("VIX", date(1999, 3, 1), date(1999, 6, 30))
    assert nothing.schema == INDEX_SCHEMA
    assert nothing.is_empty()


@giving("index")
def test_a_range_after_the_last_close_is_an_error_not_an_empty_frame(source):
    ends = source.index_bars("VIX", FIRST, max(SPAN[1], source.info.last_date or SPAN[1]))
    first = shift(ends["date"].max(), 1)
    if source.info.name == "simulated":
        assert source.index_bars("VIX", first, first).height == 1
        return
    with pytest.raises(SourceError, match=rf"VIX for {first} to {first}.*last close") as error:
        source.index_bars("VIX", first, first)
    assert "\n" not in str(error.value)


@giving("bars")
def test_a_history_that_ends_early_is_an_error_that_carries_the_available_bars(source):
    if source.info.proxy:
        return
    with pytest.raises(ShortHistoryError, match="SPY") as error:
        source.bars("SPY", date(2016, 6, 1), date(2016, 7, 29))
    assert "\n" not in str(error.value)
    assert error.value.bars.schema == BAR_SCHEMA
    assert error.value.bars["date"].to_list() == sessions(date(2016, 6, 1), SPAN[1])


@giving("bars")
def test_a_range_before_a_tickers_first_bar_is_empty_and_no_error(source):
    if source.info.proxy:
        return
    nothing = source.bars("SPY", date(2015, 10, 1), date(2015, 12, 31))
    assert nothing.schema == BAR_SCHEMA
    assert nothing.is_empty()


@giving("splits")
def test_announced_splits_have_the_ports_schema(source):
    splits = source.announced_splits("SPY", *SPAN)
    assert splits.schema == SPLIT_SCHEMA
    assert splits["date"].is_between(*SPAN).all()


def test_every_row_names_its_source_and_is_within_the_range(source):
    for kind, name in (("bars", "SPY"), ("index", "VIX"), ("earnings", "AAPL")):
        if kind in source.info.kinds:
            rows = asks(source, kind, name)()
            assert rows["source"].n_unique() == 1
            assert rows["source"][0] in (source.info.name, *source.info.stand_ins)
            assert rows["date"].is_between(*SPAN).all()


def test_the_same_request_returns_the_same_rows(source):
    for kind in source.info.kinds:
        ask = asks(source, kind, "VIX" if kind == "index" else "SPY")
        assert ask().equals(ask())


@giving("bars")
def test_none_of_its_bars_is_quarantined(source):
    cleaned = clean_bars(source.bars("SPY", *SPAN), sessions(*SPAN), source.info.name, NOW)
    assert cleaned.quarantined.is_empty()
    assert RAW_OHLCV.validate(cleaned.rows).height == len(sessions(*SPAN))


@giving("chain")
def test_a_chain_has_the_ports_schema_and_identified_contracts(source):
    chain = source.option_chain("SPY", SPAN[1], AFTER)
    assert chain.schema == SOURCE_CHAIN_SCHEMA
    assert chain.height >= 4
    for name in ("contract_symbol", "expiry", "right", "strike"):
        assert chain[name].null_count() == 0
    assert chain["contract_symbol"].is_unique().all()
    assert set(chain["right"]) == {"call", "put"}
    assert (chain["expiry"] >= SPAN[1]).all()
    assert chain.select(pl.col("ticker", "source").unique()).row(0) == ("SPY", source.info.name)


@giving("chain")
def test_no_quote_is_from_another_session_or_the_future(source):
    quoted = source.option_chain("SPY", SPAN[1], AFTER)["quoted_at"].drop_nulls()
    assert quoted.len() > 0
    assert (quoted <= AFTER).all()
    local = quoted.dt.convert_time_zone(str(NEW_YORK))
    assert local.dt.date().unique().to_list() == [SPAN[1]]
    assert (quoted >= close_time(SPAN[1]).astimezone(UTC) - timedelta(minutes=1)).all()


@giving("chain")
@pytest.mark.parametrize("session", [date(2016, 7, 1), date(2016, 7, 2)])
def test_a_session_that_is_not_over_has_no_chain(source, session):
    with pytest.raises(SourceError, match=f"SPY for {session}") as error:
        source.option_chain("SPY", session, AFTER)
    assert "\n" not in str(error.value)


@giving("earnings")
def test_earnings_have_the_ports_schema_and_a_fund_has_none(source):
    reports = source.earnings("AAPL", *SPAN)
    knowledge = reports.drop(EARNINGS_SCHEMA.names())
    assert reports.drop(knowledge.columns).schema == EARNINGS_SCHEMA
    assert set(knowledge.schema.items()) <= set(EARNINGS_KNOWLEDGE.items())
    if "status" in knowledge.columns:
        # A row for each time at which something became known, the last of them its report.
        reports = reports.filter(status="reported")
    assert reports.height == 1
    assert set(reports["timing"].drop_nulls()) <= {"before_open", "after_close"}
    fund = source.earnings("SPY", *SPAN)
    assert fund.schema == reports.schema
    assert fund.is_empty()


def test_missing_data_is_a_one_line_error_not_an_empty_frame(source):
    if source.info.name == "simulated":
        assert source.bars("NOSUCH", *SPAN).height == len(sessions(*SPAN))
        return
    # That no split is announced is the rule, of any ticker.
    for kind in source.info.kinds - {"splits"}:
        with pytest.raises(SourceError, match="NOSUCH") as error:
            asks(source, kind, "NOSUCH")()
        assert "\n" not in str(error.value)


def test_a_kind_of_data_that_it_does_not_declare_is_refused(source):
    assert source.info.kinds <= KINDS
    assert source.info.kinds
    if "index" not in source.info.kinds:
        with pytest.raises(SourceError, match="VIX"):
            source.index_bars("VIX", *SPAN)
    assert hasattr(source, "option_chain") == ("chain" in source.info.kinds)
    assert hasattr(source, "earnings") == ("earnings" in source.info.kinds)
    assert hasattr(source, "understood") == source.info.reads_files


def test_hostile_tickers_are_refused(source):
    for ticker in ("../x", "'; drop table"):
        for kind in source.info.kinds:
            with pytest.raises(PlatformError) as error:
                asks(source, kind, ticker)()
            assert "\n" not in str(error.value)


def test_a_source_describes_itself(source):
    assert source.info.label
    assert source.info.name in SOURCE_NAMES
    assert source.info.adjustment == "split"
    assert source.info.proxy == (source.info.name in proxy_sources())


def test_what_is_said_of_a_source_before_it_is_opened_is_so(source):
    entry = source_entry(source.info.name)
    assert (source.info.first_date or entry.start) <= entry.start
    assert source.info.last_date == entry.end
    assert set(entry.tickers or ()) <= set(source.info.tickers or entry.tickers or ())
