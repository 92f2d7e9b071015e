"""The published tables are the stored ones, to the last bit, for whoever reads them and however."""

from dataclasses import replace
from datetime import date

import duckdb
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from options_platform.adapters.storage.published import exporting
from options_platform.adapters.storage.published.publishing import publish
from options_platform.adapters.storage.published.tables import PublishedWarehouse
from options_platform.adapters.storage.tables import tables
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV, RULE_SET_CURVES, TRADE_PLAN, VIX
from options_platform.contracts.table import Column
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.errors import ContractError, HomeError
from options_platform_tests.adapters.storage.published.published_home import (
    make_home,
    published,
    warehouse_of,
)


def copy_of(home, version=None):
    return PublishedWarehouse(home / "warehouse.duckdb", version or published(home))


@pytest.fixture(scope="module", params=["whole tables", "a file a year"])
def both(request, simulated_home, tmp_path_factory):
    """The warehouse of a simulated home, and its published copy."""
    home = tmp_path_factory.mktemp("published") / "home"
    home.mkdir()
    (home / "warehouse.duckdb").write_bytes(simulated_home.warehouse_path.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "a file a year":
            patch.setattr(exporting, "MOST_VALUES_IN_A_FILE", 0)
        version = publish(home, wait_seconds=10)
    has_years = len(version.files("warehouse/features")) == 3
    assert has_years == (request.param == "a file a year")
    stored = Warehouse(home / "warehouse.duckdb", wait_seconds=10)
    return stored, copy_of(home, version)


def test_every_table_is_read_as_it_is_stored(both):
    stored, copy = both
    assert stored.read(FEATURES_TABLE).height > 1000
    for table in tables().values():
        rows = stored.read(table)
        assert copy.has(table) == stored.has(table)
        assert copy.read(table).schema == rows.schema
        assert copy.read(table).equals(rows, null_equal=True), table.name


@examples(max_examples=15)
@given(data=st.data())
def test_any_part_of_a_table_is_read_as_it_is_stored(both, data):
    stored, copy = both
    table = data.draw(st.sampled_from([FEATURES_TABLE, TRADE_PLAN, RAW_OHLCV]))
    days = st.none() | st.dates(date(2014, 12, 1), date(2017, 4, 30))
    part = {
        "columns": data.draw(st.lists(st.sampled_from(table.schema.names()), min_size=1,
                                      unique=True) | st.none()),
        "tickers": data.draw(st.sampled_from([None, (), ("SPY",), ("QQQ", "SPY"), ("'",)])),
        "start": data.draw(days),
        "end": data.draw(days),
    }  # fmt: skip
    rows = stored.read(table, **part)
    assert copy.read(table, **part).equals(rows, null_equal=True)


def test_queries_in_sql_give_the_same(both):
    stored, copy = both
    query = (
        "SELECT p.*, b.close FROM trade_plan p JOIN raw_ohlcv b USING (date, ticker) "
        "WHERE p.date >= $since ORDER BY ALL"
    )
    rows = stored.query(query, {"since": date(2016, 6, 1)})
    assert rows.height > 100
    assert copy.query(query, {"since": date(2016, 6, 1)}).equals(rows, null_equal=True)


def test_the_manifest_says_what_the_contracts_say(both):
    _, copy = both
    entry = copy.version.tables["warehouse/raw_ohlcv"]
    assert entry["key"] == ["date", "ticker"]
    assert entry["description"] == RAW_OHLCV.description
    told = {column["name"]: column for column in entry["columns"]}
    for column in RAW_OHLCV.columns:
        assert told[column.name]["unit"] == column.unit
        assert told[column.name]["description"] == column.description
    assert told["fetched_at"]["type"] == "TIMESTAMPTZ"
    assert entry["rows"] == sum(file["rows"] for file in entry["files"])
    for file in entry["files"]:
        path = copy.version.folder / file["path"]
        assert (path.stat().st_size, pl.read_parquet(path).height) == (file["bytes"], file["rows"])


@pytest.fixture
def home(tmp_path):
    return make_home(tmp_path / "home")


def test_a_table_that_does_not_exist_is_empty(home):
    copy = copy_of(home)
    assert not copy.has(TRADE_PLAN)
    assert copy.read(TRADE_PLAN).equals(TRADE_PLAN.empty())
    assert copy.read(VIX, start=date(2030, 1, 1)).schema == VIX.schema


def test_rows_whose_key_does_not_begin_with_the_date_are_sorted_by_it(home, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_VALUES_IN_A_FILE", 0)
    assert RULE_SET_CURVES.key[0] != "date"
    days = [date(2015, 5, 4), date(2016, 5, 4)]
    values = {
        column.name: ["b", "a"] if column.dtype == pl.String else [1.0, 2.0]
        for column in RULE_SET_CURVES.columns
    }
    rows = pl.DataFrame({**values, "date": days}).cast(RULE_SET_CURVES.schema)
    warehouse_of(home).write([(RULE_SET_CURVES, rows)])
    stored = warehouse_of(home).read(RULE_SET_CURVES)
    assert copy_of(home).read(RULE_SET_CURVES).equals(stored)


def test_a_column_that_a_newer_version_adds_is_read_from_older_files(home, monkeypatch):
    version = published(home)
    added = Column("novelty", pl.Float64, "a nullable column of a newer version")
    newer = replace(RAW_OHLCV, columns=(*RAW_OHLCV.columns, added))
    expected = warehouse_of(home).read(newer)
    assert copy_of(home, version).read(newer).equals(expected, null_equal=True)
    needed = replace(newer, fixed_columns=("novelty",))
    with pytest.raises(ContractError, match=r"another schema than this version's \(novelty\)"):
        copy_of(home, version).read(needed)


def test_a_table_of_another_schema_is_refused_as_the_store_refuses_it(home):
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("ALTER TABLE raw_ohlcv DROP COLUMN source")
    copy = copy_of(home)
    for warehouse in (warehouse_of(home), copy):
        with pytest.raises(ContractError, match=r"raw_ohlcv has another schema.*\(source\)"):
            warehouse.read(RAW_OHLCV)
    assert copy.read(RAW_OHLCV, columns=["date", "open"]).height > 0


def test_the_copy_is_not_written_to(home):
    copy = copy_of(home)
    with pytest.raises(HomeError, match="only read"):
        copy.write([(VIX, copy.read(VIX))])
