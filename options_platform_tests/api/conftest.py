import pytest

from options_platform.api import open_home


@pytest.fixture(scope="session")
def asked(simulated_home):
    """The settings of the simulated home, as a researcher would give them."""
    return {
        "source": "simulated",
        "tickers": ("SPY", "QQQ"),
        "start": simulated_home.start,
        "end": simulated_home.end,
        "account_value_usd": 1_000_000,
    }


@pytest.fixture(scope="session")
def home(simulated_home, asked):
    return open_home(simulated_home.home, settings=asked)
