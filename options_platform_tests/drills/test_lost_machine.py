"""The machine is lost: its home is restored on another one, and the broker's orders are found."""

import shutil
from datetime import datetime, timedelta

import pytest

from options_platform.domain.calendar.sessions import NEW_YORK, sessions
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.testing.alpaca_account import trader
from options_platform_tests.drills.account import enter, sent_orders, trading_in
from options_platform_tests.drills.followed import Drill
from options_platform_tests.faults.world import assert_sound, contracts, statuses


def short_history():
    """The first of the last sessions, so that the daily run has little to fetch."""
    today = datetime.now(NEW_YORK).date()
    return str(sessions(today - timedelta(days=30), today)[-5])


@pytest.mark.long
def test_a_lost_machine_is_replaced_without_losing_or_doubling_an_order(tmp_path):
    """At the backup an entry rests, and it fills while no machine is there; two are sent after the
    backup: one fills, and one still rests, which the halt ends."""
    backups, first, second = (tmp_path / name for name in ("backups", "first", "second"))
    backups.mkdir()
    with FakeAlpaca() as fake:
        made = trading_in(first, fake)
        enter(made, "QQQ", fills="rest", fake=fake)
        drill = Drill(
            "The machine is lost",
            first,
            BACKUPS=str(backups),
            OPTIONS_ALPACA__FAKE_ADDRESS=fake.address,
            OPTIONS_START=short_history(),
            OPTIONS_BASELINES="none",
        )
        drill.run('options-platform backup "$BACKUPS/options.tar.gz"')
        enter(made, "QQQ", "SPY", fake=fake)
        (resting,) = made.ledger.working_orders()
        enter(made, "QQQ", "SPY", "IWM", fills="rest", fake=fake)
        wanted = resting.contracts
        shutil.rmtree(first)
        fake.script("fill", {"client_order_id": resting.client_order_id})
        at_broker = sent_orders(fake)

        second.mkdir()
        drill.folder = second
        restored = drill.run('options-platform restore "$BACKUPS/options.tar.gz"')
        assert "New entries are halted (RESTORED from options.tar.gz" in restored
        assert "to use them: cp " in restored
        drill.run("cp .options/options.toml .")
        assert "equity 100,000.00 USD" in drill.run("options-platform doctor")
        assert "Ledger and broker agree." in drill.run("options-platform reconcile")
        orders = drill.run("options-platform orders")
        assert all(f"{ticker} entry adopted" in orders for ticker in ("SPY", "IWM"))
        assert f"canceled 0/{wanted} adopted" in orders
        assert statuses(fake) == ["canceled", "filled", "filled"]
        assert orders.count(f"filled {wanted}/{wanted}") == 2
        positions = drill.run("options-platform positions")
        assert all(f"-{ticker}…" in positions for ticker in ("SPY", "QQQ"))
        again = trader(second / ".options", fake.address)
        assert again.ledger.halted().startswith("LEDGER_OLDER")
        enter(again, "QQQ", "SPY", "IWM", fake=fake)
        assert sent_orders(fake) == at_broker
        assert_sound(again, fake)

        drill.run('options-platform resume --reason "restored, and compared with the broker"')
        assert "done in" in drill.run("options-platform daily")
        drill.done()
        assert sent_orders(fake) == at_broker
        assert again.ledger.halted() is None


@pytest.mark.long
def test_without_a_backup_the_positions_are_adopted_from_the_brokers_orders_and_closed(tmp_path):
    with FakeAlpaca() as fake:
        made = trading_in(tmp_path / "first", fake)
        enter(made, "SPY", "QQQ", fake=fake)
        paid = {order.avg_price for order in made.ledger.orders()}
        shutil.rmtree(tmp_path / "first")
        second = trading_in(tmp_path / "second", fake)
        drill = Drill(
            "Without a backup",
            tmp_path / "second",
            OPTIONS_ALPACA__FAKE_ADDRESS=fake.address,
            OPTIONS_START=short_history(),
        )
        drill.run("options-platform backfill --select raw_ohlcv,vix")
        assert "Ledger and broker agree." in drill.run("options-platform reconcile")
        assert second.ledger.halted().startswith("LEDGER_OLDER")
        positions = drill.run("options-platform positions")
        assert all(f"-{ticker}…" in positions for ticker in ("SPY", "QQQ"))
        assert all(f"debit {price:.2f}" in positions for price in paid)
        assert "2 positions closed, none open." in drill.run("options-platform flatten --yes")
        drill.done()
        assert contracts(fake) == {}
        assert_sound(second, fake)
