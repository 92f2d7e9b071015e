"""Splits that a source announces are stored before their ex-dates."""

from datetime import UTC, date, datetime

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import CORPORATE_ACTIONS, RAW_OHLCV
from options_platform.services.market_data.bars import UpdateRequest, update_bars
from options_platform.services.market_data.yields_and_tenors import stored_odd_splits

FIRST, LAST, EX_DATE = date(2024, 7, 1), date(2024, 7, 3), date(2024, 7, 12)
BARS = (
    "date,open,high,low,close,adj_close,volume\n"
    "2024-07-01,100,102,99,101,101,1000\n"
    "2024-07-02,101,103,100,102,102,1100\n"
    "2024-07-03,102,104,101,103,103,1200\n"
)


def updated(folder, actions):
    """The warehouse after the bars of a folder were fetched."""
    (folder / "SPY.csv").write_text(BARS)
    (folder / "SPY_actions.csv").write_text("date,dividend,split_ratio\n" + actions)
    source = open_source("csv", SourceOptions(csv_dir=str(folder), cache_dir=folder))
    warehouse = Warehouse(folder / "warehouse.duckdb")
    now = datetime(2024, 7, 4, tzinfo=UTC)
    request = UpdateRequest(start=FIRST, end=LAST, tickers=("SPY",), first=FIRST, overlap=1)
    warehouse.write(update_bars(source, warehouse, request, now).frames(RAW_OHLCV))
    return warehouse


def test_a_split_of_the_next_ten_days_is_stored_with_the_last_bar(tmp_path):
    warehouse = updated(tmp_path, f"2024-07-02,0.5,1\n{EX_DATE},0,1.5\n2024-07-15,0,1.25\n")
    stored = warehouse.read(CORPORATE_ACTIONS)
    assert stored.select("date", "dividend", "split_ratio", "source").rows() == [
        (date(2024, 7, 2), 0.5, 1.0, "csv"),
        (EX_DATE, 0.0, 1.5, "csv"),
    ]
    assert stored_odd_splits(warehouse, ["SPY"]).rows() == [("SPY", EX_DATE)]
