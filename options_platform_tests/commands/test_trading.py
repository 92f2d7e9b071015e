"""The commands of trading at a fake Alpaca; those that ask a question are processes."""

import argparse
import json
import os
import re
import subprocess
import sys
import urllib.request
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands import trading
from options_platform.contracts import RAW_OHLCV, SURFACE_FIT, VIX
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.trading.repricing import deciding_session
from options_platform.domain.valuation import Evidence, Look
from options_platform.errors import UsageError
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.trading.pauses import Pause, pause
from options_platform.services.trading.stop_look_store import keep_looks
from options_platform.settings import make_settings
from options_platform.testing.alpaca_account import trader
from options_platform.testing.market import random_market
from options_platform_tests.adapters.storage.test_warehouse import holder
from options_platform_tests.command_line import run_here
from options_platform_tests.faults.world import POST, trade
from options_platform_tests.surface_fits import measured_rows

TICKERS = ("SPY", "QQQ")
LIVE = 'broker = "alpaca"\n[alpaca]\nlive = true\naccounts = ["123"]\n'


class Shell:
    def __init__(self, folder, fake):
        self.folder, self.fake = folder, fake
        self.home = folder / "home"

    def run(self, *arguments, code=0, answer=None, **environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
        own = {
            "OPTIONS_HOME": str(self.home),
            "OPTIONS_SOURCE": "simulated",
            "OPTIONS_BROKER": "alpaca",
            "OPTIONS_ALPACA__FAKE_ADDRESS": self.fake.address,
        }
        environment = kept | own | environment
        if answer is None:
            done = run_here(arguments, self.folder, environment)
        else:
            done = subprocess.run(
                [sys.executable, "-m", "options_platform", *arguments],
                cwd=self.folder,
                env=environment,
                input=answer,
                capture_output=True,
                text=True,
                check=False,
                timeout=240,
            )
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done

    def json(self, *arguments, code=0):
        return json.loads(self.run(*arguments, "--json", code=code).stdout)


@pytest.fixture
def shell(tmp_path):
    """A home with two filled spreads and nothing else."""
    with FakeAlpaca() as fake:
        made = Shell(tmp_path, fake)
        made.home.mkdir()
        now = datetime.now(UTC)
        service = trader(made.home, fake.address)
        trade(service, TICKERS, session=deciding_session(now), now=now)
        assert len(service.ledger.positions(only_open=True)) == 2
        yield made


def test_orders_positions_and_reconcile_speak_json_and_agree(shell):
    orders, positions = shell.json("orders"), shell.json("positions")
    assert [order["status"] for order in orders["orders"]] == ["filled"] * 2
    assert {position["ticker"] for position in positions["positions"]} == set(TICKERS)
    by_id = {order["position_id"]: order for order in orders["orders"]}
    for position in positions["positions"]:
        order = by_id[position["position_id"]]
        assert [leg["side"] for leg in position["legs"]] == ["buy", "sell"]
        assert order["legs"] == position["legs"]
        expiry, marked = (date.fromisoformat(position[name]) for name in ("expiry", "marked_on"))
        assert {leg["expiry"] for leg in order["legs"]} == {position["expiry"]}
        assert position["days_to_expiry"] == (expiry - marked).days > 0
        assert datetime.fromisoformat(order["placed_at"]).utcoffset() == timedelta(0)
    newest = max(datetime.fromisoformat(order["updated_at"]) for order in orders["orders"])
    for printed in (orders, positions):
        assert newest <= datetime.fromisoformat(printed["as_of"]) <= datetime.now(UTC)
    assert shell.json("reconcile") == []
    assert "agree" in shell.run("reconcile").stdout


@pytest.mark.long
def test_the_tables_fit_a_terminal_and_show_their_time(shell):
    for name in ("orders", "positions"):
        heading, *_, printed = shell.run(name).stdout.splitlines()
        assert heading.split()[0] == ("decided" if name == "orders" else "position")
        assert f"{datetime.now(UTC):%Y-%m-%d}" in printed
        assert "options-platform reconcile" in printed
        assert max(map(len, shell.run(name).stdout.splitlines())) <= 100
    text = shell.run("positions").stdout
    shown = {line.split()[0] for line in text.splitlines() if "…" in line}
    for position in shell.json("positions")["positions"]:
        # The table has the beginning of an id, by which all of it is shown.
        (short,) = {one for one in shown if position["position_id"].startswith(one.rstrip("…"))}
        assert f"Its id: {position['position_id']}" in shell.run("positions", short).stdout
        assert "/".join(f"{leg['strike']:g}" for leg in position["legs"]) in re.sub(
            r"[+-]1[CP]", "", text
        )


def test_a_broker_that_does_not_answer_is_not_a_difference_to_accept(shell):
    printed = shell.run(
        "reconcile", code=1, OPTIONS_ALPACA__FAKE_ADDRESS="http://127.0.0.1:9"
    ).stdout
    assert "Check the connection and the broker's keys" in printed
    assert "--accept" not in printed
    assert "curl.se" not in printed


@pytest.mark.long
def test_a_halt_keeps_its_first_reason_and_nothing_halted_is_not_resumed(shell):
    assert shell.run("resume").stdout == "Nothing was halted; new orders are allowed.\n"
    assert shell.json("halt", "--reason", "storm") == {"state": "halted", "reason": "storm"}
    assert shell.json("halt") == {"state": "halted", "reason": "storm"}
    assert "halted, as before (storm)" in shell.run("halt", "--reason", "wind").stdout
    assert shell.run("resume").stdout == "New orders are allowed again.\n"


def test_a_difference_is_reported_stops_entries_and_can_be_accepted(shell):
    shell.fake.script("move", {"symbol": "AAPL260220C00120000", "quantity": 1, "price": 1.0})
    found = shell.json("reconcile", code=1)
    assert [(d["code"], d["subject"]) for d in found] == [("CONTRACTS", "AAPL260220C00120000")]
    assert shell.json("status")["differences"] == [found[0]["text"]]
    assert "options-platform reconcile --accept" in shell.run("reconcile", code=1).stdout
    assert shell.json("reconcile", "--accept", "bought by hand") == []
    assert shell.json("status")["differences"] == []


def test_flatten_asks_first_and_then_closes_everything_and_halts(shell):
    refused = shell.run("flatten", code=2, answer="flatten\n")
    assert "--yes" in refused.stderr
    assert shell.fake.count(POST) == 2
    held = {position["position_id"] for position in shell.json("positions")["positions"]}
    printed = shell.run("flatten", "--yes").stdout
    assert "2 positions closed, none open.\n" in printed
    assert shell.fake.book.positions == {}
    assert shell.json("positions")["positions"] == []
    assert len(held) == 2
    assert shell.json("status")["halted"] == "FLATTEN"
    # A second time there is nothing to do.
    assert shell.json("flatten", "--yes") == {
        "closed": [], "open": [], "working_exits": [], "problems": []
    }  # fmt: skip
    assert shell.fake.count(POST) == 4
    shell.run("resume", "--reason", "looked into it")
    assert shell.json("status")["halted"] is None


@pytest.mark.long
def test_a_warehouse_that_is_busy_does_not_keep_flatten_from_closing(shell):
    settings = trader(shell.home, shell.fake.address).settings
    with holder(settings.warehouse_path, 120) as process:
        done = shell.run("flatten", "--yes", OPTIONS_WAREHOUSE_WAIT_SECONDS="1")
        process.kill()
    assert "2 positions closed, none open.\n" in done.stdout
    assert shell.fake.book.positions == {}
    assert "without stored closes only quotes value positions" in done.stderr
    assert "without the stored fits" in done.stderr


def test_flatten_prices_on_the_same_surface_as_work(tmp_path, monkeypatch):
    settings = make_settings({"home": tmp_path, "source": "simulated"})
    warehouse, day = Warehouse(settings.warehouse_path), date(2024, 7, 2)
    bars, vix = random_market(("SPY",), start=day, end=day)
    warehouse.write([(RAW_OHLCV, bars), (VIX, vix)])
    row = {"date": day, "ticker": "SPY", "level": 1.2, "is_adopted": True}
    warehouse.write([(SURFACE_FIT, measured_rows(settings, warehouse, [row]))])
    surfaces = []

    class Seen:
        def __init__(self, session, closes=None):
            surfaces.append(session.settings.plan.chain.surface)
            self.run = self.advance = self.refused = lambda _: []

    for name in ("Flattening", "OrderWorker"):
        monkeypatch.setattr(trading, name, Seen)
    monkeypatch.setattr(trading, "reading_settings", lambda: settings)
    assert trading.flatten(argparse.Namespace(yes=True, json=True)) == 0
    with pytest.raises(UsageError, match="fills at the close"):
        trading.work(argparse.Namespace(once=True, json=True))
    flattening, working = surfaces
    assert isinstance(flattening, LearnedSurface)
    assert flattening == working


@pytest.mark.long
def test_a_halt_by_losses_is_resumed_only_with_a_reason(shell):
    trader(shell.home, shell.fake.address).ledger.halt("DAILY_LOSS: 4,000 USD lost")
    refused = shell.run("resume", code=2)
    assert "DAILY_LOSS: 4,000 USD lost" in refused.stderr
    assert shell.json("status")["halted"].startswith("DAILY_LOSS")
    assert shell.json("resume", "--reason", "hedged")["reason"] == "hedged"
    assert shell.json("status")["halted"] is None


@pytest.mark.long
def test_status_shows_a_pause_and_doubtful_quotes_and_resume_ends_the_pause(shell):
    ledger, now = trader(shell.home, shell.fake.address).ledger, datetime.now(UTC)
    first, second = (position.position_id for position in ledger.positions())
    pause(ledger, Pause("DAILY_LOSS: 4,000.00 USD lost", now), now)
    day = now.astimezone(NEW_YORK).date()
    decided = Evidence(False, -1.0, -1.0, True, Look(unsure_since=now))
    keep_looks(ledger, day, {first: decided, second: replace(decided, by_model=False)}, now)
    printed = shell.json("status")
    assert printed["paused"].startswith("DAILY_LOSS")
    assert (printed["halted"], list(printed["unsure_quotes"])) == (None, [first])
    brief = shell.run("status").stdout
    assert "  new entries are paused: DAILY_LOSS: 4,000.00 USD lost\n" in brief
    assert f"  quotes say nothing of a position: the quotes of {first} (QQQ) are wide" in brief
    assert second not in brief
    assert shell.run("resume").stdout == "New orders are allowed again.\n"
    assert shell.json("status")["paused"] is None
    assert "Nothing was halted" in shell.run("resume").stdout


@pytest.mark.long
def test_work_has_nothing_to_do_when_no_order_works(shell):
    assert shell.json("work", "--once") == []
    done = shell.run("work", code=2, OPTIONS_BROKER="simulated", OPTIONS_ACCOUNT="other")
    assert "fills at the close" in done.stderr


def leaving(shell):
    """Send an exit of one position that rests at the broker; returns its id."""
    shell.fake.fills = "rest"
    service, now = trader(shell.home, shell.fake.address), datetime.now(UTC)
    position = service.ledger.positions()[0]
    with service.ledger.trading():
        order = service.closing.close_position(position, deciding_session(now), "TIME", None, now)
    return order.client_order_id


@pytest.mark.long
def test_work_names_an_exit_that_waits_to_be_sent_again(shell):
    number = leaving(shell)
    shell.fake.script("cancel", {"client_order_id": number})
    shell.json("reconcile")
    away = {"on": "GET /v2/orders", "do": "status", "status": 502, "times": 99}
    shell.fake.script("faults", away)
    (row,) = shell.json("work", "--once")
    assert (row["client_order_id"], row["status"]) == (number, "canceled")
    assert "will be sent again" in shell.run("work", "--once").stdout
    shell.fake.faults.clear()
    assert [row["status"] for row in shell.json("work", "--once")] == ["accepted"]


def test_work_names_an_exit_that_was_rejected_and_fails(shell):
    number = leaving(shell)
    shell.fake.script("reject", {"client_order_id": number})
    assert [row["status"] for row in shell.json("work", code=1)] == ["rejected"]
    output = shell.run("work", code=1).stdout
    assert f"{number} was rejected" in output
    assert "options-platform flatten" in output


def test_another_broker_needs_another_account_name(shell):
    done = shell.run("reconcile", code=1, OPTIONS_BROKER="simulated")
    assert "set OPTIONS_ACCOUNT" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_live_trading_warns_loudly_and_has_a_separate_ledger(shell):
    (shell.folder / "options.toml").write_text(LIVE)
    live = {"OPTIONS_ALPACA__FAKE_ADDRESS": ""}
    done = shell.run("orders", **live)
    assert "REAL MONEY" in done.stderr
    assert "no orders yet" in done.stdout
    assert "REAL MONEY" not in shell.run("orders", **live, OPTIONS_ALPACA__LIVE="off").stderr


def test_the_environment_alone_never_makes_trading_live(shell):
    done = shell.run("orders", code=2, OPTIONS_ALPACA__LIVE="true")
    assert "write live = true under [alpaca] in options.toml" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_fake_server_starts_from_the_command_line_and_explains_its_use(tmp_path):
    server = subprocess.Popen(
        [sys.executable, "-m", "options_platform", "fake-alpaca", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        lines = [server.stdout.readline() for _ in range(2)]
        address = re.search(r"OPTIONS_ALPACA__FAKE_ADDRESS=(\S+)", lines[1])[1]
        with urllib.request.urlopen(f"{address}/v2/account") as answer:
            assert json.load(answer)["account_number"] == "PAFAKE000001"
    finally:
        server.kill()
        server.wait()
        server.stdout.close()
