"""Table contracts: their declarations are complete, and frames that break them are refused."""

from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES, tables
from options_platform.contracts import PAPER_ORDERS, RAW_OHLCV, TRADE_PLAN, VIX
from options_platform.contracts.orders import ORDER_STATUSES
from options_platform.domain.trading.orders import TRANSITIONS
from options_platform.errors import ContractError
from options_platform.testing.market import random_market

BARS, INDEX = random_market()
DAY = date(2016, 3, 17)
HERE = (pl.col("date") == DAY) & (pl.col("ticker") == "BBB")


@pytest.mark.parametrize("table", tables().values(), ids=lambda table: table.name)
def test_every_column_is_described_and_every_key_declared(table):
    names = [column.name for column in table.columns]
    assert len(names) == len(set(names))
    assert set(table.key) <= set(names)
    assert set(table.partition) <= set(names)
    assert len(table.description) > 20
    for column in table.columns:
        assert column.description
        assert column.low is None or column.high is None or column.low <= column.high
        if column.name in table.key:
            assert not column.nullable or column.name not in ("date", "ticker")
    assert table.validate(table.empty()).schema == table.schema


def test_the_assets_are_keyed_by_date_and_ticker_and_decisions_by_their_rule_set_too():
    for table in ASSET_TABLES:
        of_set = ("rule_set",) if table in (TRADE_PLAN, PAPER_ORDERS) else ()
        assert table.key == ("date", "ticker", *of_set)
        # Orders that one set sent stay when another plans the session.
        assert table.partition == (table.key if table is PAPER_ORDERS else ("date", "ticker"))


def test_validation_returns_columns_in_the_tables_order():
    shuffled = BARS.select(sorted(BARS.columns))
    assert RAW_OHLCV.validate(shuffled).equals(BARS)


@pytest.mark.parametrize(
    ("table", "spoil", "message"),
    [
        (RAW_OHLCV, lambda rows: rows.drop("close"), "columns missing: close"),
        (RAW_OHLCV, lambda rows: rows.with_columns(more=1), "columns unknown: more"),
        (
            RAW_OHLCV,
            lambda rows: rows.with_columns(pl.col("close").cast(pl.Float32)),
            "close is Float32, not Float64",
        ),
        (
            RAW_OHLCV,
            lambda rows: rows.with_columns(ticker=pl.when(~HERE).then("ticker")),
            r"null in ticker \(1 rows\)",
        ),
        (
            VIX,
            lambda rows: pl.concat([rows, rows.filter(HERE)]),
            r"2 rows share a key, e.g. \(2016-03-17, BBB\)",
        ),
    ],
)
def test_a_frame_that_breaks_its_contract_is_refused_with_the_reason(table, spoil, message):
    honest = BARS if table is RAW_OHLCV else INDEX
    table.validate(honest)
    with pytest.raises(ContractError, match=f"{table.name}: {message}; nothing was written"):
        table.validate(spoil(honest))


def test_the_order_table_allows_every_order_state():
    assert set(TRANSITIONS) | {"no_trade"} == set(ORDER_STATUSES)
