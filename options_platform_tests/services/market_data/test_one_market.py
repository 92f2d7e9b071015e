from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.ports.market_data import SourceInfo
from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, VIX
from options_platform.errors import UsageError
from options_platform.runs import RunFailedError
from options_platform.services.market_data.one_market import require_same_market
from options_platform_tests.platform import make_platform_settings, run
from options_platform_tests.scripted import FIRST, LAST, calm_bars, calm_index
from options_platform_tests.updating import Market

REAL = SourceInfo("csv", "files", False, None, None)
PROXY = SourceInfo("simulated", "simulated market", True, None, None)


def named(market, name, *, proxy):
    market.source.info = replace(market.source.info, name=name, proxy=proxy)
    for ticker in market.source.history:
        market.source.history[ticker] = calm_bars(ticker, source=name)
    return market


@pytest.mark.parametrize(
    ("stored", "then"),
    [
        (("sample", True), ("csv", False)),
        (("yahoo", False), ("simulated", True)),
        (("sample", True), ("simulated", True)),
    ],
)
def test_another_market_is_refused_before_any_request_or_write(tmp_path, stored, then):
    market = named(Market(tmp_path, "SPY", "QQQ"), stored[0], proxy=stored[1])
    market.run()
    market.run_index()
    before = {table.name: market.rows(table) for table in (RAW_OHLCV, VIX)}
    named(market, then[0], proxy=then[1])
    for ask in (
        lambda: market.run(start=LAST),
        lambda: market.run(tickers=("QQQ",)),
        market.run_index,
    ):
        with pytest.raises(UsageError) as error:
            ask()
        assert str(error.value) == (
            f"{tmp_path} holds bars of source {stored[0]}, which are another market than "
            f"{then[0]}'s; set OPTIONS_HOME to a new folder for {then[0]}, or OPTIONS_SOURCE back "
            f"to {stored[0]}"
        )
        assert market.source.asked == []
    assert market.rows().equals(before["raw_ohlcv"])
    assert market.rows(VIX).equals(before["vix"])


def test_real_sources_share_a_home(tmp_path):
    market = named(Market(tmp_path), "csv", proxy=False)
    market.run(end=FIRST)
    named(market, "yahoo", proxy=False).run(start=LAST)
    assert set(market.rows()["source"]) == {"csv", "yahoo"}


def test_rows_of_a_proxy_are_accepted_if_it_is_a_fallback(tmp_path):
    market = named(Market(tmp_path), "simulated", proxy=True)
    market.run()
    sample = replace(PROXY, name="sample")
    with pytest.raises(UsageError, match="another market than sample's"):
        require_same_market(market.warehouse, sample)
    require_same_market(market.warehouse, replace(sample, stand_ins=("simulated",)))
    assert open_source("sample", SourceOptions(fallbacks=("simulated",))).info.stand_ins == (
        "simulated",
    )


def test_an_empty_home_accepts_any_market(tmp_path):
    warehouse = Warehouse(tmp_path / "w.duckdb", wait_seconds=5)
    require_same_market(warehouse, REAL)
    assert not warehouse.path.exists()
    warehouse.create_all()
    require_same_market(warehouse, PROXY)


def test_a_home_of_the_sample_refuses_files_in_one_line(tmp_path):
    """As for a user: first the sample, later a folder of files, in one home."""
    span = {"start": FIRST.replace(year=2014), "end": LAST.replace(year=2014), "tickers": ("SPY",)}
    home = tmp_path / "home"
    run(make_platform_settings(home, source="sample", **span), assets=["raw_ohlcv"])
    calm_bars(start=span["start"], end=span["end"]).write_csv(tmp_path / "SPY.csv")
    calm_index(start=span["start"], end=span["end"]).write_csv(tmp_path / "VIX.csv")
    files = make_platform_settings(home, source="csv", csv_dir=str(tmp_path), **span)
    for asset in ("raw_ohlcv", "vix"):
        with pytest.raises(RunFailedError, match=r"holds bars of source sample.*OPTIONS_HOME") as e:
            run(files, assets=[asset])
        assert "\n" not in str(e.value)
    stored = Warehouse(files.warehouse_path, wait_seconds=5).read(RAW_OHLCV)
    assert stored["source"].unique().to_list() == ["sample"]
    assert stored.filter(pl.col("close").is_null()).is_empty()
