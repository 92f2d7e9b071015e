"""What every listed source must do; a new one is added to `CASES`."""

from datetime import date

import pytest

from options_platform.adapters.ports import BAR_SCHEMA, INDEX_SCHEMA
from options_platform.adapters.sources import SOURCES, SourceOptions, open_source
from options_platform.domain.calendar import sessions
from options_platform.errors import PlatformError

SPAN = (date(2015, 3, 2), date(2015, 6, 30))
HEADERS = {
    "SPY": "date,open,high,low,close,adj_close,volume\n",
    "VIX": "date,open,high,low,close\n",
}


@pytest.fixture(params=["sample", "csv", "simulated"])
def source(request, tmp_path):
    for name, header in HEADERS.items():
        columns = header.count(",")
        rows = [f"{day}" + ",10" * columns for day in sessions(date(2015, 1, 2), SPAN[1])]
        (tmp_path / f"{name}.csv").write_text(header + "\n".join(rows) + "\n")
    return open_source(request.param, SourceOptions(csv_dir=str(tmp_path)))


def test_every_source_but_the_networks_is_tried_here():
    assert set(SOURCES) == {"sample", "csv", "simulated", "yahoo"}


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


def test_index_closes_have_the_ports_schema(source):
    closes = source.index_closes("VIX", *SPAN)
    assert closes.schema == INDEX_SCHEMA
    assert closes.height > 80


def test_hostile_tickers_are_refused(source):
    for ticker in ("../x", "'; drop table"):
        with pytest.raises(PlatformError):
            source.bars(ticker, *SPAN)


def test_a_source_says_what_it_is(source):
    assert source.info.label
    assert source.info.name in SOURCES
