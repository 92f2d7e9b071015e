from datetime import date
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster._core.storage.tags import PARTITION_NAME_TAG

from options_platform.common import PartitionRange
from options_platform.contracts import DIRECTION_MODEL, RAW_OHLCV
from options_platform.defs.shared.context import run_range, selected_range, table_schema
from options_platform.defs.shared.partitions import partition_key, range_tags
from options_platform.errors import UsageError
from options_platform.settings import make_settings


@pytest.fixture
def settings(tmp_path):
    return make_settings({"home": tmp_path, "source": "simulated", "tickers": ("SPY", "QQQ")})


def in_run(tags):
    return SimpleNamespace(run=SimpleNamespace(tags=tags))


def test_a_run_covers_the_range_of_its_tags_or_its_one_partition(settings):
    wide = PartitionRange(date(2024, 7, 1), date(2024, 7, 5), ("SPY", "QQQ"))
    assert run_range(in_run(range_tags(wide)), settings) == wide
    one = str(partition_key(date(2024, 7, 5), "QQQ"))
    narrow = PartitionRange(date(2024, 7, 5), date(2024, 7, 5), ("QQQ",))
    assert run_range(in_run({PARTITION_NAME_TAG: one}), settings) == narrow


def test_a_run_without_partitions_has_no_range_and_assets_refuse_it(settings):
    assert run_range(in_run({}), settings) is None
    with pytest.raises(dg.DagsterInvariantViolationError, match="choose partitions"):
        selected_range(in_run({}), settings)


def test_a_range_that_runs_backwards_raises_instead_of_selecting_nothing(settings):
    backwards = PartitionRange(date(2024, 7, 1), date(2024, 7, 5), ("QQQ", "SPY"))
    with pytest.raises(UsageError, match="backwards"):
        selected_range(in_run(range_tags(backwards)), settings)


def test_columns_are_shown_with_type_unit_and_bounds():
    columns = {column.name: column for column in table_schema(RAW_OHLCV).columns}
    assert list(columns) == RAW_OHLCV.schema.names()
    assert "USD a share" in columns["close"].description
    assert not columns["date"].constraints.nullable
    assert columns["close"].constraints.other == [">= 0"]
    called = {column.name: column for column in table_schema(DIRECTION_MODEL).columns}
    assert called["direction"].constraints.other == ["one of bearish, neutral, bullish"]
    assert table_schema(RAW_OHLCV).constraints.other == ["primary key (date, ticker)"]
