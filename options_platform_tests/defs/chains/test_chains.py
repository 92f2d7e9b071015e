"""Option chains through Dagster: stored and skipped sessions, and the assets that use them."""

import os
from datetime import date

import dagster as dg
import polars as pl
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import EARNINGS, IV_HISTORY, OPTION_CHAIN, VIX
from options_platform.defs.shared.partitions import partition_key
from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import UsageError
from options_platform.runs import run_job
from options_platform_tests.chain_files import read_chain_file
from options_platform_tests.fakes.chain_source import ChainSource
from options_platform_tests.platform import make_platform_settings, warehouse_held

START, END = date(2016, 12, 1), date(2017, 1, 31)
SPAN = sessions(date(2017, 1, 3), date(2017, 1, 17))
GONE = frozenset(SPAN[2:4])
DATA = ("raw_ohlcv", "option_chain", "iv_history", "vix")


def platform_of(home, **changes):
    return make_platform_settings(home, start=START, end=END, iv_symbol={"QQQ": "CHAIN"}, **changes)


def run(settings, source, start, end, assets=DATA, tickers=("SPY", "QQQ")):
    selected = PartitionRange(start, end, tickers)
    with warehouse_held(settings):
        return run_job(settings, selected, assets=assets, backfill=True, source=lambda: source)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    settings = platform_of(tmp_path_factory.mktemp("chains"))
    source = ChainSource(without=GONE)
    outcomes = run(settings, source, SPAN[0], SPAN[-1])
    return settings, source, outcomes


def partitions_of(settings, asset):
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        return set(instance.get_materialized_partitions(dg.AssetKey(asset)))


def test_only_sessions_with_a_chain_are_stored(filled):
    settings, source, _ = filled
    stored = ChainStore(settings.chains_path).stored(tickers=("SPY", "QQQ"))
    assert stored == sorted((d, t) for d in SPAN if d not in GONE for t in ("SPY", "QQQ"))
    assert sorted(source.asked) == sorted((d, t) for d in SPAN for t in ("SPY", "QQQ"))


def test_only_partitions_with_a_chain_are_materialised(filled):
    settings, _, _ = filled
    wanted = {str(partition_key(d, t)) for d in SPAN if d not in GONE for t in ("SPY", "QQQ")}
    assert partitions_of(settings, "option_chain") == wanted
    every = {str(partition_key(d, t)) for d in SPAN for t in ("SPY", "QQQ")}
    assert partitions_of(settings, "iv_history") >= every
    assert partitions_of(settings, "vix") >= every


def test_a_skipped_session_leaves_its_reason(filled):
    settings, _, _ = filled
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        records = instance.fetch_observations(dg.AssetKey("option_chain"), limit=5).records
    metadata = records[0].event_log_entry.asset_observation.metadata
    assert metadata["skipped"].value == 4
    assert metadata["stored"].value == 2 * len(SPAN) - 4
    assert f"no stored chain of SPY for {SPAN[3]}" in metadata["reasons"].md_str


def test_the_checks_name_the_sessions_without_a_chain(filled):
    _, _, outcomes = filled
    warned = [text for outcome in outcomes for text in outcome.warnings]
    assert any(text.startswith("option_chain.chains_known: not true of 4 rows") for text in warned)


def test_stored_chains_are_good_and_reproduce_their_volatility(filled):
    settings, _, _ = filled
    store = ChainStore(settings.chains_path)
    rows = store.read(store.stored(tickers=("SPY",)))
    OPTION_CHAIN.validate(rows)
    near = rows.filter(pl.col("quality").is_null() & pl.col("delta").abs().is_between(0.2, 0.8))
    assert near.height > 300
    assert near.select((pl.col("iv") - pl.col("source_iv")).abs().max()).item() < 0.02


def test_the_index_of_a_ticker_by_chain_is_its_chains_volatility(filled):
    settings, _, _ = filled
    warehouse = Warehouse(settings.warehouse_path)
    vix = warehouse.read(VIX, tickers=["QQQ"], start=SPAN[0], end=SPAN[-1])
    history = warehouse.read(IV_HISTORY, tickers=["QQQ"], start=SPAN[0], end=SPAN[-1])
    assert set(vix["iv_symbol"]) == {"CHAIN:QQQ"}
    joined = vix.join(history, on=["date", "ticker"])
    own = joined.filter(pl.col("iv_30d").is_not_null())
    assert own.height == len(SPAN) - len(GONE)
    assert own.select((pl.col("iv_close") - 100.0 * pl.col("iv_30d")).abs().max()).item() < 1e-12
    # A session without a chain takes that of the one before, once.
    ages = dict(joined.select("date", "iv_age").iter_rows())
    assert [ages[day] for day in SPAN[:5]] == [0, 0, 1, None, 0]
    # The market's own index is near, since the chain was quoted off it.
    assert own.select((pl.col("iv_close") / pl.col("vix") - 1.0).abs().max()).item() < 0.03


def test_every_ticker_has_a_history_and_one_by_index_keeps_its_index(filled):
    settings, _, _ = filled
    warehouse = Warehouse(settings.warehouse_path)
    history = warehouse.read(IV_HISTORY, tickers=["SPY"], end=SPAN[-1])
    assert history.height == len(sessions(START, SPAN[-1]))
    assert history["n_observations"].max() == len(SPAN) - len(GONE)
    assert set(history.filter(pl.col("date") < SPAN[0])["missing"]) == {"NO_CHAIN"}
    vix = warehouse.read(VIX, tickers=["SPY"], end=SPAN[-1])
    assert set(vix["iv_symbol"]) == {"VIX"}
    assert vix["iv_close"].equals(vix["vix"].alias("iv_close"))


def test_the_chains_bring_no_earnings(filled):
    settings, _, _ = filled
    assert Warehouse(settings.warehouse_path).read(EARNINGS).is_empty()


@pytest.mark.long
def test_day_by_day_gives_the_same_volatility_as_one_backfill(filled, tmp_path):
    settings, _, _ = filled
    other = platform_of(tmp_path / "days")
    source = ChainSource(without=GONE)
    for day in SPAN[:5]:
        run(other, source, day, day)
    for table in (IV_HISTORY, VIX):
        kept = [name for name in table.schema.names() if name != "fetched_at"]
        left = Warehouse(settings.warehouse_path).read(table, columns=kept, end=SPAN[4])
        right = Warehouse(other.warehouse_path).read(table, columns=kept, end=SPAN[4])
        assert left.equals(right)
    left, right = (
        ChainStore(s.chains_path).read([(SPAN[4], "QQQ")]).drop("fetched_at")
        for s in (settings, other)
    )
    assert left.height > 400
    assert left.equals(right)


@pytest.mark.long
def test_a_chain_of_a_later_session_changes_no_earlier_row(filled, tmp_path):
    settings, _, _ = filled
    short = platform_of(tmp_path / "short")
    run(short, ChainSource(without=GONE), SPAN[0], SPAN[5])
    for table in (IV_HISTORY, VIX):
        kept = [name for name in table.schema.names() if name != "fetched_at"]
        left = Warehouse(settings.warehouse_path).read(table, columns=kept, end=SPAN[5])
        right = Warehouse(short.warehouse_path).read(table, columns=kept, end=SPAN[5])
        assert left.equals(right)


def test_without_any_chain_no_run_fails_and_no_partition_is_materialised(tmp_path):
    settings = platform_of(tmp_path / "none")
    outcomes = run(settings, ChainSource(without=frozenset(SPAN)), SPAN[0], SPAN[1])
    assert partitions_of(settings, "option_chain") == set()
    assert any("chains_known" in text for o in outcomes for text in o.warnings)
    vix = Warehouse(settings.warehouse_path).read(VIX, tickers=["QQQ"], start=SPAN[0], end=SPAN[1])
    assert vix["iv_close"].null_count() == 2
    assert vix["vix"].null_count() == 0


@pytest.mark.long
def test_a_stored_chain_stays_when_the_source_no_longer_has_it(filled, tmp_path):
    settings = platform_of(tmp_path / "kept")
    run(settings, ChainSource(), SPAN[0], SPAN[0])
    run(settings, ChainSource(without=frozenset(SPAN)), SPAN[0], SPAN[0])
    assert ChainStore(settings.chains_path).stored(tickers=("SPY",)) == [(SPAN[0], "SPY")]


def test_a_source_without_chains_has_no_such_assets(tmp_path):
    settings = make_platform_settings(tmp_path / "plain", start=START, end=END)

    class Plain(ChainSource):
        def __init__(self):
            super().__init__()
            self.info = type(self.info)(**{**self.info.__dict__, "kinds": frozenset({"bars"})})

    with pytest.raises(UsageError, match="provides no option chains"):
        run(settings, Plain(), SPAN[0], SPAN[0])


def test_a_ticker_on_its_own_chain_fails_alone_without_a_source_of_chains(tmp_path):
    settings = platform_of(tmp_path / "refused")

    class Plain(ChainSource):
        def __init__(self):
            super().__init__()
            kinds = frozenset({"bars", "index"})
            self.info = type(self.info)(**{**self.info.__dict__, "kinds": kinds})

    (outcome,) = run(settings, Plain(), SPAN[0], SPAN[0], assets=("raw_ohlcv", "vix"))
    assert set(outcome.failed) == {"QQQ"}
    assert "iv_symbol of QQQ is CHAIN" in outcome.failed["QQQ"]


def test_a_real_chain_in_a_file_goes_all_the_way_to_the_tickers_volatility(
    reference_data, tmp_path
):
    """SPY of 2015-01-05 through the source csv; the session after has no file."""
    day, later = date(2015, 1, 5), date(2015, 1, 6)
    raw = read_chain_file(reference_data / "options" / "spy_eod" / "SPY_2015-01-05.csv.gz")
    (tmp_path / "own" / "options").mkdir(parents=True)
    raw.drop("date", "source").write_csv(tmp_path / "own" / "options" / f"SPY_{day}.csv")
    folders = [tmp_path / "own", reference_data / "prices", reference_data / "vol"]
    settings = make_platform_settings(
        tmp_path / "home",
        source="csv",
        csv_dir=os.pathsep.join(str(folder) for folder in folders),
        tickers=("SPY",),
        start=date(2014, 12, 29),
        end=later,
        iv_symbol={"SPY": "CHAIN"},
    )
    run_job(settings, PartitionRange(day, later, ("SPY",)), assets=DATA, backfill=True)
    rows = ChainStore(settings.chains_path).read([(day, "SPY"), (later, "SPY")])
    assert set(rows["date"]) == {day}
    assert rows.height == 4922
    assert rows.filter(pl.col("quality") == "NONSTANDARD").height == 1258
    assert rows["quality"].null_count() > 2500
    warehouse = Warehouse(settings.warehouse_path)
    history = warehouse.read(IV_HISTORY, start=day)
    assert history["iv_30d"][0] == pytest.approx(0.168, abs=0.002)
    assert history["missing"].to_list() == [None, "NO_CHAIN"]
    vix = warehouse.read(VIX, start=day)
    assert vix["vix"].to_list() == [19.92, 21.12]
    assert vix["iv_close"].to_list() == [100.0 * history["iv_30d"][0]] * 2
    assert vix["iv_age"].to_list() == [0, 1]
    assert partitions_of(settings, "option_chain") == {str(partition_key(day, "SPY"))}
