"""The web UI as a user starts it: a backfill launched there, and its pages."""

import json
import time
import urllib.request
from datetime import date

import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.domain.calendar.sessions import sessions
from options_platform.runs import DATA_ASSETS, run_reporting
from options_platform.serving.instance import DEFINITIONS
from options_platform_tests.platform import (
    PARITY_TABLES,
    assert_same_tables,
    make_platform_settings,
    run,
    tables,
)
from options_platform_tests.web_ui import WebUI, as_a_clone, browser_page

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


SETTINGS = {
    "OPTIONS_SOURCE": "simulated",
    "OPTIONS_TICKERS": ",".join(TICKERS),
    "OPTIONS_START": START.isoformat(),
    "OPTIONS_END": END.isoformat(),
    "OPTIONS_BASELINES": "none",
    "OPTIONS_ACCOUNT_VALUE_USD": "1000000",
}
MATERIALISED = """
query($asset: AssetKeyInput!, $partitions: [String!]) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    assetMaterializations(partitions: $partitions, limit: 1) { metadataEntries {
      label ... on TextMetadataEntry { text } ... on UrlMetadataEntry { url } } } } } }"""
TOLD = {
    "raw_ohlcv": "a good bar",
    "vix": "VIX of this session",
    "features": "67 features",
    "labels": "not known before the close of",
    "direction_model": "none: too little history",
    "volatility_model": "none: too little history",
    "regime": "none: an input of its rules is missing",
    "trade_plan": "no trade: an input of the regime rules is missing (NO_REGIME)",
    "paper_orders": "simulated:paper",
}
"""Of the newest session, on the page of each asset's partition."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("ui") / "home"


@pytest.fixture(scope="module")
def web(home):
    clone = as_a_clone(home.parent / "clone")
    found = WebUI(home, clone, **SETTINGS)
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


def entries_of(web, asset, day):
    found = web.ask(MATERIALISED, asset={"path": [asset]}, partitions=[f"{day}|SPY"])
    (made,) = found["assetNodeOrError"]["assetMaterializations"]
    return {e["label"]: e.get("text") or e.get("url") for e in made["metadataEntries"]}


def test_a_plain_dagster_dev_uses_the_home_and_a_backfilled_partition_leads_to_its_page(
    web, backfilled, home
):
    assert f"base_dir: {home / 'dagster'}\n" in web.ask("{ instance { info } }")["instance"]["info"]
    assert not list(home.parent.glob("clone/.tmp_dagster_home_*/*"))
    for name in NINE:
        details = entries_of(web, name, date(2015, 6, 3))["details"]
        assert details.startswith(f"http://127.0.0.1:{web.reports_port}/")
        assert details.endswith("/2015-06-03/SPY")
    assert entries_of(web, "trade_plan", date(2015, 6, 3))["decision"] == "no_trade NO_REGIME"
    with urllib.request.urlopen(details, timeout=60) as page:
        text = page.read().decode()
    assert "an input of the regime rules is missing (NO_REGIME)" in text


@pytest.fixture(scope="module")
def reported(web, backfilled, home):
    """The home after two runs of commands: bars of the newest session, and the report."""
    options = {"start": START, "end": END, "tickers": TICKERS, "reports_port": web.reports_port}
    settings = make_platform_settings(home, **options)
    run(settings, END, END, assets=["raw_ohlcv"], backfill=False, alone=False)
    run_reporting(settings)
    return settings


@pytest.mark.browser
def test_the_pages_show_the_graph_without_errors(web, backfilled, tmp_path):
    # What lies outside the view is not drawn at all.
    with browser_page(viewport={"width": 2400, "height": 2400}) as page:
        groups = {
            node["groupName"]
            for node in web.ask(NODES)["assetNodes"]
            if node["assetKey"]["path"][-1] in NINE
        }
        expanded = ",".join(f"global@global:{group}" for group in sorted(groups))
        page.goto(f"{web.address}/asset-groups?expanded={expanded}")
        for name in NINE:
            page.get_by_text(name, exact=True).first.wait_for()
        page.wait_for_timeout(4000)
        page.screenshot(path=tmp_path / "asset-graph.png")
    assert (tmp_path / "asset-graph.png").stat().st_size > 20_000


@pytest.mark.browser
def test_the_page_of_each_assets_partition_says_what_happened(web, backfilled):
    with browser_page() as page:
        for name in NINE:
            page.goto(f"{web.address}/assets/{name}?view=partitions&partition={END}%7CSPY")
            page.get_by_text(TOLD[name]).first.wait_for()


@pytest.mark.browser
def test_the_timeline_shows_the_runs_of_commands_under_their_jobs(web, reported):
    name = "CompletedRunTimelineQuery"
    with browser_page() as page:
        with page.expect_request(lambda request: name in (request.post_data or "")) as asked:
            page.goto(f"{web.address}/overview/activity/timeline")
        for job in ("daily", "reporting"):
            page.locator(f'[title="{job}"]').first.wait_for()
        query = json.loads(asked.value.post_data)["query"]
    # The page asks for each hour; here its query is asked for all of them.
    ended = {"statuses": ["SUCCESS", "FAILURE", "CANCELED"]}
    runs = web.ask(query, completedFilter=ended, limit=50)["completed"]["results"]
    at = {run["pipelineName"]: run for run in reversed(runs)}
    for job in ("daily", "reporting"):
        assert at[job]["repositoryOrigin"]["repositoryName"] == "__repository__"
        assert at[job]["repositoryOrigin"]["repositoryLocationName"] == DEFINITIONS
        assert at[job]["startTime"] <= at[job]["endTime"]


@pytest.mark.browser
def test_the_report_and_a_sessions_page_open_by_a_click_without_errors(web, reported):
    served = f"http://127.0.0.1:{web.reports_port}/"
    partition = f"assets/trade_plan?view=partitions&partition={END}%7CSPY"
    pages = {"assets/report?view=events": "options-platform", partition: f"SPY, {END}"}
    asked, messages, pictures = [], [], []
    with browser_page() as page:
        page.context.on("request", lambda request: asked.extend([request]))
        page.context.on("console", lambda message: messages.append((message.page, message.text)))
        for path, title in pages.items():
            page.goto(f"{web.address}/{path}")
            with page.context.expect_page() as opened:
                page.locator(f'a[href^="{served}"]').first.click()
            shown = opened.value
            shown.wait_for_load_state()
            assert shown.title().startswith(title)
            pictures.append(shown.locator("img").count())
            of_page = [request.url for request in asked if request.frame.page == shown]
            assert [url for url in of_page if not url.startswith((served, "data:"))] == []
            assert [text for where, text in messages if where == shown] == []
        page.goto((reported.reports_path / "report.html").as_uri())
        assert page.title().startswith("options-platform")
    assert pictures[0] >= 2


def test_the_comparison_covers_every_asset():
    assert {t.name for t in PARITY_TABLES} >= set(NINE) - {"paper_orders"}
    assert set(DATA_ASSETS) < set(NINE)
