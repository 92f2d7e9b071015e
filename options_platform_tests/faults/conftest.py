from dataclasses import replace

import pytest

from options_platform.testing.alpaca_account import server, trader
from options_platform_tests.faults.world import DATED, trade


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
