"""A separate server for each test, with a clock that the test sets."""

import pytest

from options_platform.fake_alpaca import FakeAlpaca
from options_platform_tests.fake_alpaca.account import NOON, Client


@pytest.fixture
def clock():
    return {"now": NOON}


@pytest.fixture
def client(clock):
    with FakeAlpaca(now=lambda: clock["now"]) as fake:
        yield Client(fake)


@pytest.fixture
def account(client):
    return client.fake
