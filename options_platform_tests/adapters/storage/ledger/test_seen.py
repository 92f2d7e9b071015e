"""The copy of a ledger in memory is never older than the file."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from options_platform.adapters.storage.ledger import Ledger, schema, seen
from options_platform.domain.trading.position_fills import after_fill
from options_platform.errors import LedgerError
from options_platform_tests.domain.trading.orders.test_orders import DAY, ORDER

NOW = datetime(2024, 1, 3, 15, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path):
    return Ledger(tmp_path / "ledger.duckdb")


def test_a_change_is_read_while_the_file_is_open(ledger):
    with ledger.holding():
        assert (ledger.orders(), ledger.positions()) == ([], [])
        ledger.record_intent(ORDER, NOW)
        assert [order.status for order in ledger.orders()] == ["intent"]
        filled = replace(ORDER, status="unknown").to("filled", filled_qty=5, avg_price=2.0)
        ledger.record(ORDER.to("unknown"), NOW)
        ledger.record(filled, NOW, after_fill(filled, filled, None, DAY))
        assert ledger.order(ORDER.client_order_id).status == "filled"
        assert ledger.working_orders() == []
        assert [p.contracts for p in ledger.positions(only_open=True)] == [5]
        assert ledger.statement().positions == tuple(ledger.positions())


def test_what_is_kept_is_read_anew_after_each_change_and_once_until_then(ledger, monkeypatch):
    read = []
    rows = seen.SeenLedger.rows

    def counted(this, connection, query, params=()):
        if (query, *params) not in this.answers:
            read.append(query)
        return rows(this, connection, query, params)

    monkeypatch.setattr(seen.SeenLedger, "rows", counted)
    with ledger.holding():
        for count, text in enumerate(("first", "second", None), 1):
            ledger.keep("word", text, NOW)
            assert [ledger.kept("word"), ledger.kept("word")] == [text, text]
            assert len(read) == count
        ledger.halt("by hand", NOW)
        assert ledger.halted() == "by hand"
        ledger.adjust({"SPY240119C00480000": 2}, 1.5, NOW, "looked at")
        assert ledger.statement().adjustments == {"SPY240119C00480000": 2}
        assert ledger.statement().cash_base_usd == 1.5
        ledger.record_doubts(["SPY240119C00480000"], NOW)
        assert ledger.doubts() == {"SPY240119C00480000": NOW}
        ledger.record_doubts(["SPY240119C00480000"], NOW.replace(hour=16))
        assert ledger.doubts() == {"SPY240119C00480000": NOW}
        ledger.record_doubts([], NOW)
        assert ledger.doubts() == {}
    assert Ledger(ledger.path).halted() == "by hand"


def test_a_change_leaves_the_rows_of_other_tables_as_they_were_read(ledger):
    with ledger.holding():
        ledger.keep("word", "first", NOW)
        ledger.record_intent(ORDER, NOW)
        positions, kept = ledger.statement().positions, ledger.kept("word")
        ledger.record(ORDER.to("unknown"), NOW)
        with ledger._reading() as connection:
            assert ledger._positions(connection) is positions
            cache = ledger._seen(connection)
            assert cache.orders is None
            assert ("SELECT key, value FROM meta",) in cache.answers
        ledger.resume("looked at", NOW)
        with ledger._reading() as connection:
            assert ledger._seen(connection) == seen.SeenLedger(cache.owner)
    assert ledger.kept("word") == kept


def test_a_change_that_was_rolled_back_is_not_read(ledger, monkeypatch):
    with ledger.holding():
        ledger.record_intent(ORDER, NOW)

        def fail(*_args, **_more):
            raise RuntimeError

        monkeypatch.setattr("options_platform.adapters.storage.ledger.orders.write_row", fail)
        position = after_fill(
            ORDER,
            ORDER.to("unknown").to("filled", filled_qty=5, avg_price=2.0),
            None,
            DAY,
        )
        with pytest.raises(RuntimeError):
            ledger.record(ORDER.to("unknown"), NOW, position)
        assert [order.status for order in ledger.orders()] == ["intent"]


def test_rows_that_another_process_wrote_meanwhile_are_read(ledger):
    ledger.record_intent(ORDER, NOW)
    assert len(ledger.orders()) == 1
    # A ledger of its own opens the file anew, as another process does.
    Ledger(ledger.path).record_intent(replace(ORDER, client_order_id="another"), NOW)
    assert len(ledger.orders()) == 2


def test_the_tables_are_checked_once_while_the_file_is_open(ledger, monkeypatch):
    looks = []

    def prepare(connection):
        looks.append(connection)
        schema.prepare(connection)

    monkeypatch.setattr(seen, "prepare", prepare)
    with ledger.trading():
        ledger.record_intent(ORDER, NOW)
        ledger.orders()
        ledger.halted()
    assert len(looks) == 1


def test_another_accounts_ledger_is_refused_while_its_owner_has_the_file_open(ledger):
    with ledger.holding():
        ledger.record_intent(ORDER, NOW)
        with pytest.raises(LedgerError, match="belongs to account paper"):
            replace(ledger, account="another").orders()
        assert len(ledger.orders()) == 1
