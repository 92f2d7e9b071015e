"""Two homes are compared row by row, and every difference is named, whichever home has it."""

import shutil
from datetime import UTC, datetime

import duckdb
import polars as pl
import pytest

from options_platform.adapters.storage.ledger import Ledger
from options_platform_tests.domain.trading.orders.test_orders import ORDER
from tools.compare_homes import main

THEN = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def homes(tmp_path):
    """A home with a warehouse, a mart, a ledger and a chain, and a copy of it."""
    home = tmp_path / "before"
    (home / "chains" / "SPY").mkdir(parents=True)
    chain = pl.DataFrame({"strike": [450.0, 455.0], "bid": [1.0, None], "fetched_at": [THEN, THEN]})
    chain.write_parquet(home / "chains" / "SPY" / "2024-06-03.parquet")
    run(
        home / "warehouse.duckdb",
        "CREATE TABLE bars (day INTEGER, close DOUBLE, fetched_at TIMESTAMP)",
        "INSERT INTO bars VALUES (1, 10.0, now()), (2, NULL, now()), (2, NULL, now())",
        "CREATE SCHEMA marts",
        "CREATE TABLE marts.months AS SELECT 'NaN'::DOUBLE AS profit",
    )
    Ledger(home / "ledger.duckdb").record_intent(ORDER, THEN)
    shutil.copytree(home, tmp_path / "after")
    return home, tmp_path / "after"


def run(path, *statements):
    with duckdb.connect(str(path)) as connection:
        for statement in statements:
            connection.execute(statement)


def compared(homes, capsys, *options):
    code = main([*map(str, homes), *options])
    return code, capsys.readouterr().out


def test_a_home_and_its_copy_have_the_same_rows_in_every_column(homes, capsys):
    code, output = compared(homes, capsys, "--every-column")
    assert code == 0
    assert 'same    warehouse.duckdb "main"."bars": 3 rows, 3 columns' in output
    assert 'same    warehouse.duckdb "marts"."months": 1 rows, 1 columns' in output
    assert 'same    ledger.duckdb "main"."orders": 1 rows' in output
    assert "same    chains: 1 files" in output


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE bars SET close = 11.0 WHERE day = 1", '"bars": 1 rows only before, 1 only after'),
        ("UPDATE bars SET close = 0.0 WHERE day = 2", '"bars": 2 rows only before, 2 only after'),
        ("INSERT INTO bars VALUES (2, NULL, now())", '"bars": 0 rows only before, 1 only after'),
        ("DELETE FROM bars WHERE day = 1", '"bars": 1 rows only before, 0 only after'),
        ("ALTER TABLE bars ADD COLUMN volume DOUBLE", '"bars": columns: '),
        ("DROP TABLE bars", "None after"),
        ("CREATE TABLE more AS SELECT 1 AS n", '"more": columns: None before'),
        ("UPDATE marts.months SET profit = NULL", '"months": 1 rows only before, 1 only after'),
    ],
)
@pytest.mark.parametrize("changed", [0, 1])
def test_a_different_value_row_or_table_is_named_whichever_home_has_it(
    homes, capsys, statement, named, changed
):
    run(homes[changed] / "warehouse.duckdb", statement)
    code, output = compared(homes if changed else homes[::-1], capsys)
    assert code == 1
    assert named in output
    assert output.endswith("1 differ\n")


def test_an_order_in_only_one_ledger_is_named(homes, capsys):
    run(homes[1] / "ledger.duckdb", "DELETE FROM orders")
    code, output = compared(homes, capsys)
    assert code == 1
    assert 'ledger.duckdb "main"."orders": 1 rows only before, 0 only after' in output


def test_clock_times_are_compared_only_on_request(homes, capsys):
    run(homes[1] / "warehouse.duckdb", "UPDATE bars SET fetched_at = '2020-01-01'")
    assert compared(homes, capsys)[0] == 0
    assert compared(homes, capsys, "--every-column")[0] == 1


@pytest.mark.parametrize("changed", [0, 1])
def test_a_missing_or_different_chain_is_named(homes, capsys, changed):
    path = homes[changed] / "chains" / "SPY" / "2024-06-03.parquet"
    pl.read_parquet(path).with_columns(bid=pl.lit(2.0)).write_parquet(path)
    assert "2024-06-03.parquet: other columns or rows" in compared(homes, capsys)[1]
    path.unlink()
    code, output = compared(homes, capsys)
    assert code == 1
    assert f"{path} is missing" in output


def test_a_missing_database_is_named_and_a_folder_without_any_is_not_a_home(
    homes, capsys, tmp_path
):
    (homes[0] / "ledger.duckdb").unlink()
    code, output = compared(homes, capsys)
    assert code == 1
    assert "DIFFERS ledger.duckdb" in output
    with pytest.raises(FileNotFoundError, match="has no database"):
        main([str(homes[0]), str(tmp_path)])
