"""The web UI as a user starts it: a backfill launched there, and its pages."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from datetime import date, datetime

import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.domain.calendar.sessions import NEW_YORK, sessions
from options_platform.runs import DATA_ASSETS
from options_platform_tests.platform import (
    PARITY_TABLES,
    assert_same_tables,
    make_platform_settings,
    run,
    tables,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

START, END = date(2015, 1, 2), date(2015, 12, 29)
TICKERS = ("SPY", "QQQ", "IWM")
NINE = [table.name for table in ASSET_TABLES]
LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on PartitionSetNotFoundError { message }
  }
}"""
STATUS = """
query($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status numPartitions error { message } }
  }
}"""
NODES = """
{ assetNodes { assetKey { path } description groupName kinds
  owners { ... on TeamAssetOwner { team } } hasAssetChecks isPartitioned
  metadataEntries { label } } }"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class WebUI:
    def __init__(self, home, **environment):
        self.address = f"http://127.0.0.1:{free_port()}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
        own = {
            "OPTIONS_HOME": str(home),
            "OPTIONS_SOURCE": "simulated",
            "OPTIONS_TICKERS": ",".join(TICKERS),
            "OPTIONS_START": START.isoformat(),
            "OPTIONS_END": END.isoformat(),
            "OPTIONS_BASELINES": "none",
            "OPTIONS_ACCOUNT_VALUE_USD": "1000000",
        }
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "options_platform",
                "ui",
                "--port",
                self.address.rsplit(":", 1)[1],
            ],
            env=kept | own | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self):
        until = time.monotonic() + 120
        while True:
            try:
                if self.ask("{ version }")["version"]:
                    return
            except OSError:
                assert time.monotonic() < until, "the web UI did not start"
                assert self.process.poll() is None
                time.sleep(1)

    def ask(self, query, **variables):
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return found["data"]

    def stop(self):
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("ui") / "home"


@pytest.fixture(scope="module")
def web(home):
    found = WebUI(home)
    try:
        found.wait()
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="module")
def backfilled(web):
    keys = [f"{day}|{ticker}" for day in sessions(START, END) for ticker in TICKERS]
    answer = web.ask(
        LAUNCH,
        params={
            "assetSelection": [{"path": [name]} for name in NINE],
            "partitionNames": keys,
            "fromFailure": False,
        },
    )["launchPartitionBackfill"]
    assert answer["__typename"] == "LaunchBackfillSuccess", answer
    until = time.monotonic() + 600
    while True:
        found = web.ask(STATUS, id=answer["backfillId"])["partitionBackfillOrError"]
        if found["status"] not in ("REQUESTED", "CANCELING"):
            break
        assert time.monotonic() < until, found
        time.sleep(2)
    assert found["status"].startswith("COMPLETED"), found
    return found


def test_nine_described_grouped_owned_assets_with_kinds_checks_and_metadata(web):
    nodes = {node["assetKey"]["path"][-1]: node for node in web.ask(NODES)["assetNodes"]}
    assert set(NINE) <= set(nodes)
    for name in NINE:
        node = nodes[name]
        assert node["description"]
        assert node["groupName"] != "default"
        assert node["owners"][0]["team"]
        assert "duckdb" in node["kinds"]
        assert node["hasAssetChecks"]
        assert node["isPartitioned"]
        assert "dagster/column_schema" in {entry["label"] for entry in node["metadataEntries"]}


def test_a_backfill_of_the_ui_equals_one_of_the_shell(backfilled, home, tmp_path):
    options = {"start": START, "end": END, "tickers": TICKERS}
    shell = make_platform_settings(tmp_path / "shell", **options)
    run(shell)
    theirs = make_platform_settings(home, **options)
    left, right = tables(shell), tables(theirs)
    assert right["raw_ohlcv"].height == 250 * len(TICKERS)
    empty = [name for name, frame in left.items() if frame.is_empty()]
    assert set(empty) <= {"trade_plan_legs", "regime_transitions"}
    for name in empty:
        assert right[name].is_empty()
    assert_same_tables({k: v for k, v in left.items() if k not in empty}, right)


@pytest.mark.browser
def test_the_pages_show_the_graph_without_errors(web, backfilled, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    errors = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        # What lies outside the view is not drawn at all.
        page = browser.new_page(viewport={"width": 2400, "height": 2400})
        page.on("pageerror", lambda error: errors.append(str(error)))
        groups = {
            node["groupName"]
            for node in web.ask(NODES)["assetNodes"]
            if node["assetKey"]["path"][-1] in NINE
        }
        expanded = ",".join(f"global@global:{group}" for group in sorted(groups))
        page.goto(f"{web.address}/asset-groups?expanded={expanded}")
        for name in NINE:
            page.get_by_text(name, exact=True).first.wait_for(timeout=60_000)
        page.wait_for_timeout(4000)
        page.screenshot(path=tmp_path / "asset-graph.png")
        for name, view in (("trade_plan", "overview"), ("features", "checks")):
            page.goto(f"{web.address}/assets/{name}?view={view}")
            page.get_by_text(name).first.wait_for(timeout=60_000)
            page.wait_for_timeout(4000)
            page.screenshot(path=tmp_path / f"{name}-{view}.png")
        browser.close()
    assert errors == []
    assert (tmp_path / "asset-graph.png").stat().st_size > 20_000


@pytest.mark.browser
def test_the_report_opens_without_errors_in_its_console(home, backfilled, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.reporting.report import write_report

    settings = make_platform_settings(home, start=START, end=END, tickers=TICKERS)
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30)
    path = write_report(settings, warehouse, now=datetime(2026, 1, 2, tzinfo=NEW_YORK))
    messages, asked = [], []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.title().startswith("options-platform")
        assert page.locator("img").count() >= 2
        browser.close()
    assert messages == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def test_the_comparison_covers_every_asset():
    assert {t.name for t in PARITY_TABLES} >= set(NINE) - {"paper_orders"}
    assert set(DATA_ASSETS) < set(NINE)
