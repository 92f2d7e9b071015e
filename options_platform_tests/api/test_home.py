"""A home is opened to be read: frames of any table, by tickers and dates."""

from datetime import date

import pytest

from options_platform.adapters.storage.tables import tables
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.api import open_home
from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import HomeError, IncompleteDataError, SettingsError, UsageError


def test_the_settings_are_those_of_the_commands_with_values_over_them(
    simulated_home, asked, monkeypatch
):
    monkeypatch.setenv("OPTIONS_HOME", str(simulated_home.home))
    monkeypatch.setenv("OPTIONS_WORKERS", "1")
    changes = {"exits.credit_stop": 1.5, "iron_condor_enabled": False, "max_risk_usd": None}
    made = open_home(settings=asked | changes).settings
    assert made.home == simulated_home.home
    assert (made.tickers, made.start, made.workers) == (("SPY", "QQQ"), simulated_home.start, 1)
    assert (made.exits.credit_stop, made.iron_condor_enabled, made.max_risk_usd) == (
        1.5, False, None,
    )  # fmt: skip


def test_every_table_can_be_read(home, simulated_home):
    warehouse = Warehouse(simulated_home.warehouse_path)
    assert set(home.tables) == set(tables())
    for name in ("raw_ohlcv", "features", "labels", "direction_model", "trade_plan", "model_folds"):
        assert home.frame(name).equals(warehouse.read(tables()[name]))
        assert home.frame(name).height > 0


def test_a_frame_has_the_tickers_sessions_and_columns_that_are_asked_for(home):
    columns = ["date", "ticker", "close"]
    bars = home.frame(
        "raw_ohlcv", tickers="QQQ", start="2016-03-01", end=date(2016, 6, 30), columns=columns
    )
    assert bars.columns == columns
    assert bars["date"].to_list() == sessions(date(2016, 3, 1), date(2016, 6, 30))
    assert bars["ticker"].unique().to_list() == ["QQQ"]
    assert home.frame("raw_ohlcv", tickers=[]).is_empty()
    assert home.frame("raw_ohlcv", start="2031-01-01").schema == tables()["raw_ohlcv"].schema


def test_a_pandas_frame_has_the_same_values_by_key(home):
    rows = {"tickers": "SPY", "start": "2017-03-01"}
    made, plain = home.pandas("features", **rows), home.frame("features", **rows)
    assert made.index.names == ["date", "ticker"]
    assert made["rsi_14"].to_list() == plain["rsi_14"].to_list()
    assert home.pandas("features", columns=["rsi_14"], **rows).shape == (plain.height, 1)


@pytest.mark.parametrize(
    ("table", "rows", "message"),
    [
        ("featurs", {}, "no table 'featurs'; did you mean features?"),
        ("features", {"columns": ["rsi_41"]}, "no column 'rsi_41'; did you mean rsi_14?"),
        ("features", {"start": "1.3.2016"}, "'1.3.2016' is no date; write it as YYYY-MM-DD"),
        ("trials", {"tickers": "SPY"}, "trials has no column ticker"),
        ("model_folds", {"end": "2016-03-01"}, "model_folds has no column date"),
    ],
)
def test_a_wrong_request_says_in_one_line_what_to_do(home, table, rows, message):
    with pytest.raises(UsageError, match=r"^[^\n]*$") as error:
        home.frame(table, **rows)
    assert message in str(error.value)


def test_a_folder_without_a_home_is_named_and_left_as_it_is(tmp_path):
    with pytest.raises(IncompleteDataError, match="options-platform demo"):
        open_home(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_setting_is_named(simulated_home):
    with pytest.raises(SettingsError, match=r"(?i)did you mean .*credit_stop"):
        open_home(simulated_home.home, settings={"exits.credit_stp": 1.0})


def test_a_home_of_a_newer_version_is_refused(tmp_path):
    (tmp_path / "warehouse.duckdb").touch()
    (tmp_path / "home.json").write_text('{"layout": 99, "version": "9.0"}')
    with pytest.raises(HomeError, match=r"was written by options-platform 9\.0"):
        open_home(tmp_path)


def test_reading_leaves_the_warehouse_to_others_at_once(home, simulated_home):
    home.frame("features", tickers="SPY")
    other = Warehouse(simulated_home.warehouse_path, wait_seconds=0.0)
    assert other.has(tables()["features"])
