"""A backfill of the web UI, of which one ticker has no file."""

import time
from datetime import date

import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import DIRECTION_MODEL, LABELS, RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions
from options_platform_tests.scripted import calm_bars, calm_index
from options_platform_tests.web_ui import WebUI

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]

START, END = date(2022, 1, 3), date(2022, 3, 31)
PRICES = ["open", "high", "low", "close"]
ASSETS = ("raw_ohlcv", "vix", "features", "labels")
LAUNCH = """
mutation($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
STATUS = """
query($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status } } }"""
TOLD = """
query($asset: AssetKeyInput!, $partitions: [String!]) {
  assetNodeOrError(assetKey: $asset) { ... on AssetNode {
    assetMaterializations(partitions: $partitions, limit: 1) { metadataEntries {
      label ... on TextMetadataEntry { text } } } } } }"""


@pytest.fixture
def web(tmp_path):
    bars = calm_bars("SPY", START, END).select("date", *PRICES, "adj_close", "volume")
    bars.write_csv(tmp_path / "SPY.csv")
    calm_index("VIX", START, END).select("date", *PRICES).write_csv(tmp_path / "VIX.csv")
    found = WebUI(
        tmp_path / "home", OPTIONS_SOURCE="csv", OPTIONS_CSV_DIR=str(tmp_path),
        OPTIONS_TICKERS="SPY,QQQ", OPTIONS_START=str(START), OPTIONS_END=str(END),
        OPTIONS_BASELINES="none",
    )  # fmt: skip
    try:
        found.wait()
        yield found
    finally:
        found.stop()


def told(web, asset, ticker):
    """The texts of the newest session's partition; None if it was not materialised."""
    key = f"{END}|{ticker}"
    node = web.ask(TOLD, asset={"path": [asset]}, partitions=[key])["assetNodeOrError"]
    for made in node["assetMaterializations"]:
        return {entry["label"]: entry.get("text") for entry in made["metadataEntries"]}
    return None


def test_the_other_ticker_is_computed_and_partitions_say_what_failed(web, tmp_path):
    keys = [f"{day}|{ticker}" for day in sessions(START, END) for ticker in ("SPY", "QQQ")]
    answer = web.ask(
        LAUNCH,
        params={"assetSelection": [{"path": [name]} for name in (*ASSETS, "direction_model")],
                "partitionNames": keys, "fromFailure": False},
    )["launchPartitionBackfill"]  # fmt: skip
    until = time.monotonic() + 400
    while True:
        found = web.ask(STATUS, id=answer["backfillId"])["partitionBackfillOrError"]["status"]
        if found not in ("REQUESTED", "CANCELING", "FAILING"):
            break
        assert time.monotonic() < until, found
        time.sleep(1)
    assert found == "COMPLETED_FAILED"
    for asset in ASSETS:
        assert "failed" not in told(web, asset, "SPY")
        # Without an event of it the daemon would start no model, which reads all tickers.
        assert "QQQ failed: no QQQ.csv" in told(web, asset, "QQQ")["failed"]
    stored = Warehouse(tmp_path / "home" / "warehouse.duckdb", wait_seconds=10.0)
    for table in (RAW_OHLCV, LABELS, DIRECTION_MODEL):
        assert set(stored.read(table)["ticker"]) == {"SPY"}
