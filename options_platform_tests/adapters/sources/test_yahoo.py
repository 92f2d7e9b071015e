import json
import os
import subprocess
import sys
import textwrap
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources.yahoo import YahooSource
from options_platform.errors import SourceError, UsageError
from options_platform_tests.fakes.yahoo_server import (
    LAST,
    Rewritten,
    YahooServer,
    bars_of,
    chart,
    refusal,
)

SPAN = (date(2024, 6, 10), date(2024, 7, 10))


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
        yield YahooSource(cache_dir=tmp_path / "cache", session=session, sleep=pauses.append)


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


def test_a_history_is_one_request(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    source.bars("SPY", *SPAN)
    assert sum("/chart/" in path for path in yahoo.requests) == 1


def test_an_index_is_asked_for_under_yahoos_name(yahoo, source):
    yahoo.charts["^VIX"] = chart("^VIX", bars_of())
    closes = source.index_bars("VIX", *SPAN)
    assert closes["symbol"].unique().to_list() == ["VIX"]
    assert closes["date"].max() == SPAN[1]


# fault -> what the server answers, and what the error calls it
FAULTS = {
    "too many requests": ((429, "Too Many Requests"), "Too Many Requests"),
    "server error": ((500, "{}"), "holds no prices"),
    "explained error": ((500, refusal("Internal Server Error")), "Internal Server Error"),
    "maintenance": ((200, "<html><body>Will be right back</body></html>"), "CURRENTLY DOWN"),
    "html": ((503, "<html><body>No server is available</body></html>"), "no JSON"),
    "cut json": ((200, chart("SPY", bars_of())[:200]), "cut short"),
    "empty result": ((200, '{"chart": {"result": [], "error": null}}'), "holds no prices"),
    "not a chart": ((200, "[]"), "holds no prices"),
    "empty body": ((200, ""), "no JSON"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_lasting_fault_is_an_error_that_names_ticker_dates_and_cause(
    yahoo, source, pauses, fault
):
    answer, cause = FAULTS[fault]
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    yahoo.faults.extend([answer] * 100)
    with pytest.raises(SourceError, match="SPY for 2024-06-10 to 2024-07-10") as error:
        source.bars("SPY", *SPAN)
    assert cause in str(error.value)
    assert "\n" not in str(error.value)
    assert len(pauses) == 2
    assert len(yahoo.requests) < 40


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_outlived(yahoo, source, fault):
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    yahoo.faults.append(FAULTS[fault][0])
    assert source.bars("SPY", *SPAN).height == 21


def test_an_unknown_ticker_is_an_error(source, pauses):
    with pytest.raises(SourceError, match=r"NOSUCH for 2024-06-10 to 2024-07-10.*No data found"):
        source.bars("NOSUCH", *SPAN)
    assert len(pauses) == 2


def test_an_unknown_index_is_an_error(source):
    with pytest.raises(SourceError, match=r"\^NOSUCH"):
        source.index_bars("NOSUCH", *SPAN)


@pytest.mark.parametrize("ticker", ["../x", "'; drop table", "spy", "SPY?x=1"])
def test_a_hostile_ticker_never_reaches_the_network(yahoo, source, ticker):
    with pytest.raises(UsageError):
        source.bars(ticker, *SPAN)
    assert yahoo.requests == []


def test_splits_multiply_to_the_factor_of_prices_as_traded(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of(), split=(date(2024, 6, 24), 3))
    bars = source.bars("SPY", *SPAN)
    before = pl.col("date") < date(2024, 6, 24)
    assert bars.filter(before)["split_factor"].unique().to_list() == [3.0]
    assert bars.filter(~before)["split_factor"].unique().to_list() == [1.0]
    assert bars.filter(pl.col("split_ratio") != 1.0)["date"].to_list() == [date(2024, 6, 24)]


def test_a_bar_after_the_asked_end_is_left_out(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    assert source.bars("SPY", *SPAN)["date"].max() == SPAN[1] < LAST


def test_the_fake_answers_in_the_shape_that_was_recorded(reference_data):
    path = reference_data / "fixtures" / "yahoo" / "chart-QQQ-2020-01-01-to-2020-01-03.json"
    recorded = json.loads(path.read_text())["response"]["body"]
    recorded = json.loads(recorded) if isinstance(recorded, str) else recorded
    ours = json.loads(chart("QQQ", bars_of()))["chart"]["result"][0]
    theirs = recorded["chart"]["result"][0]
    assert set(ours["meta"]) <= set(theirs["meta"])
    assert set(ours) <= {*theirs, "events"}
    for name, values in theirs["indicators"].items():
        assert set(ours["indicators"][name][0]) == set(values[0])


def test_a_history_that_ends_early_is_an_error(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of(date(2024, 6, 28)))
    with pytest.raises(SourceError, match="ends 2024-06-28"):
        source.bars("SPY", SPAN[0], LAST)


FETCH = """
    import sys
    from pathlib import Path
    from options_platform.adapters.sources.yahoo import YahooSource
    from options_platform_tests.adapters.sources.test_yahoo import SPAN
    from options_platform_tests.fakes.yahoo_server import Rewritten

    with Rewritten(sys.argv[1]) as session:
        source = YahooSource(cache_dir=Path(sys.argv[2]), session=session)
        print(source.bars("SPY", *SPAN).height)
"""


def test_nothing_is_written_outside_the_cache_folder(yahoo, tmp_path):
    # A process of its own, since yfinance settles its cache folder when it is imported.
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(home),
        "TMPDIR": str(home),
    }
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FETCH), yahoo.address, str(cache)],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.strip() == "21", done.stderr
    assert list(home.rglob("*")) == []
    assert any(cache.iterdir())
