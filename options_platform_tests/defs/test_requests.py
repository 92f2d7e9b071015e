"""The number of HTTP requests of the assets, and their rate limit."""

import json
from datetime import UTC, date, datetime
from functools import partial

import polars as pl
import pytest

from options_platform.adapters.sources.alpaca import session as alpaca_session
from options_platform.adapters.sources.yahoo import session as yahoo_session
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.domain.calendar.sessions import sessions
from options_platform.reporting.report import write_report
from options_platform_tests.fakes import alpaca_server, yahoo_server
from options_platform_tests.platform import make_platform_settings, run

FIRST, LAST = date(2024, 6, 3), date(2024, 7, 12)
TICKERS = ("AAA", "BBB", "CCC")
RAW = ["raw_ohlcv", "vix"]


@pytest.fixture
def yahoo(monkeypatch):
    with yahoo_server.YahooServer() as server:
        bars = yahoo_server.bars_of()
        for name in (*TICKERS, "^VIX", "^VXN"):
            server.charts[name] = yahoo_server.chart(name, bars)
        session = partial(yahoo_session.YahooSession, address=server.address)
        monkeypatch.setattr(yahoo_session, "YahooSession", session)
        yield server


@pytest.fixture
def alpaca(monkeypatch):
    monkeypatch.setenv("APCA_API_KEY_ID", alpaca_server.KEYS.key)
    monkeypatch.setenv("APCA_API_SECRET_KEY", alpaca_server.KEYS.secret)
    with alpaca_server.AlpacaServer() as server:
        server.bars |= {name: alpaca_server.bars_of() for name in TICKERS}
        session = partial(alpaca_session.AlpacaSession, address=server.address)
        monkeypatch.setattr(alpaca_session, "AlpacaSession", session)
        yield server


def settings_of(tmp_path, **changes):
    span = {"start": FIRST, "end": LAST, "tickers": TICKERS}
    return make_platform_settings(tmp_path / "home", **span, **changes)


def rows_of(settings, table):
    return Warehouse(settings.warehouse_path, wait_seconds=30.0).read(table)


def test_a_backfill_requests_each_ticker_and_kind_once_within_the_rate_limit(tmp_path, yahoo):
    settings = settings_of(tmp_path, source="yahoo", iv_symbol={"BBB": "VXN"})
    run(settings, assets=RAW)
    charts = [path.rsplit("/", 1)[-1] for path in yahoo.requests if "/chart/" in path]
    assert sorted(charts) == sorted([*TICKERS, "^VIX", "^VXN"])
    assert rows_of(settings, RAW_OHLCV).height == len(TICKERS) * len(sessions(FIRST, LAST))
    stamps = json.loads((settings.home / "cache" / "yahoo-requests.json").read_text())
    assert len(stamps) == len(yahoo.requests)


def test_rows_of_a_fallback_name_it_in_the_warehouse(tmp_path, yahoo, alpaca):
    # Alpaca has no indices; Yahoo has lost one ticker.
    del yahoo.charts["BBB"]
    settings = settings_of(tmp_path, source="yahoo", fallback_sources=("alpaca",))
    run(settings, assets=RAW)
    given = rows_of(settings, RAW_OHLCV).select("ticker", "source").unique().sort("ticker")
    assert given.rows() == [("AAA", "yahoo"), ("BBB", "alpaca"), ("CCC", "yahoo")]
    assert rows_of(settings, VIX)["source"].unique().to_list() == ["yahoo"]
    assert alpaca.count("/bars") == 1
    # Those of the bars, and for each ticker the splits that are announced, which Yahoo does not.
    assert alpaca.count("/corporate-actions") == 1 + 3


def test_no_key_reaches_the_home(tmp_path, yahoo, alpaca):
    settings = settings_of(tmp_path, source="alpaca", fallback_sources=("yahoo",))
    alpaca.faults.append((500, json.dumps({"message": f"no {alpaca_server.KEYS.secret}"})))
    alpaca.faults.append((403, json.dumps({"message": f"no {alpaca_server.KEYS.key}"})))
    run(settings, assets=RAW)
    given = rows_of(settings, RAW_OHLCV)
    assert given.filter(pl.col("source") == "alpaca")["ticker"].unique().sort().to_list() == [
        "BBB",
        "CCC",
    ]
    report = write_report(
        settings, Warehouse(settings.warehouse_path, wait_seconds=30.0), now=datetime.now(UTC)
    )
    kept = [path for path in settings.home.rglob("*") if path.is_file()]
    assert report in kept
    assert len(kept) > 3
    for path in kept:
        content = path.read_bytes()
        for canary in (alpaca_server.KEYS.key, alpaca_server.KEYS.secret):
            assert canary.encode() not in content, path
