"""An account at the fake Alpaca whose home lies where the commands of the page look for it."""

from datetime import UTC, datetime

from options_platform.domain.trading.repricing import deciding_session
from options_platform.testing.alpaca_account import trader
from options_platform_tests.faults.world import trade

SETTINGS = 'source = "simulated"\nbroker = "alpaca"\ntickers = ["SPY", "QQQ", "IWM"]\n'


def at_time(fake, moment):
    """Set the broker's clock; returns the moment."""
    fake.script("clock", {"offset_seconds": (moment - datetime.now(UTC)).total_seconds()})
    return moment


def trading_in(folder, fake):
    """A trading session of the home in a folder, beside its `options.toml`."""
    home = folder / ".options"
    home.mkdir(parents=True, exist_ok=True)
    (folder / "options.toml").write_text(SETTINGS)
    return trader(home, fake.address)


def enter(made, *tickers, fills="limit", fake):
    """Entries of the newest session, sent now, of which the broker fills what it is told to."""
    now = datetime.now(UTC)
    fake.fills = fills
    trade(made, tickers, session=deciding_session(now), now=now)
    fake.fills = "limit"


def sent_orders(fake):
    """How many orders the broker has, by their ids."""
    with fake.lock:
        return sorted(order["client_order_id"] for order in fake.book.orders.values())
