"""Half a year of the daily job at the fake Alpaca gives the trades and P&L of the backtest."""

from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import polars as pl
import pytest
from dagster._core.storage.event_log import InMemoryEventLogStorage

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import PAPER_ORDERS, TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.definitions import build_defs
from options_platform.defs.jobs import JOB_NAME
from options_platform.defs.schedules import make_schedule
from options_platform.domain.backtest import run_backtest
from options_platform.domain.calendar.sessions import NEW_YORK, sessions, shift
from options_platform.fake_alpaca import FakeAlpaca
from options_platform.services.backtesting.run import load_backtest
from options_platform.services.market_data.platform import make_platform
from options_platform.services.planning.plan_tables import market_closes
from options_platform.services.trading.session import TradingSession
from options_platform.testing.market import from_source
from options_platform_tests.alpaca_market import LADDER, Market, rules_of_a_paper_account
from options_platform_tests.platform import START, make_platform_settings, run, warehouse_held
from options_platform_tests.short_wire import short_wire

TICKERS = ("SPY", "QQQ", "IWM")
COLUMNS = ("ticker", "strategy", "opened_on", "entry_price", "contracts", "closed_on",
           "exit_price", "exit_reason", "fees_usd")  # fmt: skip
BEFORE, SESSIONS, NIGHTS = date(2017, 6, 30), 125, 25
CENT = 0.005
ACCOUNT_USD = 300_000.0
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}


def request_of_the_schedule(settings, at):
    """The tags of the run that the daily schedule requests at that time."""
    context = dg.build_schedule_context(scheduled_execution_time=at)
    (request,) = make_schedule(settings).evaluate_tick(context).run_requests
    return request.tags


@contextmanager
def on_one_connection(log):
    """Dagster's log in memory opens its database anew for each event, a tenth of a run's time."""
    with log._db_lock, log._held_conn.begin():
        yield log._held_conn


def trades_of(ledger):
    return [
        {name: getattr(position, name) for name in COLUMNS}
        for position in ledger.positions()
        if position.closed_on is not None
    ]


def by_name(row):
    return str([row[name] for name in ("ticker", "opened_on", "strategy")])


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_half_a_year_of_the_daily_job_at_alpaca_gives_the_trades_and_profits_of_the_backtest(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(InMemoryEventLogStorage, "_connect", on_one_connection)
    days = sessions(BEFORE, date(2018, 12, 31))[: SESSIONS + 1]
    first, last = days[1], days[-1]
    clock = {"now": datetime.combine(first, time(0, 30), NEW_YORK)}
    options = {
        "tickers": TICKERS, "end": last, "account_value_usd": ACCOUNT_USD, "broker": "alpaca",
        "iron_condor_enabled": True, "ladder": LADDER, "fills": {"slippage_share": 0.2},
        "risk": {"max_positions_per_ticker": 4, "max_positions": 7},
        # The market of the test quotes every ticker on the VIX.
        "iv_symbol": dict.fromkeys(TICKERS, "VIX"),
        # The models of a simulated market are hardly ever sure of anything.
        "plan": {"selection": {"min_probability": 0.34}},
    }  # fmt: skip
    server = FakeAlpaca(now=lambda: clock["now"], fills="rest", cash_usd=ACCOUNT_USD)
    with server as fake, short_wire(fake), ExitStack() as files, ExitStack() as nights:
        settings = make_platform_settings(
            tmp_path / "home", alpaca={"fake_address": fake.address}, **options
        )
        run(settings, end=BEFORE)
        assert fake.requests == []
        definitions = build_defs(settings, now=lambda: clock["now"])
        platform = make_platform(settings)
        bars, vix = from_source(platform.source(), START.year, last.year, TICKERS)
        ledger = open_ledger(settings)
        service = TradingSession(ledger, open_broker(settings), settings)
        market = Market(service, fake, market_closes(bars, vix))
        job = definitions.resolve_job_def(JOB_NAME)
        # One process trades here, so that no step has to open the files anew.
        files.enter_context(warehouse_held(settings))
        files.enter_context(ledger.holding())
        traded = []
        for count, day in enumerate(days[1:]):
            clock["now"] = datetime.combine(day + timedelta(days=1), time(0, 30), NEW_YORK)
            tags = request_of_the_schedule(settings, clock["now"])
            # The runs of many nights share an instance, as in a home.
            if count % NIGHTS == 0:
                nights.close()
                instance = nights.enter_context(dg.DagsterInstance.ephemeral())
            with dg.partition_loading_context(effective_dt=datetime.now(UTC)):
                assert job.execute_in_process(
                    instance=instance, tags=tags, run_config=QUIET
                ).success
            traded.append(day)
            if day < last:
                clock["now"] = datetime.combine(shift(day, 1), time(10), NEW_YORK)
                market.trade(shift(day, 1), clock)
        assert len(traded) == SESSIONS
        assert ledger.differences() == []
        warehouse = Warehouse(settings.warehouse_path, wait_seconds=30)
        plans = warehouse.read(TRADE_PLAN, start=first, end=last)
        legs = warehouse.read(TRADE_PLAN_LEGS, start=first, end=last)
        found = run_backtest(
            plans,
            legs,
            load_backtest(warehouse, TICKERS, first, last).market,
            rules_of_a_paper_account(settings),
        )
        live = sorted(trades_of(ledger), key=by_name)
        closed = found.trades.filter(pl.col("closed_on").is_not_null()).select(COLUMNS)
        wanted = sorted(closed.iter_rows(named=True), key=by_name)
        assert len(live) == len(wanted) >= 10
        for mine, theirs in zip(live, wanted, strict=True):
            assert mine == pytest.approx(theirs, abs=CENT)
        marks = ledger.table("marks").sort("session")
        assert marks["session"].to_list() == days[1:]
        assert marks["equity_usd"].to_list() == pytest.approx(
            found.equity["equity_usd"].to_list(), abs=CENT
        )
        # What was sent is what the account, the ledger and the table have.
        entries = [o for o in ledger.orders() if o.purpose == "entry" and o.status != "not_sent"]
        rows = warehouse.read(PAPER_ORDERS, start=first, end=last)
        sent = rows.drop_nulls("client_order_id")
        assert set(sent["client_order_id"]) == {o.client_order_id for o in entries}
        assert {o["client_order_id"] for o in fake.book.orders.values()} == {
            o.client_order_id for o in ledger.orders() if o.status != "not_sent"
        }
