import json
import math
import os
import subprocess
import sys
import textwrap
from datetime import date, datetime, time

import polars as pl
import pytest

from options_platform.adapters.sources.yahoo.source import YahooSource
from options_platform.domain.calendar.sessions import NEW_YORK, sessions, shift
from options_platform.domain.market.bars import clean_bars
from options_platform.domain.market.index_series import align_indices
from options_platform.errors import SourceError, UsageError
from options_platform.testing.market import NOW
from options_platform_tests.fakes.yahoo_server import (
    LAST,
    Rewritten,
    YahooServer,
    bars_of,
    chart,
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


def test_a_history_is_one_request_after_one_for_the_cookie_and_one_for_the_crumb(yahoo, source):
    yahoo.charts |= {name: chart(name, bars_of()) for name in ("SPY", "QQQ", "^VIX")}
    for ticker in ("SPY", "QQQ"):
        source.bars(ticker, *SPAN)
    source.index_bars("VIX", *SPAN)
    assert [path.rsplit("/", 1)[-1] for path in yahoo.requests][-3:] == ["SPY", "QQQ", "^VIX"]
    assert len(yahoo.requests) <= 5


def test_an_index_is_requested_under_yahoos_symbol(yahoo, source):
    yahoo.charts["^VIX"] = chart("^VIX", bars_of())
    closes = source.index_bars("VIX", *SPAN)
    assert closes["symbol"].unique().to_list() == ["VIX"]
    assert closes["date"].max() == SPAN[1]


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


def test_a_bar_after_the_requested_end_is_left_out(yahoo, source):
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


def test_a_history_that_ends_early_is_retried_and_then_an_error(yahoo, source, pauses):
    yahoo.charts["SPY"] = chart("SPY", bars_of(date(2024, 6, 28)))
    with pytest.raises(SourceError, match="ends 2024-06-28, before 2024-07-12"):
        source.bars("SPY", SPAN[0], LAST)
    assert len(pauses) == 3


# Row 14 is 2024-06-24.
BAD = {
    "null close": {(14, "close"): None},
    "negative price": {(14, "low"): -5.0},
    "zero price": {(14, "open"): 0.0},
    "all null": {(14, name): None for name in ("open", "high", "low", "close", "volume")},
    "all zero": {(14, name): 0.0 for name in ("open", "high", "low", "close", "volume")},
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_bar_comes_through_for_the_quarantine_to_judge(yahoo, source, bad):
    yahoo.charts["SPY"] = chart("SPY", bars_of(), changed=BAD[bad])
    bars = source.bars("SPY", *SPAN)
    assert bars.height == 21
    (row,) = bars.filter(pl.col("date") == date(2024, 6, 24)).to_dicts()
    assert {name: row[name] for (_, name) in BAD[bad] if name != "volume"} == {
        name: value for (_, name), value in BAD[bad].items() if name != "volume"
    }
    found = clean_bars(bars, sessions(*SPAN), "yahoo", NOW)
    assert found.quarantined["date"].to_list() == [date(2024, 6, 24)]


def test_a_session_that_the_source_drops_is_missing_and_others_stay(yahoo, source):
    rows = [row for row in bars_of() if row[0] != date(2024, 6, 24)]
    yahoo.charts["SPY"] = chart("SPY", rows)
    found = clean_bars(source.bars("SPY", *SPAN), sessions(*SPAN), "yahoo", NOW)
    assert found.quarantined.select("date", "rule").rows() == [(date(2024, 6, 24), "missing")]


def test_both_bars_of_a_repeated_day_are_returned_although_yfinance_keeps_one(yahoo, source):
    rows = bars_of()
    rows.insert(15, (date(2024, 6, 24), 500.0, 7))
    yahoo.charts["SPY"] = chart("SPY", rows)
    bars = source.bars("SPY", *SPAN)
    day = pl.col("date") == date(2024, 6, 24)
    assert bars.filter(day)["close"].to_list() == [114.0, 500.0]
    assert bars.filter(~day).height == 20
    found = clean_bars(bars, sessions(*SPAN), "yahoo", NOW)
    assert found.quarantined["rule"].unique().to_list() == ["duplicate_conflict"]


def test_the_running_price_that_yahoo_appends_is_not_a_bar(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of(), live=128.5)
    bars = source.bars("SPY", SPAN[0], LAST)
    assert bars.filter(pl.col("date") == LAST)["close"].to_list() == [128.5]


@pytest.mark.parametrize(
    ("day", "hour", "final"),
    [
        (date(2024, 7, 12), (15, 59), False),
        (date(2024, 7, 12), (16, 29), False),
        (date(2024, 7, 12), (16, 30), True),
        (date(2024, 7, 3), (13, 29), False),  # a half day
        (date(2024, 7, 3), (13, 30), True),
    ],
)
def test_a_bar_that_is_not_final_is_left_out_and_is_an_error_if_requested(yahoo, day, hour, final):
    with Rewritten(yahoo.address) as session:
        source = YahooSource(
            cache_dir=None,
            session=session,
            sleep=lambda _: None,
            now=lambda: datetime.combine(day, time(*hour), NEW_YORK),
        )
        yahoo.charts |= {name: chart(name, bars_of(day)) for name in ("SPY", "^VIX")}
        closes = source.index_bars("VIX", SPAN[0], day)
        assert (closes["date"].max() == day) is final
        if final:
            assert source.bars("SPY", SPAN[0], day)["date"].max() == day
        else:
            with pytest.raises(SourceError, match=f"session {day} is not final before"):
                source.bars("SPY", SPAN[0], day)
            before = shift(day, -1)
            assert source.bars("SPY", SPAN[0], before)["date"].max() == before


@pytest.mark.parametrize(
    ("start", "end"),
    [(date(2024, 3, 4), date(2024, 3, 15)), (date(2024, 10, 28), date(2024, 11, 8))],
)
def test_the_weeks_around_a_change_of_clocks_keep_their_sessions(yahoo, source, start, end):
    days = sessions(start, end)
    yahoo.charts["SPY"] = chart("SPY", [(day, 100.0, 1) for day in days])
    assert source.bars("SPY", start, end)["date"].to_list() == days


def test_a_half_day_is_a_session_like_others(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    assert date(2024, 7, 3) in source.bars("SPY", *SPAN)["date"].to_list()


def test_a_restated_history_is_returned_as_it_is_now(yahoo, source):
    yahoo.charts["SPY"] = chart("SPY", bars_of())
    before = source.bars("SPY", *SPAN)
    split = (date(2024, 7, 11), 4)
    quartered = [(day, close / 4, volume * 4) for day, close, volume in bars_of()]
    yahoo.charts["SPY"] = chart("SPY", quartered, split=split)
    after = source.bars("SPY", *SPAN)
    assert after["split_factor"].unique().to_list() == [4.0]
    assert (after["close"] * after["split_factor"]).to_list() == before["close"].to_list()


@pytest.mark.parametrize("value", [None, math.nan])
def test_an_index_without_a_value_keeps_its_null(yahoo, source, value):
    text = chart("^VIX", bars_of(), changed={(14, "close"): value})
    yahoo.charts["^VIX"] = text
    closes = source.index_bars("VIX", *SPAN)
    assert closes.filter(pl.col("date") == date(2024, 6, 24))["close"].to_list() == [None]


def test_a_stale_index_is_returned_up_to_its_last_close(yahoo, source):
    yahoo.charts["^VIX"] = chart("^VIX", bars_of(date(2024, 6, 28)))
    assert source.index_bars("VIX", *SPAN)["date"].max() == date(2024, 6, 28)


def test_an_index_without_a_close_in_the_range_is_retried_and_then_an_error(yahoo, source, pauses):
    july = (date(2024, 7, 1), date(2024, 7, 10))
    yahoo.charts["^VIX"] = chart("^VIX", bars_of(date(2024, 6, 28)))
    with pytest.raises(SourceError, match=r"\^VIX for 2024-07-01 to 2024-07-10 .*of 2024-06-28"):
        source.index_bars("VIX", *july)
    assert len(pauses) == 3
    bars = bars_of()
    nulls = {(row, "close"): None for row in range(len(bars))}
    yahoo.charts["^VIX"] = chart("^VIX", bars, changed=nulls)
    with pytest.raises(SourceError, match="holds no close at all"):
        source.index_bars("VIX", *july)


def test_index_rows_on_a_holiday_come_through_and_are_dropped_by_the_alignment(yahoo, source):
    rows = [*bars_of(), (date(2024, 7, 4), 12.0, 0)]
    yahoo.charts["^VIX"] = chart("^VIX", sorted(rows))
    closes = source.index_bars("VIX", *SPAN)
    assert date(2024, 7, 4) in closes["date"].to_list()
    keys = pl.DataFrame({"date": sessions(*SPAN)}).with_columns(ticker=pl.lit("SPY"))
    aligned = align_indices(keys, closes, {"SPY": "VIX"}, "yahoo", NOW)
    assert aligned["vix_age"].unique().to_list() == [0]
    assert 12.0 not in aligned["vix"].to_list()


@pytest.mark.parametrize("symbol", ["VIX", "VIX9D", "VIX3M", "VIX6M", "VXN", "RVX"])
def test_volatility_indices_are_requested_with_a_caret(yahoo, source, symbol):
    yahoo.charts[f"^{symbol}"] = chart(f"^{symbol}", bars_of(), kind="INDEX")
    assert source.index_bars(symbol, *SPAN)["symbol"].unique().to_list() == [symbol]


def recorded_chart(reference_data, name):
    path = reference_data / "fixtures" / "yahoo" / f"{name}.json"
    return json.dumps(json.loads(path.read_text())["response"]["body"])


def test_a_recorded_split_of_four_to_one_never_looks_like_a_return(yahoo, source, reference_data):
    name = "historical-via-chart-NVDA-split-2021-02-01-to-2022-01-31.csv"
    yahoo.charts["NVDA"] = recorded_chart(reference_data, name)
    span = (date(2021, 2, 1), date(2022, 1, 28))
    bars = source.bars("NVDA", *span)
    assert bars["date"].to_list() == sessions(*span)
    split = date(2021, 7, 20)
    assert bars.filter(pl.col("split_ratio") != 1.0).select("date", "split_ratio").rows() == [
        (split, 4.0)
    ]
    assert bars["close"].pct_change().abs().max() < 0.15
    as_traded = bars.with_columns(pl.col("close") * pl.col("split_factor"))
    assert as_traded.filter(pl.col("date") == split)["split_factor"].item() == 1.0
    assert as_traded["close"].pct_change().min() < -0.7
    found = clean_bars(bars, sessions(*span), "yahoo", NOW)
    assert found.quarantined.is_empty()


def test_recorded_dividends_are_on_their_ex_dates(yahoo, source, reference_data):
    name = "historical-via-chart-MSFT-dividends-2021-02-01-to-2022-01-31.csv"
    yahoo.charts["MSFT"] = recorded_chart(reference_data, name)
    bars = source.bars("MSFT", date(2021, 2, 1), date(2021, 7, 30))
    paid = bars.filter(pl.col("dividend") > 0).select("date", "dividend").rows()
    assert paid == [(date(2021, 2, 17), 0.56), (date(2021, 5, 19), 0.56)]


FETCH = """
    import sys
    from pathlib import Path
    from options_platform.adapters.sources.yahoo.source import YahooSource
    from options_platform_tests.adapters.sources.yahoo.test_yahoo import SPAN
    from options_platform_tests.fakes.yahoo_server import Rewritten

    with Rewritten(sys.argv[1]) as session:
        source = YahooSource(cache_dir=Path(sys.argv[2]), session=session)
        print(source.bars("SPY", *SPAN).height)
"""


def test_yfinance_writes_nothing_anywhere(yahoo, tmp_path):
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
    # Nor there: yfinance keeps its cookie in memory, since its files bear no two processes.
    assert not cache.exists()
