"""A version is upgraded and rolled back: what doctor names, what is refused, what comes back."""

import json
from contextlib import closing

import duckdb
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import REGIME, TRADE_PLAN
from options_platform.fake_alpaca import FakeAlpaca
from options_platform_tests.drills.account import enter, sent_orders, trading_in
from options_platform_tests.drills.followed import Drill
from options_platform_tests.faults.world import assert_sound


def make_older(home, warehouse):
    """The home as a former release left it: columns are missing, and the note of its layout."""
    warehouse.create_all()
    kept = TRADE_PLAN.required.union(TRADE_PLAN.fixed_columns)
    added = next(name for name in reversed(TRADE_PLAN.schema.names()) if name not in kept)
    for path, table, column in (
        (home / "ledger.duckdb", "orders", "rule_set"),
        (warehouse.path, TRADE_PLAN.name, added),
    ):
        with closing(duckdb.connect(str(path))) as connection:
            connection.execute(f'ALTER TABLE {table} DROP COLUMN "{column}"')
    (home / "home.json").write_text(json.dumps({"layout": 0, "version": "0.0.9"}))


@pytest.mark.long
def test_a_new_version_is_checked_and_the_old_one_goes_on_from_the_backup(tmp_path):
    """The old one's home is opened by this version, which sends an order that the backup does not
    know; then it is one of a layout that is not known here."""
    backups, folder = tmp_path / "backups", tmp_path / "machine"
    backups.mkdir()
    with FakeAlpaca() as fake:
        made = trading_in(folder, fake)
        enter(made, "SPY", fake=fake)
        warehouse = Warehouse(folder / ".options" / "warehouse.duckdb")
        make_older(folder / ".options", warehouse)
        drill = Drill(
            "Upgrade and rollback",
            folder,
            BACKUPS=str(backups),
            OPTIONS_ALPACA__FAKE_ADDRESS=fake.address,
        )
        drill.run('options-platform backup "$BACKUPS/before-upgrade.tar.gz"')

        # A column has another type in the new version.
        with closing(duckdb.connect(str(warehouse.path))) as connection:
            connection.execute(
                f"ALTER TABLE {REGIME.name} ALTER COLUMN days_in_regime TYPE VARCHAR"
            )
        shown = drill.run("options-platform doctor --deep", code=1)
        assert (
            "BROKEN schema: the stored table regime has another schema than this version's" in shown
        )
        assert "compute it again: options-platform backfill --rebuild regime" in shown
        assert ": 1 of at most" in drill.run("options-platform status")
        assert "Ledger and broker agree." in drill.run("options-platform reconcile")

        enter(made, "SPY", "QQQ", fake=fake)
        newer = folder / ".options" / "home.json"
        newer.write_text(json.dumps({"layout": 99, "version": "9.1.0"}))
        at_broker = sent_orders(fake)
        before = (folder / ".options" / "ledger.duckdb").read_bytes()

        restored = drill.run('options-platform restore "$BACKUPS/before-upgrade.tar.gz"')
        assert "The former content is now in" in restored
        (aside,) = folder.glob(".options.before-*")
        assert (aside / "ledger.duckdb").read_bytes() == before
        assert "Ledger and broker agree." in drill.run("options-platform reconcile")
        positions = drill.run("options-platform positions")
        assert all(f"-{ticker}…" in positions for ticker in ("SPY", "QQQ"))
        assert made.ledger.halted().startswith("LEDGER_OLDER")
        drill.run('options-platform resume --reason "rolled back, and compared with the broker"')
        drill.done()
        assert sent_orders(fake) == at_broker
        assert_sound(made, fake)
        assert warehouse.other_schemas() == []
