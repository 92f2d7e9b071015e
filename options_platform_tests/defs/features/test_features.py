"""Runs of the data assets: rows outside their partitions, and refusals."""

import shutil
from datetime import date

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import LABELS
from options_platform.defs.features.assets import require_whole
from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import IncompleteDataError
from options_platform.testing.market import random_market
from options_platform_tests.platform import END, make_platform_settings, run

DAY = date(2015, 3, 17)


def test_a_stored_label_that_contradicts_its_bars_is_corrected_by_the_next_run(
    simulated_home, tmp_path
):
    shutil.copytree(simulated_home.home, tmp_path / "home")
    settings = make_platform_settings(tmp_path / "home")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30)
    honest = warehouse.read(LABELS)
    warehouse.execute([f"UPDATE labels SET fwd_return_5d = 0.5 WHERE date = '{DAY}'"])
    assert not warehouse.read(LABELS).equals(honest)
    run(settings, start=END, end=END, assets=["labels"])
    assert warehouse.read(LABELS).equals(honest)


def test_missing_sessions_are_named_with_the_command_that_fills_them():
    bars, _ = random_market(("AAA",))
    days = sessions(date(2016, 2, 1), date(2016, 2, 5))
    holed = bars.filter(~bars["date"].is_in(days))
    selected = PartitionRange(DAY, date(2017, 12, 29), ("AAA",))
    require_whole(bars, selected, "raw_ohlcv")
    with pytest.raises(IncompleteDataError) as error:
        require_whole(holed, selected, "raw_ohlcv")
    assert str(error.value) == (
        "raw_ohlcv has no rows for 5 session(s) of AAA (2016-02-01 to 2016-02-05); run: "
        "options-platform backfill --start 2016-02-01 --end 2016-02-05 --select raw_ohlcv,vix"
    )
    with pytest.raises(IncompleteDataError, match=r"no rows for 1 session\(s\) of BBB"):
        require_whole(bars, PartitionRange(DAY, DAY, ("BBB",)), "raw_ohlcv")
