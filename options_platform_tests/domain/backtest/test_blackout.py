"""The backtest of stocks keeps clear of their reports, and knows of them what each close knew."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.earnings.anchors import anchor_of, spans
from options_platform.domain.earnings.blackout import known_by_session
from options_platform.domain.earnings.known_dates import KnownDates
from options_platform.domain.earnings.rules import BlackoutRules, EarningsRules
from options_platform.domain.planning.conditions.blackout import report_columns
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.testing.market import from_source
from options_platform.testing.plan_inputs import plan_inputs
from options_platform_tests.recorded_reports import answered

STOCKS = ("AAPL", "NVDA")
COMPANIES = ("AAPL", "AMZN", "GOOGL", "MSFT", "NVDA")
FIRST, LAST = date(2022, 1, 3), date(2023, 12, 29)


def with_reports(inputs, market, days_of):
    """Inputs and market with what each close knew of reports on `days_of` a ticker."""
    known = {
        ticker: known_by_session(
            KnownDates(ticker, answered(ticker, days), EarningsRules()), market.sessions
        )
        for ticker, days in days_of.items()
    }
    dated = pl.concat(
        pl.DataFrame({"date": market.sessions, "ticker": ticker}).with_columns(
            **report_columns(known[ticker])
        )
        for ticker in known
    )
    joined = inputs.join(dated, on=("date", "ticker"), how="left", maintain_order="left")
    return joined.with_columns(is_backtest=pl.lit(value=True)), market.with_reports(known)


def real_stocks(reference_data, tickers, first, last):
    """Plan inputs and market of stocks on the VIX, and the days of their reports."""
    from options_platform.adapters.sources import SourceOptions, open_source

    folders = f"{reference_data / 'prices'}:{reference_data / 'vol'}"
    source = open_source("csv", SourceOptions(csv_dir=folders))
    bars, vix = from_source(source, first.year - 3, last.year, tickers)
    inside = pl.col("date").is_between(first, last)
    inputs, market = (
        plan_inputs(bars, vix).filter(inside),
        make_market(bars.filter(inside), vix.filter(inside)),
    )
    table = pl.read_csv(reference_data / "earnings/megacap_report_dates.csv", try_parse_dates=True)
    days = {ticker: table.filter(symbol=ticker)["report_date"].to_list() for ticker in tickers}
    return inputs, market, days


@pytest.fixture(scope="module")
def stocks(reference_data):
    """Two years of two stocks on the VIX, with their reports."""
    return real_stocks(reference_data, STOCKS, FIRST, LAST)


def traded(inputs, market, blackout):
    plans, legs = build_plans(inputs, PlanRules(blackout=blackout))
    return run_backtest(plans, legs, market, BacktestRules(blackout=blackout))


def held_through(trades, days_of, last=LAST):
    """The trades that were open at the close before one of their ticker's reports."""
    return [
        row
        for row in trades.iter_rows(named=True)
        for day in days_of[row["ticker"]]
        if spans(row["opened_on"], row["closed_on"] or last, anchor_of(day, "after_close"))
    ]


def test_no_trade_is_held_through_a_report(stocks):
    inputs, market, days = stocks
    made = with_reports(inputs, market, days)
    without = traded(*made, BlackoutRules(mode="off")).trades
    trades = traded(*made, BlackoutRules()).trades
    assert len(held_through(without, days)) > 5
    assert held_through(trades, days) == []
    left = trades.filter(exit_reason="EARNINGS")
    assert left.height > 2
    # Closed in the session that ends with the last close before the news, or before.
    anchors = {(ticker, anchor_of(day, "after_close")) for ticker in days for day in days[ticker]}
    assert anchors & set(left.select("ticker", "closed_on").iter_rows())


@pytest.mark.long
def test_no_trade_of_five_companies_in_fifteen_years_is_held_through_a_report(reference_data):
    last = date(2024, 12, 31)
    inputs, market, days = real_stocks(reference_data, COMPANIES, date(2010, 1, 4), last)
    trades = traded(*with_reports(inputs, market, days), BlackoutRules()).trades
    assert trades.height > 1500
    assert held_through(trades, days, last) == []
    assert trades.filter(exit_reason="EARNINGS").height > 50


def test_a_date_that_moves_changes_no_trade_that_was_over_before_it_was_known(stocks):
    inputs, market, days = stocks
    before = traded(*with_reports(inputs, market, days), BlackoutRules())
    left = before.trades.filter(exit_reason="EARNINGS").row(-1, named=True)
    report = next(day for day in days[left["ticker"]] if day >= left["closed_on"])
    moved = {
        ticker: [
            day + timedelta(days=5 * (day == report and ticker == left["ticker"])) for day in of
        ]
        for ticker, of in days.items()
    }
    after = traded(*with_reports(inputs, market, moved), BlackoutRules())
    early = pl.col("session") < report - timedelta(days=14)
    assert_frame_equal(before.equity.filter(early), after.equity.filter(early))
    assert_frame_equal(before.refusals.filter(early), after.refusals.filter(early))
    assert not before.equity.equals(after.equity)


def test_without_reports_a_backtest_is_the_same_with_the_blackout_and_without(stocks):
    inputs, market, _ = stocks
    on, off = (traded(inputs, market, BlackoutRules(mode=mode)) for mode in ("life", "off"))
    assert_frame_equal(on.trades, off.trades)
    assert_frame_equal(on.fills, off.fills)
    assert_frame_equal(on.equity, off.equity)


def test_a_plan_without_exits_is_held_whatever_is_known(stocks):
    inputs, market, days = stocks
    rows, dated = with_reports(inputs, market, days)
    plans, legs = build_plans(rows, PlanRules(blackout=BlackoutRules(mode="off")))
    held = run_backtest(plans, legs, dated, replace(BacktestRules(), exits=None)).trades
    assert "EARNINGS" not in held["exit_reason"].to_list()
