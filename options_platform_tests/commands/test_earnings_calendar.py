"""`earnings` of an invented market looks from the newest close of the home, not from today's."""

import json
from datetime import UTC, date, datetime, timedelta

import polars as pl

from options_platform.adapters.sources import open_source, source_options
from options_platform.adapters.storage.home import prepare_home
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.common import PartitionRange
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import close_time
from options_platform.services.market_data.earnings import update_earnings
from options_platform.services.market_data.platform import make_platform
from options_platform.settings import make_settings

START, NEWEST = date(2015, 1, 2), date(2015, 6, 5)
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_a_simulated_home_is_seen_from_its_newest_session(tmp_path, monkeypatch, capsys):
    settings = make_settings(
        {"home": tmp_path, "source": "simulated", "tickers": ("AAPL", "SPY"), "start": START}
    )
    prepare_home(settings)
    platform = make_platform(settings, now=lambda: NOW)
    bars = open_source("simulated", source_options(settings)).bars("AAPL", NEWEST, NEWEST)
    blank = {name: pl.lit(None) for name in RAW_OHLCV.schema if name not in bars.columns}
    rows = bars.with_columns(**{**blank, "fetched_at": pl.lit(NOW)}).select(list(RAW_OHLCV.schema))
    Warehouse(settings.warehouse_path).write([(RAW_OHLCV, rows.cast(dict(RAW_OHLCV.schema)))])
    update_earnings(platform, PartitionRange(START, NEWEST, settings.tickers))
    for name in ("home", "source"):
        monkeypatch.setenv(f"OPTIONS_{name.upper()}", str(getattr(settings, name)))
    monkeypatch.setenv("OPTIONS_TICKERS", "AAPL,SPY")
    monkeypatch.setenv("OPTIONS_START", str(START))

    def printed(*arguments):
        assert main(["earnings", "--json", *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    close = f"{close_time(NEWEST):%Y-%m-%dT%H:%MZ}"
    by_ticker = {row["ticker"]: row for row in printed()}
    assert by_ticker["AAPL"] == {row["ticker"]: row for row in printed("--as-of", close)}["AAPL"]
    report = date.fromisoformat(by_ticker["AAPL"]["date"])
    assert NEWEST <= report <= NEWEST + timedelta(days=120)
    assert 0 <= by_ticker["AAPL"]["sessions_left"] <= 85
    assert by_ticker["SPY"]["date"] is None
    assert printed("AAPL") == printed("AAPL", "--as-of", close)
