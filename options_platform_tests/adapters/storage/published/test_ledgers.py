"""A published ledger is read as the ledger is, and halts from the notice on."""

from datetime import UTC, datetime

import pytest
from polars.testing import assert_frame_equal

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.ledger.halt_notice import leave_notice
from options_platform.adapters.storage.published.ledgers import published_ledger
from options_platform.adapters.storage.published.publishing import publish
from options_platform.adapters.storage.published.versions import version_of_nothing
from options_platform.errors import DamagedError, LedgerError
from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    service,
)


@pytest.fixture(scope="module")
def account(tmp_path_factory):
    """A ledger with an open position, and the read side of its copy."""
    # Folders are named as a column's value is in other data sets.
    folder = tmp_path_factory.mktemp("account") / "ticker=QQQ" / "contracts=9"
    folder.mkdir(parents=True)
    made = service(folder, tickers=("SPY",))
    for day in DAYS[1:3]:
        plans, legs = planned(day)
        made.run_session(day, plans, legs, market([250.0, 249.5]), NOW)
    version = publish(made.settings.home, wait_seconds=10)
    return made.ledger, published_ledger(made.ledger, version)


def test_orders_positions_and_marks_are_those_of_the_ledger(account):
    ledger, copy = account
    assert ledger.orders()
    assert copy.exists
    assert copy.orders() == ledger.orders()
    assert copy.positions() == ledger.positions()
    assert copy.working_orders() == ledger.working_orders()
    assert copy.last_marked() == ledger.last_marked()
    assert copy.differences() == ledger.differences()
    assert copy.statement() == ledger.statement()
    for name in ("orders", "order_events", "account_events", "positions", "marks"):
        assert_frame_equal(copy.table(name), ledger.table(name), check_exact=True)


def test_a_notice_halts_the_copy_at_once_and_writes_nothing(account):
    ledger, copy = account
    events = ledger.table("account_events")
    leave_notice(ledger.path, "stop", datetime(2026, 1, 3, tzinfo=UTC))
    try:
        assert copy.halted() == "stop"
        assert copy.table("account_events")["kind"].to_list()[-1] == "halted"
        assert_frame_equal(ledger.table("account_events"), events)
    finally:
        ledger.path.with_name(f"{ledger.path.name}.halt").unlink()


def test_nothing_is_recorded_and_nothing_is_sent_by_the_copy(account):
    _, copy = account
    with pytest.raises(LedgerError, match="only read"):
        copy.keep("note", "text", NOW)
    with pytest.raises(LedgerError, match="only read"), copy.trading():
        pass


def test_a_ledger_that_does_not_exist_has_no_copy_but_its_notice_halts(tmp_path):
    ledger = Ledger(tmp_path / "ledger.duckdb")
    copy = published_ledger(ledger, version_of_nothing(tmp_path))
    assert not copy.exists
    leave_notice(ledger.path, "stop", NOW)
    assert copy.exists
    assert copy.halted() == "stop"
    assert not ledger.path.exists()


def test_the_copy_of_a_damaged_ledger_is_not_shown_in_its_place(account):
    ledger, copy = account
    damage = DamagedError(ledger.path, "its end is missing")
    damaged = published_ledger(ledger, copy.database.version, damage)
    assert damaged.exists
    with pytest.raises(LedgerError, match=r"cannot be used \(it is damaged: its end is missing\)"):
        damaged.orders()


def test_the_ledger_of_another_account_is_refused(account):
    ledger, copy = account
    other = Ledger(ledger.path, account="other")
    with pytest.raises(LedgerError, match="belongs to account paper"):
        published_ledger(other, copy.database.version).orders()
