"""A session and a ticker in words, and the pages that are served of them."""

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from http.client import HTTPConnection

import polars as pl
import pytest

from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import TRADE_PLAN
from options_platform.reporting.session.decisions import code_of, order_facts, plan_facts
from options_platform.reporting.session.facts import READ, facts_of, read_rows
from options_platform.reporting.session.links import former_token, home_token
from options_platform.serving.pages import serve_beside
from options_platform_tests.web_ui import free_port

TRADE = {
    "plan_id": "a", "decision": "trade", "reasons": ["REGIME_HIGH_VOL", "DIRECTION_BULLISH"],
    "strategy": "bull_put_spread", "contracts": 2, "limit_price": -0.71, "max_loss_usd": 863.0,
    "max_profit_usd": None, "direction": "bullish", "confidence": 0.25, "regime": "high_vol",
    "expiry": date(2019, 1, 18), "dte": 18, "net_delta": 10.0, "net_gamma": -0.5, "net_theta": 3.0,
    "net_vega": -6.0, "chain_source": "synthetic", "iv_symbol": "VIX", "vol_error": 0.5,
    "rule_set": "plan", "needs": None,
}  # fmt: skip
LEGS = [
    {"plan_id": "a", "side": side, "right": "put", "strike": strike, "ratio": 1}
    for side, strike in (("sell", 240.0), ("buy", 235.0))
]
NO_TRADE = TRADE | {"plan_id": "b", "decision": "no_trade", "reasons": ["NO_EDGE", "NO_VIX"]}


def test_a_trade_names_its_decision_reasons_legs_price_risk_and_probabilities():
    facts = plan_facts([TRADE], LEGS, "bearish 20%, neutral 30%, bullish 50%")
    assert facts["decision"].startswith("2 x bull put spread for credit 0.71 a share: sell 240 put")
    assert facts["reasons"] == (
        "regime high_vol (REGIME_HIGH_VOL); predicted bullish (DIRECTION_BULLISH)"
    )
    assert facts["legs"] == "sell 240 put, buy 235 put, expiring 2019-01-18 (18 days)"
    assert facts["price"] == "credit 0.71 a share, 2 spreads"
    assert (facts["maximum_loss"], facts["maximum_profit"]) == ("863.00 USD", "without bound")
    assert facts["quotes"] == "synthetic, from VIX, measured error 0.50 vol points"
    assert facts["probabilities"] == "bearish 20%, neutral 30%, bullish 50%"
    assert code_of(TRADE) == "trade bull_put_spread"


def test_an_order_names_its_state_its_fill_and_the_set_where_there_are_several():
    order = {
        "plan_id": "a", "status": "partially_filled", "reason": None, "contracts": 2,
        "filled_qty": 1, "avg_price": -0.69, "client_order_id": "id", "broker": "simulated:paper",
        "rule_set": "plan",
    }  # fmt: skip
    other = order | {
        "plan_id": "b", "status": "not_sent", "reason": "BACKFILL", "filled_qty": 0,
        "client_order_id": None, "rule_set": "premium_ladder",
    }  # fmt: skip
    assert order_facts([order], [TRADE], LEGS)["fill"] == "1 of 2 spreads at credit 0.69 a share"
    facts = order_facts([order, other], [TRADE], LEGS)
    assert facts["order (plan)"] == "partially filled"
    assert facts["order (premium_ladder)"] == "not sent: BACKFILL"
    assert facts["fill (premium_ladder)"] == "nothing of 2 spreads"
    assert "client_order_id (premium_ladder)" not in facts
    assert code_of(NO_TRADE) == "no_trade NO_EDGE NO_VIX"


@pytest.fixture(scope="module")
def warehouse(simulated_home):
    return Warehouse(simulated_home.warehouse_path, wait_seconds=30)


def test_every_row_of_the_nine_assets_has_words(warehouse, simulated_home):
    assert list(READ) == [table.name for table in ASSET_TABLES]
    start, end = simulated_home.start, simulated_home.start + timedelta(days=60)
    for first, last in ((start, end), (date(2017, 3, 1), simulated_home.end)):
        stored = read_rows(warehouse, list(READ), first, last, ["SPY"])
        assert stored
        for key, rows in stored.items():
            for asset in READ:
                facts = facts_of(asset, rows)
                assert facts, (asset, key)
                assert not [text for text in facts.values() if "None" in text or "nan" in text]


@pytest.fixture(scope="module")
def get(simulated_home):
    """Asks the served pages for a path beneath the home's token; status, headers and text."""
    (simulated_home.reports_path / "report.html").write_text("<title>the report</title>")
    (simulated_home.reports_path / "leak").symlink_to(simulated_home.warehouse_path)
    settings = replace(simulated_home, reports_port=free_port())
    assert serve_beside(settings)
    assert not serve_beside(settings), "a taken port is said and not fatal"

    own = home_token(settings.home)

    def ask(path, method="GET", host="127.0.0.1", token=own, **headers):
        with closing(HTTPConnection("127.0.0.1", settings.reports_port, timeout=30)) as connection:
            connection.request(method, f"/{token}{path}", headers={"Host": host} | headers)
            with connection.getresponse() as answer:
                return answer.status, dict(answer.headers), answer.read().decode()

    yield ask
    for name in ("report.html", "leak"):
        (simulated_home.reports_path / name).unlink()


def test_the_page_of_a_session_says_what_was_decided(get, simulated_home, warehouse):
    traded = warehouse.read(TRADE_PLAN, tickers=["SPY"]).filter(pl.col("decision") == "trade")
    plan = traded.row(-1, named=True)
    status, headers, text = get(f"/{plan['date']}/SPY")
    assert status == 200
    assert f"<title>SPY, {plan['date']}</title>" in text
    assert plan["strategy"].replace("_", " ") in text
    assert 'href="QQQ"' in text
    assert headers["content-security-policy"].startswith("default-src 'none'")
    for absent in ("/2016-12-23/ABC", "/2016-12-25/SPY", "/yesterday/SPY", "/2016-12-23/%3Cb%3E"):
        assert get(absent)[0] == 404


def test_only_the_reports_are_served_and_only_to_this_machine(get):
    status, headers, text = get("/report.html")
    assert (status, text) == (200, "<title>the report</title>")
    assert headers["x-content-type-options"] == "nosniff"
    assert get("/")[1]["location"].endswith("/report.html")
    outside = (
        "/leak",
        "/../warehouse.duckdb",
        "/..%2fwarehouse.duckdb",
        "/%2e%2e/warehouse.duckdb",
    )
    for path in outside:
        assert get(path)[0] == 404, path
    assert get("/report.html", token="00000000")[0] == 404
    assert get("/report.html", method="POST")[0] == 405
    assert get("/report.html", host="evil.example")[0] == 400


def test_a_link_of_before_the_secret_opens_only_in_a_browser_that_knows_the_secret(
    get, simulated_home
):
    before = former_token(simulated_home.home)
    status, headers, text = get("/2016-12-23/SPY", token=before)
    assert (status, "location" in headers) == (403, False)
    assert "options-platform ui" in text
    assert home_token(simulated_home.home) not in text
    cookie = get("/report.html")[1]["set-cookie"]
    assert f"Path=/{before};" in cookie
    assert "HttpOnly; SameSite=Strict" in cookie
    known = cookie.partition(";")[0]
    status, headers, _ = get("/2016-12-23/SPY", token=before, Cookie=known)
    assert status == 307
    assert headers["location"] == f"/{home_token(simulated_home.home)}/2016-12-23/SPY"
    assert get("/report.html", token=before, Cookie=f"{known[:-1]}_")[0] == 403


def test_an_address_breaks_at_hyphens_and_a_link_without_them_leads_there(get, simulated_home):
    token = home_token(simulated_home.home)
    assert max(map(len, token.split("-"))) <= 8
    status, headers, _ = get("/2016-12-23/SPY", token=token.replace("-", ""))
    assert (status, headers["location"]) == (307, f"/{token}/2016-12-23/SPY")
