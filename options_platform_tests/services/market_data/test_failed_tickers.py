"""What is remembered of tickers whose source has failed, and when it is forgotten."""

from datetime import UTC, date, datetime

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS, RAW_OHLCV, VIX
from options_platform.errors import SourceError
from options_platform.services.market_data.failed_tickers import (
    failed,
    in_words,
    record_failures,
    withheld,
    without,
)

NOW = datetime(2024, 6, 4, 6, tzinfo=UTC)
DAY, BEFORE, LATER = date(2024, 6, 3), date(2020, 12, 31), date(2024, 6, 4)
TICKERS = ("SPY", "AAPL")


@pytest.fixture
def warehouse(tmp_path):
    return Warehouse(tmp_path / "w.duckdb", wait_seconds=5.0)


def told(warehouse, table, end, failures=None, start=None):
    asked = PartitionRange(start or end, end, TICKERS)
    record_failures(warehouse, table, asked, failures or {}, NOW)


def test_it_is_left_out_from_its_first_session_until_it_answers_about_it(warehouse):
    assert withheld(warehouse, TICKERS, DAY) == {}
    told(warehouse, RAW_OHLCV, DAY, {"AAPL": SourceError("no answer\n  at all")})
    assert withheld(warehouse, TICKERS, DAY) == {"AAPL": "no answer at all"}
    assert withheld(warehouse, TICKERS, BEFORE) == {}
    # An answer about other sessions does not bring the missing one.
    told(warehouse, RAW_OHLCV, BEFORE)
    told(warehouse, VIX, LATER)
    assert withheld(warehouse, TICKERS, LATER) == {"AAPL": "no answer at all"}
    told(warehouse, RAW_OHLCV, LATER)
    assert withheld(warehouse, TICKERS, LATER) == {}


def test_of_two_failures_the_first_cause_is_named_and_dates_alone_leave_nobody_out(warehouse):
    told(warehouse, VIX, DAY, {"AAPL": "no index"})
    told(warehouse, RAW_OHLCV, DAY, {"AAPL": "no bars"})
    told(warehouse, EARNINGS, DAY, {"SPY": "no dates"})
    assert withheld(warehouse, TICKERS, DAY) == {"AAPL": "no bars"}
    assert failed(warehouse, TICKERS, DAY) == {"SPY": "no dates", "AAPL": "no bars"}
    assert in_words({"AAPL": "no bars"}) == "AAPL failed: no bars"
    left = without(PartitionRange(DAY, DAY, TICKERS), {"AAPL": "no bars"})
    assert left.tickers == ("SPY",)
