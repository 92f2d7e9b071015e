from datetime import date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import PAPER_ORDERS
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.positions import AccountMark
from options_platform.services.trading.account_state import alerts_of
from options_platform.settings import make_settings

SATURDAY_NOON = datetime(2024, 7, 6, 12, tzinfo=NEW_YORK)
WEDNESDAY, FRIDAY = date(2024, 7, 3), date(2024, 7, 5)


@pytest.fixture
def settings(tmp_path):
    return make_settings({"home": tmp_path, "source": "simulated"})


def backfill_to(settings, day):
    """The order of a session's plan, as a backfill stores it."""
    row = {"date": day, "ticker": "SPY", "plan_id": "plan", "client_order_id": "id-1",
           "status": "not_sent", "reason": "BACKFILL", "contracts": 1, "filled_qty": 0,
           "avg_price": None, "broker": "simulated", "updated_at": SATURDAY_NOON}  # fmt: skip
    orders = pl.DataFrame([row]).cast(dict(PAPER_ORDERS.schema))
    Warehouse(settings.warehouse_path).write([(PAPER_ORDERS, orders)])


def keys(settings):
    return [alert.key for alert in alerts_of(settings, open_ledger(settings), SATURDAY_NOON)]


def mark(settings, day):
    account = AccountMark(day, 100_000.0, 0.0, 100_000.0, 0.0, 0.0, 0)
    open_ledger(settings).record_marks([], account)


def test_a_home_that_was_only_backfilled_misses_no_daily_run(settings):
    backfill_to(settings, WEDNESDAY)
    assert keys(settings) == []


def test_a_ledger_that_was_never_marked_misses_no_daily_run(settings):
    open_ledger(settings).halt("by hand", SATURDAY_NOON)
    assert keys(settings) == ["halted"]


def test_a_backfill_hides_no_daily_run_that_is_missing(settings):
    mark(settings, WEDNESDAY)
    backfill_to(settings, FRIDAY)
    assert keys(settings) == ["missed 2024-07-05"]
    mark(settings, FRIDAY)
    assert keys(settings) == []
