import os
import signal
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import LABELS, REGIME, REGIME_TRANSITIONS, TRADE_PLAN
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.errors import ContractError, HomeError, WarehouseBusyError

FIRST = date(2024, 1, 2)


def labels(days: int = 3, ticker: str = "SPY", value: float = 0.01) -> pl.DataFrame:
    dates = [FIRST + timedelta(days=n) for n in range(days)]
    return pl.DataFrame(
        {
            "date": dates,
            "ticker": [ticker] * days,
            "fwd_return_5d": [value] * days,
            "direction": ["neutral"] * days,
            "fwd_iv_rank_5d": [0.5] * days,
            "fwd_rv_5d": [0.2] * days,
            "known_on": [d + timedelta(days=7) for d in dates],
            "neutral_band": [0.01] * days,
            "reaction_in_5d": [None] * days,
            "fwd_rv_5d_ex": [None] * days,
        },
        schema=LABELS.schema,
    )


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "w.duckdb", wait_seconds=2)


def test_written_rows_are_read_back_sorted_by_key(warehouse):
    frame = labels().sample(fraction=1.0, shuffle=True, seed=1)
    warehouse.write([(LABELS, frame)])
    assert warehouse.read(LABELS).equals(labels())


def test_columns_are_matched_by_name_not_by_position(warehouse):
    frame = labels().select(reversed(labels().columns))
    warehouse.write([(LABELS, frame)])
    assert warehouse.read(LABELS).equals(labels())


def test_a_second_write_of_a_partition_replaces_it(warehouse):
    warehouse.write([(LABELS, labels(5))])
    warehouse.write([(LABELS, labels(2, value=0.02))])
    values = warehouse.read(LABELS)["fwd_return_5d"].to_list()
    assert values == [0.02, 0.02, 0.01, 0.01, 0.01]


def test_only_the_rows_of_the_named_dates_and_tickers_are_removed(warehouse):
    warehouse.write([(LABELS, pl.concat([labels(), labels(ticker="QQQ")]))])
    keys = labels(2).select("date", "ticker")
    warehouse.remove([(LABELS, keys), (REGIME, keys)])
    assert warehouse.read(LABELS).select("date", "ticker").rows() == [
        (FIRST, "QQQ"), (FIRST + timedelta(days=1), "QQQ"), (FIRST + timedelta(days=2), "QQQ"),
        (FIRST + timedelta(days=2), "SPY"),
    ]  # fmt: skip
    assert not warehouse.has(REGIME)


def test_a_scope_replaces_rows_that_the_new_result_no_longer_has(warehouse):
    changes = pl.DataFrame(
        {
            "date": [FIRST],
            "ticker": ["SPY"],
            "from_regime": ["low_vol"],
            "to_regime": ["neutral"],
            "sessions_in_previous": [3],
        },
        schema=REGIME_TRANSITIONS.schema,
    )
    regime = pl.DataFrame(
        {
            "date": [FIRST],
            "ticker": ["SPY"],
            "regime": ["neutral"],
            "matched": [["neutral"]],
            "days_in_regime": [0],
            "previous_regime": ["low_vol"],
        },
        schema=REGIME.schema,
    )
    scope = PartitionRange(FIRST, FIRST, ("SPY",))
    warehouse.write([(REGIME, regime), (REGIME_TRANSITIONS, changes)], scope=scope)
    warehouse.write([(REGIME, regime), (REGIME_TRANSITIONS, changes.clear())], scope=scope)
    assert warehouse.read(REGIME_TRANSITIONS).is_empty()
    assert warehouse.read(REGIME).equals(regime)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda f: f.clear(), "empty frame"),
        (lambda f: f.drop("direction"), "columns missing: direction"),
        (lambda f: f.with_columns(extra=1), "columns unknown: extra"),
        (lambda f: f.with_columns(pl.col("fwd_return_5d").cast(pl.Float32)), "is Float32"),
        (lambda f: pl.concat([f, f]), "share a key"),
        (lambda f: f.with_columns(ticker=pl.lit(None, pl.String)), "null in ticker"),
        (lambda f: f.with_columns(known_on=pl.lit(None, pl.Date)), "null in known_on"),
    ],
)
def test_a_frame_that_does_not_fit_is_refused_and_the_table_is_unchanged(warehouse, spoil, message):
    warehouse.write([(LABELS, labels())])
    with pytest.raises(ContractError, match=message):
        warehouse.write([(LABELS, spoil(labels(value=0.9)))])
    assert warehouse.read(LABELS).equals(labels())


def test_rows_outside_the_partitions_to_be_written_are_refused(warehouse):
    warehouse.write([(LABELS, labels())])
    with pytest.raises(ContractError, match="outside the partitions"):
        warehouse.write([(LABELS, labels(3))], scope=PartitionRange(FIRST, FIRST, ("SPY",)))
    assert warehouse.read(LABELS).equals(labels())


def test_a_failure_in_the_second_table_rolls_back_the_first(warehouse):
    warehouse.write([(LABELS, labels())])
    broken = pl.DataFrame({"date": [FIRST]})
    with pytest.raises(ContractError):
        warehouse.write([(LABELS, labels(value=0.9)), (REGIME, broken)])
    assert warehouse.read(LABELS).equals(labels())


def test_hostile_tickers_are_data_not_sql(warehouse):
    hostile = "'; DROP TABLE labels; --"
    warehouse.write([(LABELS, labels(ticker=hostile))])
    assert warehouse.read(LABELS, tickers=[hostile]).height == 3
    assert warehouse.read(LABELS, tickers=["SPY"]).is_empty()


def test_a_table_of_another_version_is_refused_by_name(warehouse):
    with held(warehouse.path, wait_seconds=1) as connection:
        connection.execute("CREATE TABLE labels (date DATE, ticker VARCHAR, old DOUBLE)")
    # `known_on` may not be null, and `old` is of no version; what is only absent does not count.
    with pytest.raises(
        ContractError, match=r"another schema than this version's \(known_on, old\)"
    ):
        warehouse.read(LABELS)
    with pytest.raises(
        ContractError, match=r"another schema than this version's \(known_on, old\)"
    ):
        warehouse.write([(LABELS, labels())])


def former_plans(path, **types):
    """A `trade_plan` as a former version stored it, with one row; `types` differ in addition."""
    without = ("needs", "call_rank", "earlier_calls", "iv_symbol", "rule_set")
    kinds = {"date": "DATE", "reasons": "VARCHAR[]", "expiry": "DATE"}
    kinds |= {n: "DOUBLE" for n, kind in TRADE_PLAN.schema.items() if kind == pl.Float64}
    kinds |= {n: "INTEGER" for n, kind in TRADE_PLAN.schema.items() if kind == pl.Int32}
    columns = [n for n in {**TRADE_PLAN.schema, **types} if n not in without]
    lines = [
        f'"{name}" {(kinds | types).get(name, "VARCHAR")}'
        + (" NOT NULL" if name in TRADE_PLAN.required else "")
        for name in columns
    ]
    with held(path, wait_seconds=1) as connection:
        connection.execute(f"CREATE TABLE trade_plan ({', '.join(lines)})")
        connection.execute(
            "INSERT INTO trade_plan BY NAME SELECT DATE '2024-01-02' AS date, 'SPY' AS ticker, "
            "'p' AS plan_id, 'no_trade' AS decision, ['NO_EDGE'] AS reasons, 'none' AS strategy, "
            "0 AS contracts, 470.5 AS spot"
        )


def plan(day, **values):
    row = {
        "date": day, "ticker": "SPY", "plan_id": str(day), "decision": "no_trade",
        "reasons": ["NO_EDGE"], "strategy": "none", "contracts": 0, "rule_set": "plan",
    }  # fmt: skip
    return pl.DataFrame([row | values], schema=TRADE_PLAN.schema)


def test_nullable_columns_that_a_former_version_did_not_store_are_read_as_null(warehouse):
    former_plans(warehouse.path)
    bytes_before = warehouse.path.read_bytes()
    row = warehouse.read(TRADE_PLAN, start=FIRST, tickers=["SPY"])
    assert row.schema == TRADE_PLAN.schema
    assert row.equals(plan(FIRST, plan_id="p", spot=470.5))
    some = warehouse.read(TRADE_PLAN, columns=["needs", "spot"])
    assert some.rows() == [(None, 470.5)]
    assert some.schema == {"needs": pl.String, "spot": pl.Float64}
    assert warehouse.path.read_bytes() == bytes_before


def test_a_row_that_names_no_rule_set_is_the_plans_and_the_next_write_says_so(warehouse):
    former_plans(warehouse.path)
    by_name = pl.col("rule_set").alias("name")
    assert warehouse.read(TRADE_PLAN, columns=["rule_set"]).select(by_name).rows() == [("plan",)]
    other = plan(date(2024, 1, 3), rule_set="mine")
    unnamed = plan(date(2024, 1, 4), rule_set=None)
    warehouse.write([(TRADE_PLAN, pl.concat([other, unnamed]))])
    with held(warehouse.path, wait_seconds=1) as connection:
        stored = connection.execute("SELECT rule_set FROM trade_plan ORDER BY date").fetchall()
        assert stored == [("plan",), ("mine",), ("plan",)]
        connection.execute("UPDATE trade_plan SET rule_set = NULL WHERE plan_id = 'p'")
    assert warehouse.read(TRADE_PLAN)["rule_set"].to_list() == ["plan", "mine", "plan"]


def test_the_plans_of_two_sets_may_lie_side_by_side(warehouse):
    rows = pl.concat([plan(FIRST), plan(FIRST, plan_id="other", rule_set="mine")])
    warehouse.write([(TRADE_PLAN, rows)])
    assert warehouse.read(TRADE_PLAN)["rule_set"].to_list() == ["mine", "plan"]
    with pytest.raises(ContractError, match="share a key"):
        warehouse.write([(TRADE_PLAN, pl.concat([plan(FIRST), plan(FIRST, rule_set=None)]))])


def test_a_home_that_cannot_be_written_is_read_with_nulls(warehouse):
    former_plans(warehouse.path)
    warehouse.path.chmod(0o444)
    assert warehouse.read(TRADE_PLAN)["earlier_calls"].to_list() == [None]


@pytest.mark.parametrize("how", ["write", "scope", "replace", "upsert", "create_all"])
def test_the_next_write_adds_the_new_columns_and_keeps_every_row(warehouse, how):
    former_plans(warehouse.path)
    second = date(2024, 1, 3)
    new = plan(second, needs="a call of the models", call_rank=0.5)
    {
        "write": lambda: warehouse.write([(TRADE_PLAN, new)]),
        "scope": lambda: warehouse.write(
            [(TRADE_PLAN, new)], scope=PartitionRange(second, second, ("SPY",))
        ),
        "replace": lambda: warehouse.replace([(TRADE_PLAN, new)], "plan_id", str(second)),
        "upsert": lambda: warehouse.upsert(TRADE_PLAN, new),
        "create_all": warehouse.create_all,
    }[how]()
    expected = [plan(FIRST, plan_id="p", spot=470.5)] + ([new] if how != "create_all" else [])
    assert warehouse.read(TRADE_PLAN).equals(pl.concat(expected))
    added = warehouse.query(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() "
        "WHERE table_name = 'trade_plan' "
        "AND column_name IN ('needs', 'call_rank', 'earlier_calls') ORDER BY 1"
    )
    assert added.rows() == [
        ("call_rank", "DOUBLE", True),
        ("earlier_calls", "INTEGER", True),
        ("needs", "VARCHAR", True),
    ]


def test_a_write_that_fails_leaves_the_former_columns(warehouse, monkeypatch):
    former_plans(warehouse.path)
    monkeypatch.setattr("options_platform.adapters.storage.warehouse._insert", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        warehouse.write([(TRADE_PLAN, plan(date(2024, 1, 3)))])
    names = warehouse.query("SELECT column_name FROM duckdb_columns()")["column_name"]
    assert "needs" not in names.to_list()
    assert warehouse.read(TRADE_PLAN).height == 1


@pytest.mark.parametrize(
    ("former", "named"),
    [
        ({"contracts": "BIGINT"}, "contracts"),
        ({"spot": "VARCHAR", "iv_rank": "INTEGER"}, "iv_rank, spot"),
        ({"plan_name": "VARCHAR"}, "plan_name"),
    ],
)
def test_a_table_that_differs_otherwise_is_refused_although_columns_may_be_added(
    warehouse, former, named
):
    former_plans(warehouse.path, **former)
    for use in (warehouse.read, lambda table: warehouse.write([(table, plan(FIRST))])):
        with pytest.raises(ContractError, match=rf"another schema than this version's \({named}\)"):
            use(TRADE_PLAN)


def test_features_without_one_of_their_columns_are_refused(warehouse):
    # Their nulls would be learnt from as if nothing had been measurable.
    columns = ", ".join(f"{name} DOUBLE" for name in FEATURES_TABLE.schema if name != "rsi_14")
    with held(warehouse.path, wait_seconds=1) as connection:
        connection.execute(f"CREATE TABLE features ({columns})")
    with pytest.raises(ContractError, match="rsi_14"):
        warehouse.read(FEATURES_TABLE)


def test_an_unwritable_folder_is_reported_in_one_line(tmp_path):
    with pytest.raises(HomeError, match="OPTIONS_HOME"):
        Warehouse(tmp_path / "no" / "such" / "w.duckdb").create_all()


HOLD = """
import sys, time, duckdb
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""


def holder(path: Path, seconds: float) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "held"
    return process


def test_a_busy_file_is_waited_for(warehouse):
    with holder(warehouse.path, 0.7):
        warehouse.write([(LABELS, labels())])
    assert warehouse.read(LABELS).height == 3


def test_a_file_that_stays_busy_is_an_error_that_names_the_process(tmp_path):
    warehouse = Warehouse(tmp_path / "w.duckdb", wait_seconds=0.3)
    with holder(warehouse.path, 30) as process:
        try:
            with pytest.raises(WarehouseBusyError, match=rf"process {process.pid}"):
                warehouse.read(LABELS)
        finally:
            process.kill()


WRITE_FOR_EVER = """
import sys
from pathlib import Path
import polars as pl
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import LABELS
warehouse = Warehouse(Path(sys.argv[1]))
frame = warehouse.read(LABELS)
print("ready", flush=True)
value = 1.0
while True:
    value += 1.0
    warehouse.write([(LABELS, frame.with_columns(fwd_return_5d=pl.lit(value)))])
"""


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_the_old_or_the_new_rows(warehouse):
    rows = 2000
    warehouse.write([(LABELS, labels(rows))])
    for attempt in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOR_EVER, str(warehouse.path)],
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            assert process.stdout.readline().strip() == "ready"
            time.sleep(0.05 + 0.011 * attempt)
            os.kill(process.pid, signal.SIGKILL)
        stored = warehouse.read(LABELS)
        assert stored.height == rows
        assert stored["fwd_return_5d"].n_unique() == 1


@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 9), st.integers(1, 10), st.floats(-1, 1)), min_size=1, max_size=6
    )
)
@settings(max_examples=15, deadline=None)
def test_writes_in_any_order_leave_the_last_value_of_each_key(tmp_path_factory, cuts):
    warehouse = Warehouse(tmp_path_factory.mktemp("w") / "w.duckdb")
    expected: dict[date, float] = {}
    for start, length, value in cuts:
        frame = labels(10, value=value).slice(start, length)
        warehouse.write([(LABELS, frame)])
        expected |= dict.fromkeys(frame["date"].to_list(), value)
    stored = warehouse.read(LABELS)
    assert dict(zip(stored["date"], stored["fwd_return_5d"], strict=True)) == expected
