"""The findings of `doctor` and `status` in a home and its source."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.contracts import EARNINGS, IV_HISTORY, OPTION_CHAIN
from options_platform.domain.calendar.sessions import shift
from options_platform.services.market_data.diagnosis import diagnose
from options_platform_tests.platform import make_platform_settings, run
from options_platform_tests.scripted import FIRST, LAST, calm_bars, calm_index, changed

NOW = datetime(2024, 3, 29, tzinfo=UTC)
CHAIN_ROW = {
    "date": LAST,
    "ticker": "SPY",
    "contract_symbol": "SPY240419C00100000",
    "expiry": date(2024, 4, 19),
    "right": "call",
    "strike": 100.0,
    "multiplier": 100.0,
    "source": "csv",
    "fetched_at": NOW,
}
IV_ROW = {"date": LAST, "ticker": "SPY", "n_observations": 0}
REPORT = {"date": date(2024, 4, 25), "ticker": "SPY", "source": "csv", "fetched_at": NOW}


def settings_of(tmp_path, **changes):
    folder = tmp_path / "csv"
    folder.mkdir(exist_ok=True)
    for ticker in ("SPY", "QQQ"):
        calm_bars(ticker).write_csv(folder / f"{ticker}.csv")
    calm_index().write_csv(folder / "VIX.csv")
    values = {"source": "csv", "csv_dir": str(folder), "start": FIRST, "end": LAST}
    return make_platform_settings(tmp_path / "home", **values | changes)


def found(settings):
    return {one.what: (one.state, one.detail) for one in diagnose(settings)}


def test_doctor_finds_a_ticker_without_a_file_before_a_run_does(tmp_path):
    state, detail = found(settings_of(tmp_path, tickers=("SPY", "IWM", "DIA")))["source"]
    assert state == "BROKEN"
    assert "has no IWM, DIA; it has QQQ, SPY, VIX" in detail
    assert found(settings_of(tmp_path))["source"][0] == "ok"


def test_doctor_finds_an_index_without_a_file_too(tmp_path):
    state, detail = found(settings_of(tmp_path, iv_symbol={"QQQ": "VXN"}))["indices"]
    assert state == "BROKEN"
    assert "has no VXN; it has QQQ, SPY, VIX" in detail
    settings = settings_of(tmp_path, iv_symbol={"QQQ": "CHAIN"})
    assert found(settings)["indices"] == ("ok", "VIX")
    (tmp_path / "csv" / "VIX.csv").unlink()
    assert found(settings)["indices"][0] == "BROKEN"


def test_doctor_shows_the_layout_of_each_file_and_finds_unreadable_ones(tmp_path):
    settings = settings_of(tmp_path)
    yahoo = "Date,Open,High,Low,Close,Adj Close,Volume\n2024-07-01,1,2,1,2,2,100\n"
    (tmp_path / "csv" / "SPY.csv").write_text(yahoo)
    (tmp_path / "csv" / "QQQ.csv").write_text(yahoo[:-3])
    files = found(settings)
    assert files["file of SPY"] == ("ok", "SPY.csv: bars of the site of Yahoo")
    assert files["file of VIX"] == ("ok", "VIX.csv: index of the csv layout")
    assert files["sessions of SPY"] == ("note", "none from 2023-01-03 to 2024-03-28")
    calm_bars().filter(pl.col("date") <= date(2024, 3, 1)).write_csv(tmp_path / "csv" / "SPY.csv")
    state, detail = found(settings)["sessions of SPY"]
    assert state == "note"
    assert detail.endswith(
        " to 2024-03-01, and the newest session is 2024-03-28: bring the file up to date, or set "
        "end = 2024-03-01 in options.toml"
    )
    state, detail = files["file of QQQ"]
    assert state == "BROKEN"
    assert "QQQ.csv line 2, the last one, lacks its end of line" in detail


def test_doctor_reports_a_source_without_indices(tmp_path):
    settings = make_platform_settings(tmp_path / "home", source="sample", iv_symbol={"QQQ": "VXN"})
    state, detail = found(settings)["indices"]
    assert (state, "sample has no VXN; it has VIX" in detail) == ("BROKEN", True)


def test_doctor_lists_what_the_folder_has(tmp_path):
    settings_of(tmp_path)
    folder = tmp_path / "csv"
    for name in ("SPY_actions.csv", "AAPL_earnings.csv", "notes.txt", "brk.csv"):
        (folder / name).write_text("date\n")
    calm_bars().write_parquet(folder / "BRK.B.parquet")
    info = open_source("csv", SourceOptions(csv_dir=str(folder))).info
    assert info.tickers == info.indices == ("BRK.B", "QQQ", "SPY", "VIX")


def test_doctor_finds_a_home_of_another_market(tmp_path):
    settings = settings_of(tmp_path, tickers=("SPY",))
    run(settings, assets=["raw_ohlcv"])
    assert "market" not in found(settings)
    settings = make_platform_settings(tmp_path / "home", source="simulated")
    state, detail = found(settings)["market"]
    assert (state, "holds bars of source csv" in detail) == ("BROKEN", True)


def one_row(table, values):
    return pl.DataFrame([dict.fromkeys(table.schema.names()) | values], schema=table.schema)


@pytest.fixture
def filled(tmp_path):
    """A home with bars of SPY, a chain, its volatility, a report, and two open entries."""
    settings = settings_of(tmp_path)
    bars = changed(calm_bars(), shift(LAST, -3), close=-1.0)
    bars.write_csv(tmp_path / "csv" / "SPY.csv")
    index = changed(calm_index(), LAST, open=99.0)
    index.write_csv(tmp_path / "csv" / "VIX.csv")
    run(settings, assets=["raw_ohlcv", "vix"], tickers=("SPY",))
    ChainStore(settings.chains_path).write(one_row(OPTION_CHAIN, CHAIN_ROW))
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=5)
    warehouse.upsert(IV_HISTORY, one_row(IV_HISTORY, IV_ROW))
    warehouse.upsert(EARNINGS, one_row(EARNINGS, REPORT))
    return settings


def test_doctor_and_status_list_chains_volatility_earnings_and_open_entries(
    filled, monkeypatch, capsys
):
    findings = found(filled)
    assert findings["raw_ohlcv"][0] == "note"
    assert findings["raw_ohlcv"][1].endswith("none of QQQ")
    for name in ("option_chain", "iv_history", "earnings"):
        assert findings[name][1].startswith("1 row, newest 2024-0"), name
    assert findings["quarantine"] == ("note", "1 row set aside, 1 warning open")
    monkeypatch.setenv("OPTIONS_HOME", str(filled.home))
    monkeypatch.setenv("OPTIONS_SOURCE", "csv")
    monkeypatch.setenv("OPTIONS_TICKERS", "SPY,QQQ")
    monkeypatch.setenv("OPTIONS_CSV_DIR", filled.csv_dir)
    assert main(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    tables = {row["table"]: row for row in status["tables"]}
    assert tables["option_chain"]["tickers"] == tables["iv_history"]["tickers"] == ["SPY"]
    assert tables["earnings"]["last"] == "2024-04-25"
    assert (status["set_aside_rows"], status["open_warnings"]) == (1, 1)
    assert main(["status"]) == 0
    assert "Open in the quarantine: 1 row set aside, 1 warning" in capsys.readouterr().out
