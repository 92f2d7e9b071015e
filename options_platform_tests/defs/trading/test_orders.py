import shutil
from datetime import date, datetime

import polars as pl
import pytest
from dagster._core.storage.tags import BACKFILL_ID_TAG

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import PartitionRange
from options_platform.contracts import PAPER_ORDERS, TRADE_PLAN
from options_platform.defs.shared.partitions import BACKFILL_TAG
from options_platform.defs.trading.orders import may_send, open_ledger
from options_platform.domain.calendar.sessions import NEW_YORK, shift
from options_platform.fake_alpaca import FakeAlpaca
from options_platform_tests.platform import END, START, make_platform_settings, run

TICKERS = ("SPY", "QQQ")
ORDERS = ["paper_orders"]
NEWEST = date(2024, 7, 5)
ONE = PartitionRange(NEWEST, NEWEST, TICKERS)


@pytest.mark.parametrize(
    ("tags", "selected", "wanted"),
    [
        ({}, ONE, True),
        ({"dagster/schedule_name": "daily_after_close"}, ONE, True),
        ({BACKFILL_ID_TAG: "abcdefgh"}, ONE, False),
        ({BACKFILL_TAG: "shell"}, ONE, False),
        ({}, PartitionRange(date(2024, 7, 3), NEWEST, TICKERS), False),
        ({}, PartitionRange(date(2024, 7, 3), date(2024, 7, 3), TICKERS), False),
    ],
)
def test_only_a_run_of_just_the_newest_session_sends(tags, selected, wanted):
    assert may_send(tags, selected, NEWEST) is wanted


@pytest.fixture
def home(simulated_home, tmp_path):
    """A backfilled home that never traded, and the last session whose plans trade."""
    copy = tmp_path / "home"
    shutil.copytree(simulated_home.home, copy)
    settings = make_platform_settings(copy)
    plans = Warehouse(settings.warehouse_path, wait_seconds=30).read(TRADE_PLAN)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades.height > 0
    return settings, trades["date"].to_list()[-1]


def morning_after(day):
    return datetime.combine(day, datetime.min.time(), tzinfo=NEW_YORK).replace(hour=12) + (
        shift(day, 1) - day
    )


def orders(settings, day):
    found = Warehouse(settings.warehouse_path, wait_seconds=30).read(PAPER_ORDERS)
    return found.filter(pl.col("date") == day)


def test_a_backfill_never_sends_not_even_the_newest_session(home):
    settings, day = home
    found = Warehouse(settings.warehouse_path, wait_seconds=30).read(PAPER_ORDERS)
    trades = found.filter(pl.col("status") != "no_trade")
    assert trades.height > 0
    assert set(trades["status"]) == {"not_sent"}
    assert set(trades["reason"]) == {"BACKFILL"}
    assert not open_ledger(settings).exists
    run(settings, start=day, end=day, assets=ORDERS, backfill=True, now=morning_after(day))
    assert set(orders(settings, day).filter(pl.col("status") != "no_trade")["status"]) == {
        "not_sent"
    }
    assert not open_ledger(settings).exists


def test_a_daily_run_of_the_newest_session_sends_once_however_often_it_runs(home):
    settings, day = home
    for _ in range(2):
        run(settings, start=day, end=day, assets=ORDERS, backfill=False, now=morning_after(day))
        sent = open_ledger(settings).orders()
        assert sent
        assert {order.session for order in sent} == {day}
        assert len({order.client_order_id for order in sent}) == len(sent)
        assert "submitted" in set(orders(settings, day)["status"])
    # A later backfill over that session keeps what the ledger knows.
    run(settings, start=START, end=END, assets=ORDERS)
    assert "submitted" in set(orders(settings, day)["status"])


def test_a_session_that_is_not_the_newest_is_not_sent(home):
    settings, newest = home
    plans = Warehouse(settings.warehouse_path, wait_seconds=30).read(TRADE_PLAN)
    earlier = plans.filter((pl.col("decision") == "trade") & (pl.col("date") < newest))
    day = earlier["date"].to_list()[-1]
    run(settings, start=day, end=day, assets=ORDERS, backfill=False, now=morning_after(newest))
    assert not open_ledger(settings).exists
    trades = orders(settings, day).filter(pl.col("status") != "no_trade")
    assert trades.height > 0
    assert set(trades["status"]) == {"not_sent"}


def test_the_daily_job_sends_to_alpaca_once_and_records_what_was_filled(home):
    original, day = home
    now = morning_after(day)
    with FakeAlpaca(now=lambda: now) as fake:
        settings = make_platform_settings(
            original.home, broker="alpaca", alpaca={"fake_address": fake.address}
        )
        for _ in range(2):
            run(settings, start=day, end=day, assets=ORDERS, backfill=False, now=now)
        ledger = open_ledger(settings)
        sent = ledger.orders()
        assert sent
        assert {order.status for order in sent} == {"filled"}
        assert fake.count("POST /v2/orders") == len(fake.book.orders) == len(sent)
        assert ledger.differences() == []
        found = orders(settings, day).filter(pl.col("status") == "filled")
        assert found.height == len(sent)
        assert set(found["broker"]) == {"alpaca:paper"}
        # A backfill over the same session sends nothing.
        run(settings, start=day, end=day, assets=ORDERS, backfill=True, now=now)
        assert fake.count("POST /v2/orders") == len(sent)


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_live_trading_is_shown_in_the_web_ui():
    from options_platform.defs.trading.orders import LIVE_NOTE, make_paper_orders
    from options_platform.settings import make_settings

    live = make_settings({"broker": "alpaca", "alpaca": {"live": True, "accounts": ["1"]}})
    for settings, is_live in ((live, True), (make_settings({"broker": "alpaca"}), False)):
        asset = make_paper_orders(settings)
        described = next(iter(asset.specs)).description
        assert (LIVE_NOTE in described) is is_live
