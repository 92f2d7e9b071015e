"""`surface_error` through Dagster: a real chain from a file measures the surface."""

import os
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import CHAIN_INDEX, SURFACE_ERROR, SURFACE_FIT
from options_platform.definitions import build_defs
from options_platform.runs import _existing, _phases, run_job
from options_platform_tests.chain_files import read_chain_file
from options_platform_tests.fakes.chain_source import ChainSource
from options_platform_tests.platform import make_platform_settings
from options_platform_tests.services.market_data.test_surface_measures import chain_of

ASSETS = ("raw_ohlcv", "option_chain", "iv_history", "vix", "surface_error")
DAY, LATER = date(2015, 1, 5), date(2015, 1, 6)


def test_the_real_chain_of_spy_measures_its_surface_and_its_index(reference_data, tmp_path):
    """The index from the same quotes by Cboe's method is 19.62, that of the S&P 500 was 19.92."""
    raw = read_chain_file(reference_data / "options" / "spy_eod" / "SPY_2015-01-05.csv.gz")
    (tmp_path / "own" / "options").mkdir(parents=True)
    raw.drop("date", "source").write_csv(tmp_path / "own" / "options" / f"SPY_{DAY}.csv")
    folders = [tmp_path / "own", reference_data / "prices", reference_data / "vol"]
    settings = make_platform_settings(
        tmp_path / "home", source="csv", tickers=("SPY",), start=date(2014, 12, 29), end=LATER,
        csv_dir=os.pathsep.join(str(folder) for folder in folders),
    )  # fmt: skip
    run_job(settings, PartitionRange(DAY, LATER, ("SPY",)), assets=ASSETS, backfill=True)
    warehouse = Warehouse(settings.warehouse_path)
    index = warehouse.read(CHAIN_INDEX)
    assert index["date"].to_list() == [DAY]
    assert index["index_30d"][0] == pytest.approx(19.62, abs=0.1)
    errors = warehouse.read(SURFACE_ERROR)
    assert errors["n"].sum() > 300
    assert errors["fitted_on"].null_count() == errors.height
    near = errors.filter(pl.col("band") != "2-10")
    mean = (near["mae_points"] * near["n"]).sum() / near["n"].sum()
    assert mean == pytest.approx(0.7, abs=0.3)
    fit = warehouse.read(SURFACE_FIT).row(0, named=True)
    assert (fit["date"], fit["c"], fit["n_chains"]) == (DAY, None, 1)


def test_a_backfill_of_everything_measures_the_surface_where_chains_are_stored(tmp_path):
    settings = make_platform_settings(tmp_path, tickers=("SPY",))
    definitions = build_defs(settings)
    without = _existing(definitions, settings, None, backfill=True)
    assert "surface_error" not in without
    ChainStore(settings.chains_path).write(chain_of(date(2016, 1, 20)))
    assert _existing(definitions, settings, None, backfill=True) == [*without, "surface_error"]
    assert _phases([*without, "surface_error"])[0][-1] == "surface_error"


def test_simulated_chains_write_nothing_and_the_run_goes_on(tmp_path):
    settings = make_platform_settings(tmp_path, start=date(2016, 12, 1), end=date(2017, 1, 31))
    day = date(2017, 1, 4)
    run_job(
        settings, PartitionRange(day, day, ("SPY", "QQQ")), assets=ASSETS, backfill=True,
        source=ChainSource,
    )  # fmt: skip
    warehouse = Warehouse(settings.warehouse_path)
    assert not warehouse.has(SURFACE_ERROR)
    assert not warehouse.has(SURFACE_FIT)
