"""The backtest on SPY and QQQ, 2003 to 2024."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.backtest_study.baseline_registry import BASELINES, BaselineComparison
from options_platform.domain.backtest_study.baselines import always, buy_and_hold
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.statistics.curve import curve_metrics, returns_of
from options_platform.testing.plan_inputs import plan_inputs

PLAN = PlanRules(selection=SelectionRules(iron_condor_enabled=True))


@pytest.fixture(scope="module")
def made(real_market, reference_data):
    bars, vix = real_market
    late = pl.col("date").dt.year() >= 2003
    inputs = plan_inputs(bars, vix).filter(late)
    yields = pl.read_csv(reference_data / "rates/DGS3MO.csv").select(
        pl.col("date").str.to_date(), yield_pct="dgs3mo_pct"
    )
    return inputs, make_market(bars.filter(late), vix.filter(late), yields)


def test_twenty_two_years_add_up_to_the_cent(made):
    inputs, market = made
    result = run_backtest(*build_plans(inputs, PLAN), market, BacktestRules())
    equity = result.equity
    assert equity.height > 5500
    assert result.trades.height > 1000
    total = result.trades["pnl_usd"].sum() + equity["interest_usd"].sum()
    assert equity["equity_usd"][-1] - result.start_usd == pytest.approx(total, abs=0.005)
    gap = equity["cash_usd"] + equity["positions_usd"] - equity["equity_usd"]
    assert gap.abs().max() < 1e-6
    assert (result.trades["opened_on"] > result.trades["planned_on"]).all()


def test_the_carried_yield_is_flagged_after_its_series_ends(made):
    inputs, market = made
    result = run_backtest(*always(inputs, "bull_put_spread", PLAN), market, BacktestRules())
    stale = result.equity.filter("yield_stale")["session"]
    assert stale.min().year == 2023
    assert result.equity["yield_stale"][-1]
    assert result.equity["interest_usd"][-1] > 0


def test_writing_puts_on_spy_resembles_cboes_put_index(made):
    # Cboe's PUT index has a beta of about one half to the S&P 500 and fell less in 2008 (Ibbotson,
    # "Highlights from case study on BXM", and Cboe's fact sheet). Sizes do not compound here.
    inputs, market = made
    spy = pl.col("ticker") == "SPY"
    only = make_market(
        pl.DataFrame(
            {
                "date": market.sessions, "ticker": "SPY",
                "close": market.close[:, market.tickers.index("SPY")],
                "split_factor": 1.0, "dividend": 0.0,
                "bad_reason": pl.Series([None] * len(market.sessions), dtype=pl.String),
            }
        ),
        pl.DataFrame(
            {
                "date": market.sessions, "ticker": "SPY",
                "iv_close": 100.0 * market.index[:, market.tickers.index("SPY")],
            }
        ),
    )  # fmt: skip
    comparison = BaselineComparison(inputs.filter(spy), only, PLAN, BacktestRules())
    result = BASELINES["put_write"].run(comparison)["default"]
    # SPY has had options for the twenty years from 2005 on.
    assert result.trades.height > 240
    assert result.trades["opened_on"].min() >= date(2005, 1, 10)
    equity = result.equity["equity_usd"].to_numpy()
    ours, index = returns_of(equity), returns_of(buy_and_hold(only, "SPY", 1e5))
    beta = np.cov(ours, index)[0, 1] / np.var(index)
    assert 0.2 < beta < 0.7
    holding = curve_metrics(only.sessions, buy_and_hold(only, "SPY", 1e5))
    written = curve_metrics(only.sessions, equity)
    assert written.max_drawdown < holding.max_drawdown
    assert written.volatility_annual < holding.volatility_annual
