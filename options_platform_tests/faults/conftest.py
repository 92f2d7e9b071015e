import pytest

from options_platform_tests.faults.world import server


@pytest.fixture
def fake():
    """A server that fills each order at its limit."""
    with server() as made:
        yield made


@pytest.fixture
def resting():
    """A server that lets orders work."""
    with server(fills="rest") as made:
        yield made
