from contextlib import ExitStack
from dataclasses import replace

import pytest

from options_platform.adapters.storage.duck import held
from options_platform.testing.alpaca_account import server, trader
from options_platform_tests.faults.sequences.sequence_world import empty_ledger
from options_platform_tests.faults.world import DATED, trade
from options_platform_tests.short_wire import short_wire


@pytest.fixture
def fake():
    """A server that fills each order at its limit."""
    with server() as made:
        yield made


@pytest.fixture
def resting():
    """A server at which orders rest."""
    with server(fills="rest") as made:
        yield made


@pytest.fixture
def made(tmp_path, fake):
    """An account that holds eight spreads, 253 bought and 258 sold, calls."""
    opened = trader(tmp_path, fake.address)
    trade(opened)
    fake.script("trade", {"ticker": "SPY", "price": 262.0})
    return replace(opened, closes=DATED)


@pytest.fixture
def kept_open(tmp_path):
    """The ledger's file stays open over a test of many processes of ours, which halves its time.

    To close it, as before another program writes it, is `kept_open.close()`.
    """
    ledger = tmp_path / "ledger.duckdb"
    ledger.write_bytes(empty_ledger("alpaca"))
    with ExitStack() as holding:
        holding.enter_context(held(ledger, wait_seconds=10.0))
        yield holding


@pytest.fixture
def near(fake):
    """Requests go straight to the answers of `fake`."""
    with short_wire(fake):
        yield
