"""Which index a ticker is priced on: set, stored, its own, else the VIX; and it stays so."""

import logging
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.sources import open_source, source_options
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import VIX
from options_platform.domain.calendar.sessions import shift
from options_platform.errors import SourceError, UnknownSymbolError
from options_platform.services.market_data.diagnosis import diagnose
from options_platform.services.market_data.own_indices import resolved_iv_symbols
from options_platform_tests.platform import make_platform_settings, run
from options_platform_tests.scripted import FIRST, LAST, ScriptedSource, calm_bars, calm_index
from options_platform_tests.updating import NOW

TICKERS = ("SPY", "QQQ", "MSFT")


class Indices(ScriptedSource):
    """A source with the given indices; it does not know others."""

    def __init__(self, **indices):
        super().__init__(*TICKERS)
        self.indices |= indices

    def index_bars(self, symbol, start, end):
        if symbol not in self.indices:
            raise UnknownSymbolError(f"scripted has no {symbol}")
        return super().index_bars(symbol, start, end)


def settings_of(tmp_path, **changes):
    values = {"tickers": TICKERS, "start": FIRST, "end": LAST}
    return make_platform_settings(tmp_path / "home", **values | changes)


def resolve(settings, source, tickers=TICKERS):
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    return resolved_iv_symbols(settings, source, warehouse, NOW, tickers)


def csv_settings(tmp_path, *indices, **changes):
    folder = tmp_path / "csv"
    folder.mkdir(parents=True, exist_ok=True)
    for ticker in TICKERS:
        calm_bars(ticker).write_csv(folder / f"{ticker}.csv")
    for symbol in ("VIX", *indices):
        calm_index(symbol).write_csv(folder / f"{symbol}.csv")
    return settings_of(tmp_path, source="csv", csv_dir=str(folder), **changes)


def stored_symbols(settings):
    rows = Warehouse(settings.warehouse_path, wait_seconds=5).read(VIX)
    return {(ticker, symbol) for _, ticker, symbol, *_ in rows.iter_rows()}


def notes(settings):
    return {one.what: one.detail for one in diagnose(settings) if one.what.startswith("index of")}


def test_a_ticker_is_priced_on_its_own_index_where_the_source_has_it(tmp_path):
    settings = settings_of(tmp_path)
    source = Indices(VXN=calm_index("VXN"))
    assert resolve(settings, source) == {"SPY": "VIX", "QQQ": "VXN", "MSFT": "VIX"}
    # The VIX needs no request, and MSFT has no index to ask for.
    assert [asked[0] for asked in source.asked] == ["VXN"]
    assert resolve(settings, Indices())["QQQ"] == "VIX"


def test_the_index_that_is_set_comes_first(tmp_path):
    settings = settings_of(tmp_path, iv_symbol={"QQQ": "VIX", "MSFT": "CHAIN"})
    source = Indices(VXN=calm_index("VXN"))
    assert resolve(settings, source) == {"SPY": "VIX", "QQQ": "VIX", "MSFT": "CHAIN:MSFT"}
    assert source.asked == []


@pytest.mark.parametrize(("sessions_ago", "symbol"), [(0, "VXN"), (4, "VXN"), (5, "VIX")])
def test_an_index_that_ended_is_not_chosen(tmp_path, sessions_ago, symbol, caplog):
    index = calm_index("VXN").filter(pl.col("date") <= shift(LAST, -sessions_ago))
    with caplog.at_level(logging.WARNING):
        assert resolve(settings_of(tmp_path), Indices(VXN=index))["QQQ"] == symbol
    ended = f"its last close is of {shift(LAST, -sessions_ago)}" if symbol == "VIX" else ""
    assert ended in caplog.text


def test_a_home_that_ends_before_its_index_did_takes_it(tmp_path):
    """VXAPL ends on 2022-05-09: a home of 2021 has it, one of later years does not."""
    index = calm_index("VXN").filter(pl.col("date") <= shift(LAST, -100))
    settings = settings_of(tmp_path, end=shift(LAST, -102))
    assert resolve(settings, Indices(VXN=index))["QQQ"] == "VXN"
    late = settings_of(tmp_path, start=shift(LAST, -50))
    assert resolve(late, Indices(VXN=index))["QQQ"] == "VIX"


def test_a_source_that_fails_decides_nothing(tmp_path):
    class Failing(Indices):
        def index_bars(self, symbol, start, end):
            raise SourceError("scripted gave no bars of VXN (HTTP 429); try again later")

    with pytest.raises(SourceError, match=r"cannot be decided.*OPTIONS_IV_SYMBOL__QQQ=VIX"):
        resolve(settings_of(tmp_path), Failing())


def test_a_damaged_file_is_not_taken_for_a_missing_one(tmp_path):
    settings = csv_settings(tmp_path)
    (tmp_path / "csv" / "VXN.csv").write_text("date,close\n2024-03-28,abc\n")
    with pytest.raises(SourceError, match=r"VXN.csv line 2"):
        resolve(settings, open_source("csv", source_options(settings)))


@pytest.mark.long
def test_a_stored_home_keeps_its_index_and_doctor_says_how_to_change_it(tmp_path):
    settings = csv_settings(tmp_path)
    run(settings, assets=["raw_ohlcv", "vix"], end=shift(LAST, -1))
    settings = csv_settings(tmp_path, "VXN")
    run(settings, assets=["raw_ohlcv", "vix"], start=LAST)
    assert stored_symbols(settings) == {(ticker, "VIX") for ticker in TICKERS}
    shown = notes(settings)
    assert set(shown) == {"index of QQQ", "index of MSFT"}
    assert "is priced on the VIX, which is not its own volatility" in shown["index of QQQ"]
    assert "OPTIONS_IV_SYMBOL__QQQ=VXN options-platform backfill" in shown["index of QQQ"]
    assert "no index of its own" in shown["index of MSFT"]
    changed = csv_settings(tmp_path, "VXN", iv_symbol={"QQQ": "VXN"})
    run(changed, assets=["raw_ohlcv", "vix"])
    # Without the setting it is kept from then on.
    run(settings, assets=["raw_ohlcv", "vix"], start=LAST)
    assert stored_symbols(settings) == {("SPY", "VIX"), ("QQQ", "VXN"), ("MSFT", "VIX")}
    assert set(notes(settings)) == {"index of MSFT"}


@pytest.mark.long
def test_one_ticker_has_one_symbol_in_one_run_or_several(tmp_path):
    whole = csv_settings(tmp_path / "whole", "VXN")
    run(whole, assets=["raw_ohlcv", "vix"])
    parts = csv_settings(tmp_path / "parts", "VXN")
    middle = date(2023, 8, 1)
    for span in ({"end": middle}, {"start": shift(middle, 1)}):
        run(parts, assets=["raw_ohlcv", "vix"], **span)
    tables = [
        Warehouse(home.warehouse_path, wait_seconds=5).read(VIX).drop("fetched_at")
        for home in (whole, parts)
    ]
    assert tables[0].equals(tables[1])
    assert stored_symbols(parts) == {("SPY", "VIX"), ("QQQ", "VXN"), ("MSFT", "VIX")}


@pytest.mark.long
def test_doctor_says_that_a_kept_index_has_ended(tmp_path):
    settings = csv_settings(tmp_path, "VXN")
    run(settings, assets=["raw_ohlcv", "vix"], end=shift(LAST, -20))
    short = calm_index("VXN").filter(pl.col("date") <= shift(LAST, -10))
    short.write_csv(tmp_path / "csv" / "VXN.csv")
    run(settings, assets=["raw_ohlcv", "vix"], start=shift(LAST, -19))
    note = notes(settings)["index of QQQ"]
    assert f"VXN has no close since {shift(LAST, -9)}" in note
    assert "OPTIONS_IV_SYMBOL__QQQ=VIX options-platform backfill" in note
