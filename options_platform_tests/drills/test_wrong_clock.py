"""The machine's clock is hours off: the broker's clock and a source's answers show it."""

from datetime import datetime, timedelta

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import NEW_YORK, sessions
from options_platform.fake_alpaca import FakeAlpaca
from options_platform_tests.command_line import run_here
from options_platform_tests.drills.account import enter, sent_orders, trading_in
from options_platform_tests.drills.followed import Drill
from options_platform_tests.fakes.yahoo_server import YahooServer, chart

HOURS = 26


@pytest.mark.long
def test_the_brokers_clock_stops_entries_until_the_machines_is_right(tmp_path):
    with FakeAlpaca() as fake:
        made = trading_in(tmp_path, fake)
        enter(made, "SPY", fake=fake)
        at_broker = sent_orders(fake)
        fake.script("clock", {"offset_seconds": -HOURS * 3600})
        drill = Drill(
            "The machine's clock is wrong", tmp_path, OPTIONS_ALPACA__FAKE_ADDRESS=fake.address
        )
        shown = drill.run("options-platform doctor", code=1)
        assert "BROKEN clock: 936" in shown
        assert "switch on time synchronisation (NTP)" in shown
        assert "s off the broker's; set it right" in drill.run("options-platform reconcile", code=1)
        assert "ledger and broker differ: CLOCK" in drill.run("options-platform alerts")
        enter(made, "SPY", "QQQ", fake=fake)
        (refused,) = [order for order in made.ledger.orders() if order.ticker == "QQQ"]
        assert (refused.status, "DIFFERENCE" in refused.reason) == ("not_sent", True)
        assert sent_orders(fake) == at_broker

        fake.script("clock", {"offset_seconds": 0})
        assert "Ledger and broker agree." in drill.run("options-platform reconcile")
        assert "BROKEN" not in drill.run("options-platform doctor")
        drill.done()


@pytest.mark.long
def test_a_source_that_knows_the_time_stores_nothing_by_a_clock_that_is_ahead(
    tmp_path, monkeypatch
):
    """By it the newest bar would be final, whose session still trades."""
    from options_platform.adapters.sources.yahoo.session import YahooSession

    today = datetime.now(NEW_YORK).date()
    days = sessions(today - timedelta(days=30), today - timedelta(days=1))
    with YahooServer() as server:
        first = YahooSession.__init__
        monkeypatch.setattr(
            YahooSession, "__init__", lambda s, **o: first(s, address=server.address, **o)
        )
        bars = [(day, 400.0 + number % 7, 1_000_000) for number, day in enumerate(days)]
        server.charts["SPY"] = chart("SPY", bars)
        server.seconds_ahead = -HOURS * 3600
        environment = {
            "OPTIONS_SOURCE": "yahoo", "OPTIONS_TICKERS": "SPY", "OPTIONS_START": str(days[0])
        }  # fmt: skip
        arguments = ("backfill", "--select", "raw_ohlcv")
        done = run_here(arguments, tmp_path, environment)
        assert done.returncode == 1
        told = " ".join(done.stderr.split())
        assert f"this machine's clock is {HOURS} h ahead of that of" in told
        assert "set it, switch on time synchronisation (NTP), and run again" in told
        assert Warehouse(tmp_path / ".options" / "warehouse.duckdb").read(RAW_OHLCV).is_empty()
