import os
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import UTC, datetime

import duckdb
import pytest

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.trading.orders import client_order_id
from options_platform.domain.trading.position_fills import after_fill
from options_platform.domain.trading.positions import AccountMark
from options_platform.domain.trading.reconciliation.differences import Difference
from options_platform.errors import LedgerError
from options_platform_tests.domain.trading.orders.test_orders import DAY, ORDER

NOW = datetime(2024, 1, 3, 15, tzinfo=UTC)
FIRST_TABLES = """
CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE orders (
    client_order_id VARCHAR PRIMARY KEY, session DATE NOT NULL, ticker VARCHAR NOT NULL,
    purpose VARCHAR NOT NULL, position_id VARCHAR NOT NULL, plan_id VARCHAR NOT NULL,
    strategy VARCHAR NOT NULL, legs VARCHAR NOT NULL, contracts INTEGER NOT NULL,
    limit_price DOUBLE, max_loss_usd DOUBLE NOT NULL, max_profit_usd DOUBLE NOT NULL,
    status VARCHAR NOT NULL, reason VARCHAR, filled_qty INTEGER NOT NULL, avg_price DOUBLE,
    fees_usd DOUBLE NOT NULL, updated_at TIMESTAMP NOT NULL
);
CREATE SEQUENCE event_number;
CREATE TABLE order_events (
    number BIGINT DEFAULT nextval('event_number'), recorded_at TIMESTAMP NOT NULL,
    client_order_id VARCHAR NOT NULL, status VARCHAR NOT NULL, detail VARCHAR
);
CREATE TABLE positions (
    position_id VARCHAR PRIMARY KEY, ticker VARCHAR NOT NULL, strategy VARCHAR NOT NULL,
    legs VARCHAR NOT NULL, contracts INTEGER NOT NULL, opened_on DATE NOT NULL,
    entry_price DOUBLE NOT NULL, entry_dte INTEGER NOT NULL, max_loss_usd DOUBLE NOT NULL,
    max_profit_usd DOUBLE NOT NULL, fees_usd DOUBLE NOT NULL, mark_price DOUBLE NOT NULL,
    marked_on DATE NOT NULL, exit_price DOUBLE, closed_on DATE, exit_reason VARCHAR
);
CREATE TABLE marks (
    session DATE PRIMARY KEY, cash_usd DOUBLE, positions_usd DOUBLE, equity_usd DOUBLE,
    realised_usd DOUBLE, unrealised_usd DOUBLE, open_positions INTEGER
);
INSERT INTO meta VALUES ('account', 'paper'), ('label', 'paper'), ('halted', 'storm');
INSERT INTO orders VALUES
    ('a', '2024-01-02', 'SPY', 'entry', 'a', 'p', 's', '[]', 2, 1.0, 9, 9, 'pending', NULL, 0,
     NULL, 0, '2024-01-02'),
    ('b', '2024-01-02', 'QQQ', 'entry', 'b', 'p', 's', '[]', 2, 1.0, 9, 9, 'filled', NULL, 2, 1.0,
     0, '2024-01-02');
INSERT INTO order_events (recorded_at, client_order_id, status) VALUES
    ('2024-01-02', 'a', 'pending'), ('2024-01-02', 'b', 'filled');
INSERT INTO positions VALUES
    ('b', 'QQQ', 's', '[]', 2, '2024-01-03', 1.0, 30, 9, 9, 0, 1.0, '2024-01-03', 2.0,
     '2024-01-05', 'TIME');
"""
KILLED = """
    import os, signal, sys
    from pathlib import Path
    from options_platform.adapters.storage.ledger import Ledger
    from options_platform_tests.adapters.storage.ledger.test_ledger import NOW, ORDER
    ledger = Ledger(Path(sys.argv[1]))
    with ledger.holding():
        ledger.record_intent(ORDER, NOW)
        ledger.record(ORDER.to("unknown", placed_at=NOW), NOW, detail="SENDING")
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.duckdb")


def killed_in(path):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )


@pytest.fixture
def older(tmp_path):
    path = tmp_path / "older.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(FIRST_TABLES)
    return path


def test_an_older_ledger_keeps_every_row(older):
    ledger = Ledger(older)
    by_id = {order.client_order_id: order for order in ledger.orders()}
    assert {number: order.status for number, order in by_id.items()} == {
        "a": "intent",
        "b": "filled",
    }
    assert all(order.attempt == 1 for order in by_id.values())
    position = ledger.positions()[0]
    assert (position.closed_contracts, position.open_contracts) == (2, 0)
    assert position.profit_usd == 200.0
    assert ledger.table("orders")["rule_set"].to_list() == ["plan", "plan"]
    assert ledger.table("order_events")["client_order_id"].to_list() == ["a", "b"]
    assert ledger.halted() == "storm"


def test_a_ledger_of_before_there_were_rule_sets_opens_and_trades(tmp_path):
    path = tmp_path / "ledger.duckdb"
    former = Ledger(path)
    former.record_intent(ORDER, NOW)
    with duckdb.connect(str(path)) as connection:
        connection.execute("ALTER TABLE orders DROP COLUMN rule_set")
    ledger = Ledger(path)
    assert ledger.orders() == [ORDER]
    number = client_order_id("paper", DAY, "SPY", "entry", rule_set="mine")
    other = replace(ORDER, client_order_id=number, position_id=number)
    ledger.record_intent(other, NOW)
    ledger.record(ORDER.to("unknown", placed_at=NOW), NOW, detail="SENDING")
    stored = ledger.table("orders").select("client_order_id", "rule_set", "status").rows()
    assert sorted(stored) == [
        (ORDER.client_order_id, "plan", "unknown"),
        (number, "mine", "intent"),
    ]
    assert ledger.table("order_events").height == 3


@pytest.mark.parametrize("is_older", [True, False])
def test_records_written_before_a_kill_survive_it(older, tmp_path, is_older):
    """The log of the killed process has to be replayable, that of new tables too."""
    path = older if is_older else tmp_path / "new.duckdb"
    assert killed_in(path).returncode == -9
    found = Ledger(path).order(ORDER.client_order_id)
    assert (found.status, found.placed_at) == ("unknown", NOW)
    events = Ledger(path).table("order_events")
    ours = events.filter(events["client_order_id"] == ORDER.client_order_id)
    assert ours["detail"].to_list() == ["intent", "SENDING"]


def test_every_change_of_an_order_is_a_permanent_event(ledger):
    ledger.record_intent(ORDER, NOW)
    order = ORDER.to("unknown", placed_at=NOW)
    ledger.record(order, NOW, detail="SENDING")
    order = order.to("partially_filled", filled_qty=2, avg_price=2.0)
    ledger.record(order, NOW, after_fill(order, order, None, DAY))
    order = order.to("filled", filled_qty=5, avg_price=2.05)
    ledger.record(order, NOW, after_fill(order, order, None, DAY))
    events = ledger.table("order_events").select("number", "status", "filled_qty", "avg_price")
    assert events.rows() == [
        (1, "intent", 0, None),
        (2, "unknown", 0, None),
        (3, "partially_filled", 2, 2.0),
        (4, "filled", 5, 2.05),
    ]
    assert ledger.orders() == [order]
    assert [p.contracts for p in ledger.positions()] == [5]


def test_a_state_that_was_read_before_a_fill_cannot_undo_it(ledger):
    ledger.record_intent(ORDER, NOW)
    sent = ORDER.to("unknown", placed_at=NOW)
    ledger.record(sent, NOW)
    filled = sent.to("partially_filled", filled_qty=2, avg_price=2.0)
    ledger.record(filled, NOW)
    for stale in (sent, sent.to("accepted"), replace(filled, filled_qty=1)):
        with pytest.raises(LedgerError, match="reconcile"):
            ledger.record(stale, NOW)
    ledger.note(ORDER.client_order_id, NOW, "DOUBT: no answer")
    assert ledger.orders() == [filled]
    events = ledger.table("order_events").select("status", "detail", "filled_qty").rows()
    assert events[-1] == ("partially_filled", "DOUBT: no answer", 2)
    assert len(events) == 4


def test_halting_and_resuming_are_kept_with_their_reasons(ledger):
    ledger.halt("drawdown", NOW)
    ledger.halt("by hand", NOW)
    assert ledger.halted() == "drawdown"
    ledger.resume("looked into it", NOW)
    assert ledger.halted() is None
    assert ledger.table("account_events").select("kind", "detail").rows() == [
        ("halted", "drawdown"),
        ("halted", "by hand"),
        ("resumed", "looked into it"),
    ]


@pytest.mark.parametrize(("halt", "counted"), [("lunch", 3), ("DRAWDOWN: 4,000 USD lost", 1)])
def test_losses_count_from_zero_only_after_a_reset_of_the_kill_switch(ledger, halt, counted):
    for day, equity in enumerate((100_000.0, 98_000.0, 96_000.0), start=2):
        mark = AccountMark(DAY.replace(day=day), equity, 0.0, equity, 0.0, 0.0, 0)
        ledger.record_marks([], mark)
    ledger.halt(halt, NOW)
    ledger.resume("looked into it", NOW)
    assert len(ledger.equities_since_reset()) == counted


def test_a_halt_is_in_force_at_once_even_if_the_ledger_cannot_be_opened(ledger):
    ledger.record_intent(ORDER, NOW)
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(b"scrambled" * 1000)
    with pytest.raises(LedgerError, match="halted from now on"):
        ledger.halt("storm", NOW)
    ledger.path.write_bytes(whole)
    assert ledger.halted() == "storm"
    ledger.resume("over", NOW)
    assert ledger.halted() is None
    assert ledger.table("account_events")["kind"].to_list() == ["halted", "resumed"]


def test_differences_are_kept_until_they_are_resolved(ledger):
    found = [Difference("CASH", "cash", "cash is off")]
    for _ in range(2):
        ledger.record_differences(found, NOW)
    assert ledger.differences() == found
    ledger.record_differences([], NOW)
    assert ledger.differences() == []
    assert ledger.table("account_events")["kind"].to_list() == ["reconciled"] * 2


def test_accepted_contracts_add_up(ledger):
    ledger.adjust({"A": 2, "B": -1}, 1000.0, NOW, "by hand")
    ledger.adjust({"A": -2}, None, NOW, "sold")
    ledger_side = ledger.statement()
    assert (ledger_side.contracts, ledger_side.cash_base_usd) == ({"B": -1}, 1000.0)


def test_a_ledger_of_another_broker_or_label_is_refused(ledger):
    ledger.record_intent(ORDER, NOW)
    for other in (replace(ledger, broker="alpaca"), replace(ledger, label="live")):
        with pytest.raises(LedgerError, match="belongs to account paper"):
            other.orders()


def test_one_process_at_a_time_trades(ledger):
    from threading import Thread

    outcomes = []
    impatient = replace(ledger, wait_seconds=0.1)

    def trade():
        try:
            with impatient.trading():
                outcomes.append("traded")
        except LedgerError as error:
            outcomes.append(str(error))

    with ledger.trading():
        other = Thread(target=trade)
        other.start()
        other.join()
    assert len(outcomes) == 1
    assert "another process trades by ledger.duckdb" in outcomes[0]
    trade()
    assert outcomes[1] == "traded"
