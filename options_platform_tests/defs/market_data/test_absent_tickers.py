"""The whole job with tickers that are halted, delisted, or listed later than the others."""

import shutil
from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from options_platform.adapters.sources.simulated import SimulatedSource
from options_platform.adapters.storage.duck import held
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.tables import ASSET_TABLES
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.commands.runs import _missing_history
from options_platform.common import PartitionRange
from options_platform.contracts import PAPER_ORDERS, RAW_OHLCV, TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.calendar.sessions import NEW_YORK, sessions, shift
from options_platform.errors import ShortHistoryError
from options_platform.runs import COMPANY_ASSETS, DATA_ASSETS, EVENT_ASSETS, RunFailedError, run_job
from options_platform.services.market_data.inventory import without_bars
from options_platform.services.market_data.listing import listed_pool
from options_platform.services.trading.account_state import alerts_of
from options_platform_tests.platform import (
    assert_same_tables,
    make_platform_settings,
    tables,
    warehouse_held,
)

START, END = date(2015, 1, 2), date(2016, 6, 15)
LISTED, DELISTED = date(2016, 6, 6), date(2016, 3, 31)
DATA = (*DATA_ASSETS, *EVENT_ASSETS, COMPANY_ASSETS[0])
"""The assets of the tickers' own data, which models of all tickers wait for."""
REST = ("direction_model", "volatility_model", "regime", "trade_plan", "paper_orders")
NOON = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)

pytestmark = pytest.mark.long


class PartSource:
    """The simulated market, in which some tickers trade only part of the time."""

    def __init__(self, lives):
        self.whole, self.lives = SimulatedSource(7), lives
        self.info = replace(self.whole.info, kinds=frozenset({"bars", "index"}))

    def bars(self, ticker, start, end):
        first, last = self.lives.get(ticker, (START, date.max))
        given = self.whole.bars(ticker, start, end)
        given = given.filter(pl.col("date").is_between(first, last))
        if last < end:
            raise ShortHistoryError(f"the history of {ticker} ends {last}, before {end}", given)
        return given

    def index_bars(self, symbol, start, end):
        return self.whole.index_bars(symbol, start, end)


def run(settings, source, start=START, end=END, tickers=None, assets=None, *, backfill=True,
        now=NOON):  # fmt: skip
    selected = PartitionRange(start, end, tuple(tickers or settings.tickers))
    with warehouse_held(settings):
        return run_job(
            settings, selected, assets=assets, backfill=backfill, now=lambda: now,
            source=lambda: source,
        )  # fmt: skip


def made(settings, **options):
    """The tables of the promise; without legs, since a young model plans no trade."""
    found = tables(settings, **options)
    return {name: frame for name, frame in found.items() if name != TRADE_PLAN_LEGS.name}


LIVES = {"NEW": (LISTED, date.max), "OLD": (START, DELISTED)}
TICKERS = ("NEW", "OLD", "SPY")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A backfill over a delisted and a newly listed ticker, in one run."""
    settings = platform(tmp_path_factory.mktemp("whole"))
    outcomes = run(settings, PartSource(LIVES))
    return settings, outcomes


def platform(home, **changes):
    values = {"tickers": TICKERS, "start": START, "end": END} | changes
    return make_platform_settings(home, **values)


def rows(settings, table, **columns):
    frame = Warehouse(settings.warehouse_path, wait_seconds=30).read(table)
    return frame.filter(*(pl.col(name) == value for name, value in columns.items()))


def test_a_backfill_over_a_delisted_and_a_newly_listed_ticker_gives_every_table(whole):
    settings, _ = whole
    bars = rows(settings, RAW_OHLCV)
    assert bars.filter(ticker="NEW")["date"].to_list() == sessions(LISTED, END)
    assert bars.filter(ticker="OLD")["date"].to_list() == sessions(START, END)
    gone = rows(settings, TRADE_PLAN, ticker="OLD").filter(pl.col("date") > DELISTED)
    assert gone["date"].to_list() == sessions(shift(DELISTED, 1), END)
    assert set(gone["decision"]) == {"no_trade"}
    found = tables(settings)
    assert found["direction_model"].filter(ticker="SPY")["p_neutral"].drop_nulls().len() > 20


def test_checks_status_and_alerts_name_the_ticker_that_has_no_bar(whole, monkeypatch, capsys):
    settings, outcomes = whole
    warnings = " ".join(warning for outcome in outcomes for warning in outcome.warnings)
    assert f"OLD ends {DELISTED}" in warnings
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30)
    assert without_bars(warehouse, settings).select("ticker", "last").rows() == [("OLD", DELISTED)]
    alerts = alerts_of(settings, open_ledger(settings), NOON)
    assert [alert.title for alert in alerts] == [f"paper: OLD has no good bar since {DELISTED}"]
    environment = {"HOME": settings.home, "SOURCE": "simulated", "TICKERS": ",".join(TICKERS),
                   "START": START, "END": END}  # fmt: skip
    for name, value in environment.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    assert main(["status"]) == 0
    # Long lines of the brief are broken.
    assert f"OLD has no good bar since {DELISTED}" in " ".join(capsys.readouterr().out.split())


def test_phases_of_one_run_per_ticker_give_the_same_rows(whole, tmp_path):
    """Runs as in a backfill of the web UI."""
    settings = platform(tmp_path)
    for ticker in TICKERS:
        run(settings, PartSource(LIVES), tickers=[ticker], assets=DATA)
    for ticker in reversed(TICKERS):
        run(settings, PartSource(LIVES), tickers=[ticker], assets=REST)
    assert_same_tables(made(whole[0]), made(settings))


def test_day_by_day_over_the_listing_gives_the_same_rows(whole, tmp_path):
    settings = platform(tmp_path)
    days = sessions(shift(LISTED, -1), LISTED)
    run(settings, PartSource(LIVES), end=shift(days[0], -1))
    assert rows(settings, RAW_OHLCV, ticker="NEW").is_empty()
    for day in days:
        run(settings, PartSource(LIVES), day, day, backfill=False)
    left, right = made(whole[0], until=days[-1]), made(settings, until=days[-1])
    known = pl.col("known_on") <= days[-1]
    left["labels"], right["labels"] = left["labels"].filter(known), right["labels"].filter(known)
    assert_same_tables(left, right)


def test_a_pool_is_refused_for_missing_rows_but_not_for_an_unlisted_ticker(tmp_path):
    end = date(2015, 3, 31)
    settings = platform(tmp_path, end=end)
    source = PartSource(LIVES)
    run(settings, source, end=end, tickers=["OLD", "SPY"], assets=DATA)
    with pytest.raises(RunFailedError, match="features of NEW end before they begin"):
        run(settings, source, end=end, tickers=["SPY"], assets=["direction_model"])
    run(settings, source, end=end, tickers=["NEW"], assets=DATA)
    run(settings, source, end=end, tickers=["SPY"], assets=["direction_model"])
    # A run of the ticker alone, as the web UI makes one, has nothing to do and says so.
    run(settings, source, end=end, tickers=["NEW"], assets=REST)
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30)
    assert listed_pool(warehouse, TICKERS, end) == ("OLD", "SPY")
    # Neither is its history asked for anew with every daily run.
    assert _missing_history(settings, shift(end, 1)) == []


def morning_after(day):
    noon = datetime.combine(day, datetime.min.time(), tzinfo=NEW_YORK).replace(hour=12)
    return noon + (shift(day, 1) - day)


@pytest.fixture
def cut_home(simulated_home, tmp_path):
    """A backfilled home of SPY and QQQ without the last four sessions."""
    copy = tmp_path / "home"
    shutil.copytree(simulated_home.home, copy)
    settings = make_platform_settings(
        copy,
        iron_condor_enabled=True,
        # Sold calls fill in a market that rises, however wide QQQ's quotes are at the close, and
        # positions leave at once.
        plan={"selection": {"strategy": "bear_call_spread"}, "liquidity": {"max_width_share": 9.0}},
        exits={"credit_take_profit": 0.001, "debit_take_profit": 0.001, "credit_stop": 0.001,
               "debit_stop": 0.001},
        risk={"max_positions_per_ticker": 4, "max_positions": 7,
              "greeks": {"delta_pct": 9.0, "gamma_pct": 9.0, "vega_pct": 9.0, "theta_pct": 9.0}},
    )  # fmt: skip
    days = sessions(shift(settings.end, -3), settings.end)
    with held(settings.warehouse_path, wait_seconds=30) as connection:
        for table in ASSET_TABLES:
            connection.execute(f'DELETE FROM "{table.name}" WHERE date >= ?', [days[0]])
    return settings, days


def test_a_halted_ticker_alone_does_not_trade_while_the_others_enter_and_leave(cut_home):
    settings, days = cut_home
    halted = days[-2:]
    source = PartSource({"SPY": (START, shift(halted[0], -1))})
    for day in days:
        run(settings, source, day, day, backfill=False, now=morning_after(day))
    orders = open_ledger(settings).orders()
    assert any(o.filled_qty for o in orders if (o.ticker, o.purpose) == ("QQQ", "entry"))
    assert any(o.session in halted for o in orders if (o.ticker, o.purpose) == ("QQQ", "exit"))
    sent = {o.ticker for o in orders if o.session in halted and o.status != "not_sent"}
    assert sent == {"QQQ"}
    decisions = rows(settings, PAPER_ORDERS).filter(pl.col("date").is_in(halted))
    assert decisions.filter(ticker="SPY")["status"].to_list() == ["no_trade"] * 2
    assert decisions.filter(pl.col("reason").fill_null("").str.contains("STALE_DATA")).is_empty()
    plans = rows(settings, TRADE_PLAN, ticker="SPY").filter(pl.col("date").is_in(halted))
    assert plans["reasons"].to_list() == [["BAD_BAR"]] * 2
