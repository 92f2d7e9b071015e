import multiprocessing
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.contracts import OPTION_CHAIN
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.errors import ContractError, HomeError, UsageError
from options_platform.testing.market import NOW
from options_platform_tests.fakes.chain_source import synthetic_chain

DAYS = [date(2024, 6, 3), date(2024, 6, 4)]


def chain(day=DAYS[0], ticker="SPY", spot=500.0):
    raw = synthetic_chain(ticker, day, spot, 0.16).with_columns(date=pl.lit(day))
    closes = pl.DataFrame({"date": [day], "ticker": [ticker], "close": [spot]})
    return judge_chains(raw, closes, ChainGates(), rate=0.03, dividend=0.015, fetched_at=NOW)


@pytest.fixture
def store(tmp_path):
    return ChainStore(tmp_path / "chains")


def test_a_chains_version_changes_when_it_is_replaced_and_only_then(store):
    store.write(pl.concat([chain(), chain(DAYS[1])]))
    versions = [store.version(day, "SPY") for day in DAYS]
    store.write(chain(spot=510.0))
    assert store.version(DAYS[0], "SPY") != versions[0]
    assert store.version(DAYS[1], "SPY") == versions[1]
    with pytest.raises(HomeError, match="cannot be read"):
        store.version(date(2024, 6, 5), "SPY")


def test_chains_are_read_as_they_were_written(store):
    rows = pl.concat([chain(), chain(DAYS[1]), chain(ticker="QQQ")])
    store.write(rows.sample(fraction=1.0, shuffle=True, seed=1))
    keys = store.stored(tickers=("SPY", "QQQ"))
    assert keys == [(DAYS[0], "QQQ"), (DAYS[0], "SPY"), (DAYS[1], "SPY")]
    assert store.read(keys).equals(rows.sort(OPTION_CHAIN.key))
    assert store.stored(tickers=("SPY",), start=DAYS[1]) == [(DAYS[1], "SPY")]
    assert [part.height for part in store.batches(keys, size=2)] == [
        chain(ticker="QQQ").height + chain().height,
        chain(DAYS[1]).height,
    ]


def test_a_chain_replaces_the_former_one_of_its_session_and_no_other(store):
    store.write(pl.concat([chain(), chain(DAYS[1])]))
    store.write(chain(spot=505.0))
    assert store.read([(DAYS[0], "SPY")]).equals(chain(spot=505.0))
    assert store.read([(DAYS[1], "SPY")]).equals(chain(DAYS[1]))


def test_without_stored_chains_the_frame_is_empty_with_the_schema(store):
    assert store.stored(tickers=("SPY",)) == []
    found = store.read([(DAYS[0], "SPY")], columns=["date", "iv"])
    assert found.schema == OPTION_CHAIN.empty().select("date", "iv").schema


@pytest.mark.parametrize(
    "broken",
    [
        lambda rows: rows.clear(),
        lambda rows: rows.drop("iv"),
        lambda rows: pl.concat([rows, rows.head(1)]),
        lambda rows: rows.with_columns(pl.lit(None, pl.Date).alias("expiry")),
    ],
)
def test_a_frame_that_does_not_fit_changes_nothing(store, broken):
    store.write(chain())
    with pytest.raises(ContractError):
        store.write(broken(chain(spot=505.0)))
    assert store.read([(DAYS[0], "SPY")]).equals(chain())


def test_a_damaged_file_is_an_error_and_not_an_empty_chain(store):
    store.write(chain())
    path = store.folder / "SPY" / f"{DAYS[0]}.parquet"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ContractError, match=f"{DAYS[0]}.parquet"):
        store.read([(DAYS[0], "SPY")])


def test_a_hostile_ticker_reaches_no_file(store):
    with pytest.raises(UsageError):
        store.stored(tickers=("../x",))


def _write(folder, spot):
    ChainStore(folder).write(chain(spot=spot))


def test_processes_that_write_the_same_chain_leave_one_whole_file(store):
    context = multiprocessing.get_context("spawn")
    spots = [500.0, 505.0]
    workers = [context.Process(target=_write, args=(store.folder, spot)) for spot in spots]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    found = store.read([(DAYS[0], "SPY")])
    assert any(found.equals(chain(spot=spot)) for spot in spots)
    assert [path.name for path in (store.folder / "SPY").iterdir()] == [f"{DAYS[0]}.parquet"]
