"""What every listed source must do; one that needs more than options opens itself in `OPENED`."""

from datetime import date

import pytest

from options_platform.adapters.ports import BAR_SCHEMA, INDEX_SCHEMA
from options_platform.adapters.sources import SOURCES, SourceOptions, open_source
from options_platform.adapters.sources.yahoo import YahooSource
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.bars import clean_bars
from options_platform.domain.calendar import sessions
from options_platform.errors import PlatformError, SourceError
from options_platform_tests.fakes.yahoo_server import Rewritten, YahooServer, chart
from options_platform_tests.market import NOW

SPAN = (date(2015, 3, 2), date(2015, 6, 30))
HEADERS = {
    "SPY": "date,open,high,low,close,adj_close,volume\n",
    "VIX": "date,open,high,low,close\n",
}


def csv(tmp_path):
    for name, header in HEADERS.items():
        columns = header.count(",")
        rows = [f"{day}" + ",10" * columns for day in sessions(date(2015, 1, 2), SPAN[1])]
        (tmp_path / f"{name}.csv").write_text(header + "\n".join(rows) + "\n")
    yield open_source("csv", SourceOptions(csv_dir=str(tmp_path)))


def yahoo(tmp_path):
    bars = [(day, 10.0, 100) for day in sessions(date(2015, 1, 2), SPAN[1])]
    with YahooServer() as server, Rewritten(server.address) as session:
        server.charts |= {name: chart(name, bars) for name in ("SPY", "^VIX")}
        yield YahooSource(cache_dir=tmp_path, session=session, sleep=lambda _: None)


OPENED = {"csv": csv, "yahoo": yahoo}


@pytest.fixture(params=SOURCES)
def source(request, tmp_path):
    if request.param in OPENED:
        yield from OPENED[request.param](tmp_path)
    else:
        yield open_source(request.param, SourceOptions())


def test_bars_have_the_ports_schema_and_cover_the_range(source):
    bars = source.bars("SPY", *SPAN)
    assert bars.schema == BAR_SCHEMA
    assert bars["ticker"].unique().to_list() == ["SPY"]
    assert bars["date"].sort().to_list() == sessions(*SPAN)


def test_a_shorter_range_gives_the_same_bars(source):
    whole, part = source.bars("SPY", *SPAN), source.bars("SPY", date(2015, 5, 1), SPAN[1])
    assert (
        whole.filter(whole["date"] >= date(2015, 5, 1))
        .drop("split_factor")
        .equals(part.drop("split_factor"))
    )


def test_index_bars_have_the_ports_schema(source):
    closes = source.index_bars("VIX", *SPAN)
    assert closes.schema == INDEX_SCHEMA
    assert closes.height > 80


def test_only_what_lies_in_the_range_is_given(source):
    for given in (source.bars("SPY", *SPAN), source.index_bars("VIX", *SPAN)):
        assert given["date"].is_between(*SPAN).all()


def test_asking_twice_gives_the_same(source):
    assert source.bars("SPY", *SPAN).equals(source.bars("SPY", *SPAN))


def test_its_bars_become_rows_without_one_set_aside(source):
    found = clean_bars(source.bars("SPY", *SPAN), sessions(*SPAN), source.info.name, NOW)
    assert found.quarantined.is_empty()
    assert RAW_OHLCV.validate(found.rows).height == len(sessions(*SPAN))


def test_what_it_does_not_have_is_an_error_in_one_line_not_an_empty_frame(source):
    if source.info.name == "simulated":
        assert source.bars("NOSUCH", *SPAN).height == len(sessions(*SPAN))
        return
    for ask in (source.bars, source.index_bars):
        with pytest.raises(SourceError, match="NOSUCH") as error:
            ask("NOSUCH", *SPAN)
        assert "\n" not in str(error.value)


def test_hostile_tickers_are_refused(source):
    for ticker in ("../x", "'; drop table"):
        for ask in (source.bars, source.index_bars):
            with pytest.raises(PlatformError) as error:
                ask(ticker, *SPAN)
            assert "\n" not in str(error.value)


def test_a_source_says_what_it_is(source):
    assert source.info.label
    assert source.info.name in SOURCES
