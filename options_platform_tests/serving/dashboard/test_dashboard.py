"""The dashboard as a person uses it: every page of a home that has traded, in a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger, replay_ledger
from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import QUARANTINE
from options_platform.domain.calendar.sessions import sessions
from options_platform.reporting.dashboard.pages import PAGES
from options_platform.services.accounting.portfolio_views import ledger_portfolio
from options_platform.services.trading.replay import replay, side_by_side
from options_platform.serving.dashboard.access import make_access
from options_platform.serving.dashboard.made_pages import MadePages
from options_platform_tests.platform import make_platform_settings
from options_platform_tests.web_ui import ROOT, browser_page, free_port

HOSTILE = "<img src=x onerror=document.title='hacked'><script>document.title='hacked'</script>"
CANARY = "canary-9c41e7"
PHONE = {"width": 390, "height": 844}
FIRST, LAST = date(2017, 2, 1), date(2017, 3, 31)


class Server:
    """`options-platform dashboard` of a home, and requests to it."""

    def __init__(self, settings):
        port = free_port()
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
        kept["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path])
        own = {
            "OPTIONS_HOME": str(settings.home), "OPTIONS_SOURCE": "simulated",
            "OPTIONS_TICKERS": "SPY,QQQ", "OPTIONS_START": str(settings.start),
            "OPTIONS_END": str(settings.end), "OPTIONS_ACCOUNT_VALUE_USD": "1000000",
            "ALPACA_API_KEY": CANARY, "ALPACA_SECRET_KEY": CANARY,
            "OPTIONS_ALERT_URLS": f"json://{CANARY}.invalid/",
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, "-m", "options_platform", "dashboard", "--port", str(port)],
            env=kept | own, stdout=subprocess.PIPE, text=True, cwd=settings.home.parent,
        )  # fmt: skip
        self.address = f"http://127.0.0.1:{port}"
        line = self.process.stdout.readline()
        self.key = (re.search(r"http://\S+", line) or [None])[0]

    def wait(self):
        assert self.key, "the dashboard did not start"
        until = time.monotonic() + 60
        while self.status("/today") != 403:
            assert time.monotonic() < until, "the dashboard does not answer"
            time.sleep(0.1)

    def status(self, path, body=None, **headers):
        return self.ask(path, body, **headers)[0]

    def ask(self, path, body=None, **headers):
        data = None if body is None else urllib.parse.urlencode(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.address + path, data, named)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None, ""

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(timeout=30)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def settings(simulated_home, tmp_path_factory):
    """A home that replayed three months, with a row set aside whose text is hostile."""
    home = tmp_path_factory.mktemp("dashboard") / "home"
    shutil.copytree(simulated_home.home, home)
    made = make_platform_settings(home)
    warehouse = Warehouse(made.warehouse_path, wait_seconds=30)
    replay(made, warehouse, sessions(FIRST, LAST), datetime(2017, 4, 1, tzinfo=UTC))
    row = {
        "date": LAST, "ticker": "SPY", "rule": "no_close", "value": HOSTILE,
        "severity": "warning", "source": "simulated", "seen_at": datetime(2017, 4, 1, tzinfo=UTC),
        "status": "open", "decided_at": None, "note": None,
    }  # fmt: skip
    warehouse.upsert(QUARANTINE, pl.DataFrame([row], schema=QUARANTINE.schema))
    publish_changes(home)
    return made


@pytest.fixture(scope="module")
def server(settings):
    started = Server(settings)
    try:
        started.wait()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def cookie(settings):
    access = make_access(settings.home, None, None)
    return f"{access.cookie}={access.secret}"


def number_of(page, name):
    return page.locator(f"#{name}").inner_text().replace(",", "").replace("+", "")


@pytest.mark.browser
def test_every_page_shows_the_numbers_of_the_ledger_on_a_desk_and_on_a_phone(server, settings):
    ledger = replay_ledger(settings)
    marks = ledger.table("marks").sort("session")
    start, newest = ledger.start_usd(), marks.row(-1, named=True)
    foreign = []
    with browser_page(viewport={"width": 1280, "height": 900}, color_scheme="light") as page:
        page.on("request", lambda r: foreign.append(r.url) if not is_own(r.url, server) else None)
        page.goto(server.key)
        for name, about in PAGES.items():
            page.goto(f"{server.address}/{name}")
            assert page.locator("h1").inner_text() == about.title
            if page.locator(".plot").count():
                page.locator(".plot .main-svg").first.wait_for(state="attached")
            assert page.locator(".notice.bad").count() == 0, name
            assert page.title() == f"{about.title} · options-platform"
            page.set_viewport_size(PHONE)
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], name
            page.set_viewport_size({"width": 1280, "height": 900})

        page.goto(f"{server.address}/account")
        assert number_of(page, "equity") == f"{newest['equity_usd']:.2f}"
        assert number_of(page, "cash") == f"{newest['cash_usd']:.2f}"
        assert number_of(page, "profit") == f"{newest['equity_usd'] - start:.2f}"
        peak = max(start, marks["equity_usd"].max())
        assert number_of(page, "drawdown") == f"{100 * (1 - newest['equity_usd'] / peak):.1f}%"
        greeks = ledger_portfolio(
            side_by_side(settings), Warehouse(settings.warehouse_path, wait_seconds=30), ledger
        ).portfolio
        shown = page.locator("tr", has_text="Delta of the account").locator("td").first.inner_text()
        assert float(shown.replace(",", "")) == round(greeks.sort("date")["delta_usd"][-1], 2)
        drawn = page.evaluate("document.querySelector('.plot').data[0].y.length")
        assert drawn == marks.height

        page.goto(f"{server.address}/trades")
        assert number_of(page, "trades") == str(len(ledger.positions()))
        profit = sum(position.profit_usd for position in ledger.positions())
        assert number_of(page, "trades-profit") == f"{profit:.2f}"
        page.get_by_label("Result").select_option("won")
        page.get_by_role("button", name="Show").click()
        won = [p for p in ledger.positions() if p.closed_on and p.profit_usd > 0]
        assert number_of(page, "trades") == str(len(won))

        page.goto(f"{server.address}/system")
        assert HOSTILE in page.locator("td", has_text="onerror").inner_text()
        assert page.locator("img").count() == 0
        ink = page.evaluate("getComputedStyle(document.body).color")
        page.get_by_label("Switch between light and dark").click()
        assert page.evaluate("getComputedStyle(document.body).color") != ink
    assert foreign == []


@pytest.mark.browser
def test_a_halt_takes_the_typed_word_and_comes_to_an_open_page_by_itself(server, settings):
    ledger = open_ledger(settings)
    with browser_page() as page:
        page.goto(server.key)
        page.goto(f"{server.address}/account?account=account")
        beside = page.context.new_page()
        beside.goto(f"{server.address}/today?account=account")
        form = page.locator("form[action='/actions/halt']")
        form.get_by_label("Why").fill(HOSTILE)
        form.get_by_label("Type").fill("flatten")
        form.get_by_role("button").click()
        assert form.get_by_label("Type").evaluate("input => input.validity.patternMismatch")
        form.get_by_label("Type").fill("halt")
        form.get_by_role("button").click()
        page.get_by_text("New orders are halted").wait_for()
        beside.bring_to_front()
        beside.locator(".notice.bad", has_text="onerror").wait_for(timeout=30_000)
        assert beside.title() == "Today · options-platform"
        assert ledger.halted() == HOSTILE
    events = ledger.table("account_events")
    assert events.filter(pl.col("kind") == "halted")["detail"].to_list() == [HOSTILE]


@pytest.mark.long
def test_nothing_is_shown_or_done_without_the_token(server, settings, cookie):
    had_traded = open_ledger(settings).exists
    assert server.status("/account") == 403
    assert server.status("/?token=wrong") == 403
    assert server.status("/account", Cookie=cookie, Host="evil.example") == 400
    assert server.status("/account", Cookie=cookie, X_Forwarded_For="10.0.0.9") == 403
    assert server.status("/static/..%2fapp.py", Cookie=cookie) == 404
    form = {"confirmation": "flatten", "token": make_access(settings.home, None, None).form_token}
    assert server.status("/actions/flatten", form) == 403
    forged = form | {"token": "0" * 64}
    assert server.status("/actions/flatten", forged, Cookie=cookie) == 403
    status, text = server.ask("/actions/flatten", form | {"confirmation": "yes"}, Cookie=cookie)
    assert (status, "type flatten to confirm" in text) == (400, True)
    assert open_ledger(settings).exists is had_traded


@pytest.mark.long
def test_no_secret_of_the_environment_is_on_a_page(server, cookie, settings):
    for name in PAGES:
        for account in ("account", "replay"):
            status, text = server.ask(f"/{name}?account={account}", Cookie=cookie)
            assert status == 200
            assert CANARY not in text
            assert make_access(settings.home, None, None).secret not in text


def test_an_empty_home_says_on_every_page_what_to_do(tmp_path):
    empty = make_platform_settings(tmp_path / "home")
    pages = MadePages(empty, make_access(empty.home, None, None))
    for name in PAGES:
        text = pages.page(name, {})
        assert "Nothing is stored in this home yet" in text
        assert "options-platform backfill" in text


@pytest.mark.long
def test_a_page_is_made_once_for_a_state_of_the_home(settings):
    at = datetime(2026, 1, 2, 12, tzinfo=UTC)
    pages = MadePages(settings, make_access(settings.home, None, None), now=lambda: at)
    first = pages.page("system", {})
    assert pages.page("system", {"unknown": "1"}) is first
    assert f'data-state="{pages.state("system")}"' in first


def is_own(url, server):
    return url.startswith((server.address, "data:", "blob:"))
