"""Several processes, and old, damaged or full ledgers: one order, or an error that says why not."""

import threading
import time
from contextlib import suppress

import pytest

from options_platform.domain.trading.reducer import Event
from options_platform.errors import LedgerError
from options_platform.services.planning.plan_tables import entry_order
from options_platform.services.trading.flatten import Flattening
from options_platform.testing.alpaca_account import NOW, TICKERS, plans_of, trader
from options_platform_tests.faults.world import (
    POST,
    accept,
    assert_full_disk_lost_nothing,
    assert_sound,
    contracts,
    ended,
    start,
    statuses,
    trade,
)


@pytest.mark.long
def test_four_processes_that_submit_the_same_plans_send_each_order_once(tmp_path, fake):
    children = [start(tmp_path, fake.address, tickers=TICKERS) for _ in range(4)]
    codes = [ended(child)[0] for child in children]
    assert codes == [0] * 4
    assert statuses(fake) == ["filled"] * 3
    assert fake.count(POST) == 3
    assert_sound(trader(tmp_path, fake.address), fake)


def test_four_senders_past_the_lock_still_make_one_order(tmp_path, fake):
    """Not even the lock is needed: ids are unique at the broker."""
    fake.script("faults", {"do": "hang_after", "seconds": 1})
    made = [trader(tmp_path, fake.address, timeout=5) for _ in range(4)]
    plans, legs = plans_of()
    order = entry_order(plans.row(0, named=True), legs, "paper")

    def send(one):
        # What another sender has written since is not undone.
        with suppress(LedgerError):
            one.execution.carry_out(order, Event.WANTED, NOW)

    threads = [threading.Thread(target=send, args=(one,)) for one in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses(fake) == ["filled"]
    assert made[0].ledger.orders()[0].status == "filled"


@pytest.mark.long
def test_two_daemons_share_one_ledger_without_a_second_order(tmp_path, fake):
    """The second waits for the first, reports so if that hangs, and sends nothing."""
    fake.script("faults", {"do": "hang_after", "seconds": 60})
    first = start(tmp_path, fake.address, TIMEOUT="60")
    deadline = time.monotonic() + 60
    while fake.count(POST) == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
    code, output = ended(start(tmp_path, fake.address, WAIT="0.2"))
    assert code == 1
    assert "another process trades by ledger.duckdb" in output
    fake.script("release", {})
    assert ended(first)[0] == 0
    made = trader(tmp_path, fake.address)
    trade(made)
    assert statuses(fake) == ["filled"]
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_an_unknown_fill_does_not_count_as_an_adjustment(tmp_path, resting):
    made = trader(tmp_path, resting.address)
    (order,) = trade(made)
    resting.script("fill", {"client_order_id": order.client_order_id, "spreads": 3})
    assert accept(made, NOW, "looked") == []
    assert made.ledger.statement().adjustments == {}
    assert made.ledger.positions()[0].contracts == 3
    assert_sound(made, resting)


def test_a_foreign_position_stops_entries_until_it_is_accepted(tmp_path, fake):
    made = trader(tmp_path, fake.address)
    fake.script("move", {"symbol": "AAPL150220C00120000", "quantity": 2, "price": 1.0})
    order = trade(made)[0]
    assert (order.status, order.reason) == ("not_sent", "DIFFERENCE")
    assert [d.code for d in made.ledger.differences()] == ["CONTRACTS"]
    assert fake.count(POST) == 0
    assert accept(made, NOW, "bought by hand") == []
    trade(made, ("SPY", "QQQ"))
    assert statuses(fake) == ["filled"]


def test_a_restored_ledger_adopts_orders_sent_since_the_backup(tmp_path, fake):
    assert ended(start(tmp_path, fake.address, "intent recorded"))[0] == -9
    made = trader(tmp_path, fake.address)
    assert made.ledger.orders()[0].status == "intent"
    backup = made.ledger.path.read_bytes()
    trade(made)
    made.ledger.path.write_bytes(backup)
    trade(made)
    assert statuses(fake) == ["filled"]
    assert fake.count(POST) == 1
    assert_sound(made, fake)


def test_a_ledger_that_lost_orders_adopts_them_and_opens_nothing(tmp_path, fake):
    """It is older than the account, so it may have forgotten a halt too: a person resumes."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    newer = trader(tmp_path / "a", fake.address)
    trade(newer, ("SPY",))
    older = trader(tmp_path / "b", fake.address)
    trade(older, ("QQQ",))
    assert older.ledger.halted().startswith("LEDGER_OLDER: ")
    assert {o.ticker: o.status for o in older.ledger.orders()} == {
        "SPY": "filled",
        "QQQ": "not_sent",
    }
    assert older.ledger.differences() == []
    assert fake.count(POST) == 1
    (position,), (adopted,) = newer.ledger.positions(), older.ledger.positions()
    assert (adopted.legs, adopted.contracts) == (position.legs, position.contracts)
    assert adopted.max_loss_usd == pytest.approx(position.max_loss_usd, rel=0.02)
    assert Flattening(older, {}).run(NOW) == []
    assert contracts(fake) == {}


@pytest.mark.parametrize("damage", ["cut", "scrambled", "emptied"])
def test_a_damaged_ledger_sends_nothing_and_reports_it_in_one_line(tmp_path, fake, damage):
    made = trader(tmp_path, fake.address)
    trade(made)
    path = made.ledger.path
    whole = path.read_bytes()
    path.write_bytes(
        {"cut": whole[: len(whole) // 3], "scrambled": b"\x7f" * len(whole), "emptied": b""}[damage]
    )
    code, output = ended(start(tmp_path, fake.address, tickers=TICKERS))
    assert code == 1
    refused = [line for line in output.splitlines() if line.startswith("refused: ")]
    assert len(refused) == 1
    assert "ledger.duckdb cannot be used" in refused[0]
    assert "Traceback" not in output
    assert fake.count(POST) == 1


@pytest.mark.long
@pytest.mark.parametrize("kilobytes", [4, 64, 300, 900])
def test_a_full_disk_loses_no_order(tmp_path, fake, kilobytes):
    """Files may not grow past a size; wherever that fails, repeating ends with one order."""
    code, output = ended(start(tmp_path, fake.address, MOST_BYTES=str(kilobytes * 1024)))
    assert (code, "Traceback" in output) in ((0, False), (1, False)), output
    assert_full_disk_lost_nothing(tmp_path, fake)
