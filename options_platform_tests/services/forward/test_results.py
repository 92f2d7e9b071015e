from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import RULE_SET_CURVES, RULE_SET_SCORES, TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.contracts.rule_sets import AS_SET, LATEST
from options_platform.domain.backtest.engine import run_backtest
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.forward.coverage import coverage
from options_platform.errors import ForwardRecordError
from options_platform.services.backtesting.run import load_backtest
from options_platform.services.forward.results import (
    ENOUGH_SESSIONS,
    forward_results,
    trade_recorded,
)
from options_platform.settings.rule_sets import rules_digest
from options_platform_tests.forward_links import night
from options_platform_tests.platform import END, make_platform_settings
from options_platform_tests.services.forward.conftest import DAYS, GAP, chain_of


def results_of(settings, now=None):
    warehouse = Warehouse(settings.warehouse_path)
    moment = now or night(END)
    found = forward_results(settings, warehouse, chain_of(settings), moment)
    return {result.rule_set: result for result in found}


@pytest.fixture(scope="module")
def results(recorded_home):
    """The forward results of the recorded home by set."""
    return results_of(recorded_home)


def backtest_of(settings):
    """The backtest of the stored plans of the recorded sessions."""
    warehouse = Warehouse(settings.warehouse_path)
    market = load_backtest(warehouse, settings.tickers, DAYS[0]).market
    plans = warehouse.read(TRADE_PLAN, start=DAYS[0], end=DAYS[-1])
    legs = warehouse.read(TRADE_PLAN_LEGS, start=DAYS[0], end=DAYS[-1])
    plans = plans.filter(pl.col("date") != GAP)
    return run_backtest(plans, legs, market, settings.backtest_rules)


def test_the_forward_result_is_that_of_the_backtest_over_the_same_plans_to_the_cent(
    recorded_home, results
):
    expected = backtest_of(recorded_home)
    result = results["plan"]
    assert expected.trades.height > 2
    assert result.result_usd == pytest.approx(expected.trades["pnl_usd"].sum(), abs=1e-9)
    assert result.trades == expected.trades.drop_nulls("closed_on").height
    assert result.open_trades == expected.trades.height - result.trades
    part = next(
        part for part in coverage(chain_of(recorded_home).links, night(END))
        if part.rule_set == "plan"
    )  # fmt: skip
    traded, _ = trade_recorded(recorded_home, Warehouse(recorded_home.warehouse_path), part)
    assert_frame_equal(traded.trades, expected.trades, check_exact=True)
    assert_frame_equal(traded.equity, expected.equity, check_exact=True)
    assert result.modelled == 1.0


def test_gaps_and_sessions_are_counted_and_a_sharpe_ratio_waits_for_a_year(results):
    result = results["plan"]
    after = [shift(DAYS[-1], 1), shift(DAYS[-1], 2)]
    assert (result.first, result.last, result.sessions) == (DAYS[0], after[-1], len(DAYS) + 2)
    assert result.gaps == dict.fromkeys([GAP, *after], "")
    assert result.traded_until == END
    assert len(DAYS) < ENOUGH_SESSIONS
    assert result.sharpe is None


@pytest.mark.long
def test_later_plans_rules_and_settings_of_the_account_change_nothing_of_a_result(home):
    before = results_of(home)["plan"]
    warehouse = Warehouse(home.warehouse_path)
    warehouse.replace([(TRADE_PLAN, TRADE_PLAN.empty())], "date", DAYS[0])
    other = make_platform_settings(
        home.home, account_value_usd=5_000, fills={"model": "mid"},
        exits={"credit_stop": 0.1, "debit_stop": 0.05}, risk={"max_positions": 1},
    )  # fmt: skip
    assert results_of(other)["plan"] == before


def compare(home, account_usd):
    """Store a comparison of 140 sessions with 63 trades, each held for 20 sessions."""
    rows = {
        "comparison": LATEST, "rule_set": "plan", "case": AS_SET, "version": 1, "title": "t",
        "digest": rules_digest(home), "beside": "plan",
        "compared_at": datetime(2017, 4, 1, tzinfo=UTC),
        "tickers": ["SPY", "QQQ"], "first": shift(END, -139), "last": END, "trades": 63,
        "average_days_held": 20 * 365.25 / 252, "expectancy_usd": 12.0,
        "sharpe": 0.8, "sharpe_low": 0.1, "sharpe_high": 1.4,
        "held_to_expiry": 0, "own_trials": 1, "trials": 1,
    }  # fmt: skip
    frame = pl.DataFrame([rows], schema=RULE_SET_SCORES.schema)
    curve = pl.DataFrame(
        {"comparison": LATEST, "rule_set": "plan", "date": [shift(END, -139), END],
         "equity_usd": [account_usd, 2 * account_usd]},
        schema=RULE_SET_CURVES.schema,
    )  # fmt: skip
    tables = [(RULE_SET_SCORES, frame), (RULE_SET_CURVES, curve)]
    Warehouse(home.warehouse_path).replace(tables, "comparison", LATEST)


def test_the_expectation_is_what_the_stored_backtest_would_have_entered_and_earned_by_now(home):
    compare(home, home.account_value_usd)
    results = results_of(home)
    expected = results["plan"].expected
    # 63 trades that ended after 20 sessions were entered in 140 - 1 - 20 sessions. Five sessions
    # were recorded and have a next one; a trade that is held for 20 has made an eighth by then.
    entered = 63 / 119 * 5
    assert expected.entered == pytest.approx(entered)
    assert expected.result_usd == pytest.approx(12.0 * entered / 8)
    assert (expected.sharpe, expected.sharpe_low) == (0.8, 0.1)
    assert results["plan"].entered == results["plan"].trades + results["plan"].open_trades
    assert results["premium_ladder"].expected is None
    # Another account has other sizes.
    compare(home, 50_000.0)
    expected = results_of(home)["plan"].expected
    assert (expected.entered, expected.result_usd) == (pytest.approx(entered), None)


def test_nothing_is_shown_of_a_record_that_was_altered(home):
    path = home.forward_record_path
    path.write_bytes(path.read_bytes().replace(b'"contracts":', b'"contractS":', 1))
    with pytest.raises(ForwardRecordError, match="link 1 "):
        results_of(home)


@pytest.mark.long
def test_a_ticker_without_a_market_is_a_problem_that_is_said_and_no_result(home):
    chain = chain_of(home)
    moved = [
        replace(link, content=replace(
            link.content,
            plans=[
                {**row, "ticker": row["ticker"].replace("SPY", "GONE")}
                for row in link.content.plans
            ],
        ))
        for link in chain.links
    ]  # fmt: skip
    warehouse = Warehouse(home.warehouse_path)
    found = forward_results(home, warehouse, replace(chain, links=tuple(moved)), night(END))
    plan = next(result for result in found if result.rule_set == "plan")
    assert "GONE" in plan.problem
    assert (plan.result_usd, plan.trades, plan.sessions) == (None, None, len(DAYS) + 2)
