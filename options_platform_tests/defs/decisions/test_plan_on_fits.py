"""The asset `trade_plan` prices a session by the ticker's last adopted fit before it."""

import shutil
from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    RAW_OHLCV,
    SURFACE_FIT,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
)
from options_platform.domain.accounting.trading_record import as_paper
from options_platform.domain.backtest import make_market, run_backtest
from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.services.accounting.portfolio_views import ledger_portfolio
from options_platform.services.accounting.trading_record import paper_record
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.yields_and_tenors import stored_dividends, stored_tenors
from options_platform.services.trading.replay import replay
from options_platform.testing.market import NOW
from options_platform_tests.platform import run
from options_platform_tests.surface_fits import measured_rows

LEVELS = (1.25, 0.9, 1.15)


def home_with(fits, simulated_home, folder):
    """A copy of the home with rows of `surface_fit`, whose plans are not made anew yet."""
    shutil.copytree(simulated_home.home, folder / "home")
    settings = replace(simulated_home, home=folder / "home")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    warehouse.write([(SURFACE_FIT, fits)])
    return settings, warehouse


def plans_of(warehouse):
    """Plans and legs of SPY."""
    return [warehouse.read(table, tickers=["SPY"]) for table in (TRADE_PLAN, TRADE_PLAN_LEGS)]


@pytest.fixture(scope="module")
def fits(simulated_home):
    """Three fits of SPY, with trades after each; the second was not adopted."""
    warehouse = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    plans, _ = plans_of(warehouse)
    days = plans.filter(pl.col("decision") == "trade")["date"].sort()
    count = days.len()
    assert count >= 4
    rows = [
        {"date": days[at], "ticker": "SPY", "level": level, "is_adopted": level != LEVELS[1]}
        for at, level in zip((0, count // 3, 2 * count // 3), LEVELS, strict=True)
    ]
    return measured_rows(simulated_home, warehouse, rows)


@pytest.fixture(scope="module")
def learned_home(simulated_home, fits, tmp_path_factory):
    """Settings and warehouse of a home after one backfill of the plans with the fits."""
    settings, warehouse = home_with(fits, simulated_home, tmp_path_factory.mktemp("whole"))
    first = warehouse.read(TRADE_PLAN, columns=["date"])["date"].min()
    run(settings, first, settings.end, assets=["trade_plan"])
    return settings, warehouse


@pytest.fixture(scope="module")
def whole(learned_home):
    """SPY's plans and legs of one backfill with the fits."""
    return plans_of(learned_home[1])


def test_a_fit_moves_plans_from_its_next_session_on_and_one_that_was_not_adopted_none(
    simulated_home, fits, whole
):
    plain = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    without, _ = plans_of(plain)
    columns = without.columns
    same = without.join(whole[0], on=columns, how="semi", nulls_equal=True)
    moved = without.filter(~pl.col("plan_id").is_in(same["plan_id"].implode()))["date"]
    first, second, third = fits["date"]
    learned = ((moved > first) & (moved <= second)) | (moved > third)
    assert learned.all()
    assert moved.min() <= second
    assert moved.max() > third


def test_a_day_alone_with_no_later_fit_stored_has_the_plans_of_the_backfill(
    simulated_home, fits, whole, tmp_path
):
    plans, _ = whole
    first, second, third = fits["date"]
    traded = plans.filter(pl.col("decision") == "trade")["date"]
    spans = ((first, second), (second, third), (third, simulated_home.end))
    for at, (after, until) in enumerate(spans):
        days = traded.filter((traded > after) & (traded <= until))
        day = days[-1] if days.len() else until
        upto = fits.filter(pl.col("date") < day)
        settings, warehouse = home_with(upto, simulated_home, tmp_path / str(at))
        run(settings, day, day, assets=["trade_plan"])
        for stored, wanted in zip(plans_of(warehouse), whole, strict=True):
            today = pl.col("date") == day
            assert stored.filter(today).equals(wanted.filter(today))


def equity_of_backtest(settings, warehouse, days):
    """The equity of a backtest of the stored plans, as paper trading, at each of `days`."""
    span = {"start": days[0], "end": days[-1]}
    market = make_market(
        warehouse.read(RAW_OHLCV, **span), warehouse.read(VIX, **span), stored_tenors(warehouse),
        dividends=stored_dividends(warehouse),
    )  # fmt: skip
    plans, legs = (warehouse.read(table, **span) for table in (TRADE_PLAN, TRADE_PLAN_LEGS))
    rules = as_paper(with_fits(settings, warehouse).backtest_rules)
    return run_backtest(plans, legs, market, rules).equity["equity_usd"].to_list()


@pytest.mark.long
def test_an_account_that_trades_on_fits_is_recorded_and_marked_as_the_backtest_has_it(
    learned_home, fits, whole
):
    settings, warehouse = learned_home
    traded = whole[0].filter(pl.col("decision") == "trade")["date"].unique().sort()
    begin = traded.filter(traded > fits["date"][0])[0]
    days = sessions(begin, min(shift(begin, 60), settings.end))
    ledger = replay(settings, warehouse, days, NOW)
    drift = paper_record(settings, warehouse, ledger).drift
    assert drift.height
    assert drift["state"].unique().to_list() == ["same"]
    views = ledger_portfolio(settings, warehouse, ledger)
    marks = ledger.table("marks")
    assert views.portfolio["equity_usd"].to_list() == marks["equity_usd"].to_list()
    deltas = views.positions["delta"].to_list()
    surface = replace(settings.plan.chain.surface, learn=False)
    plan = replace(settings.plan, chain=replace(settings.plan.chain, surface=surface))
    without = replace(settings, plan=plan)
    equity = marks.sort("session")["equity_usd"].to_list()
    assert equity_of_backtest(settings, warehouse, days) == pytest.approx(equity, abs=0.005)
    assert equity_of_backtest(without, warehouse, days) != pytest.approx(equity, abs=0.005)
    plain = ledger_portfolio(without, warehouse, ledger)
    assert plain.positions["delta"].to_list() != deltas


@pytest.mark.long
def test_a_fit_that_is_stored_after_the_account_traded_changes_nothing_of_its_record(
    simulated_home, tmp_path
):
    warehouse = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    days = plans_of(warehouse)[0].filter(pl.col("decision") == "trade")["date"].unique().sort()
    row = {"date": shift(days[0], -1), "ticker": "SPY", "level": 1.15, "is_adopted": True}
    later = measured_rows(simulated_home, warehouse, [row], NOW + timedelta(days=30))
    shutil.copytree(simulated_home.home, tmp_path / "home")
    settings = replace(simulated_home, home=tmp_path / "home")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=30.0)
    span = sessions(days[0], min(shift(days[0], 120), settings.end))
    ledger = replay(settings, warehouse, span, NOW)
    before = paper_record(settings, warehouse, ledger)
    views = ledger_portfolio(settings, warehouse, ledger)
    warehouse.write([(SURFACE_FIT, later)])
    assert with_fits(settings, warehouse) is not settings
    after = paper_record(settings, warehouse, ledger)
    assert after.drift.height
    assert after.drift["state"].unique().to_list() == ["same"]
    assert after.journal.equals(before.journal)
    assert ledger_portfolio(settings, warehouse, ledger).positions.equals(views.positions)
