from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import PAPER_ORDERS
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.equity_refusals import EquityRefusals
from options_platform.domain.trading.positions import AccountMark
from options_platform.services.trading.account_state import alerts_of, refused_by_equity
from options_platform.settings import make_settings
from options_platform.testing.market import NOW
from options_platform_tests.services.trading.entries.test_sizes import Withdrawn
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    service,
)

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


def test_entries_refused_for_want_of_equity_are_told_with_the_value_to_set(settings):
    plans, legs = planned(DAYS[0])
    made = service(settings.home)
    poor = replace(made, broker=Withdrawn(made.broker, 500.0))
    poor.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
    ledger = open_ledger(settings)
    # The ledger knows nothing of the withdrawal.
    unexplained = refused_by_equity(settings, ledger)
    assert unexplained == EquityRefusals(1, 1, 100_000.0, settings.account_value_usd)
    assert "equity" in keys(settings)
    ledger.record_marks([], AccountMark(DAYS[1], 9_120.0, 0.0, 9_120.0, 0.0, 0.0, 0))
    refused = refused_by_equity(settings, ledger)
    assert refused == EquityRefusals(1, 1, 9_120.0, settings.account_value_usd)
    assert "equity" in keys(settings)
    ledger.record_marks([], AccountMark(DAYS[30], 9_120.0, 0.0, 9_120.0, 0.0, 0.0, 0))
    assert refused_by_equity(settings, ledger) is None
