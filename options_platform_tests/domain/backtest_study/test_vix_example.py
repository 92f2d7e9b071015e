"""The warning example: the rules on stocks at the prices of the VIX."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import BACKTEST_PRICE_RISK
from options_platform.contracts.backtest import OF_RUN
from options_platform.domain.backtest import BacktestRules, make_market
from options_platform.domain.backtest_study.baseline_registry import BaselineComparison
from options_platform.domain.backtest_study.price_risk import AS_MEASURED, rests_on_surface
from options_platform.domain.backtest_study.vix_example import (
    EXAMPLES,
    example_runs,
    own_priced_stocks,
    priced_on_vix,
    without_stock_rules,
)
from options_platform.domain.chain.event_steps import TickerEvents
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.planning.plan import PlanRules
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs

SYMBOLS = {"AAPL": "VXAPL", "SPY": "VIX"}


@pytest.fixture(scope="module")
def comparison():
    bars, vix = random_market(tuple(SYMBOLS), date(2016, 1, 4), date(2017, 12, 29))
    is_stock = pl.col("ticker") == "AAPL"
    vix = vix.with_columns(
        iv_close=pl.when(is_stock).then(2.0 * pl.col("vix")).otherwise("iv_close")
    )
    symbols = pl.col("ticker").replace(SYMBOLS)
    inputs = plan_inputs(bars, vix).with_columns(iv_symbol=symbols)
    return BaselineComparison(inputs, make_market(bars, vix), PlanRules(), BacktestRules())


def test_stocks_alone_are_priced_on_the_vix_in_plans_and_market_and_nothing_else_changes(
    comparison,
):
    known = {"AAPL": TickerEvents((date(2016, 1, 4),), (0.01,), (date(2016, 1, 28),))}
    chain = replace(comparison.plan.chain, surface=LearnedSurface.of(
        comparison.plan.chain.surface, {}, known))  # fmt: skip
    plan = replace(comparison.plan, chain=chain)
    own = replace(comparison, plan=plan, rules=replace(comparison.rules, chain=chain))
    made = priced_on_vix(own, ["AAPL"])
    at = comparison.market.tickers.index("AAPL")
    assert np.allclose(made.market.index[:, at] * 2.0, comparison.market.index[:, at])
    assert np.array_equal(made.market.index[:, 1 - at], comparison.market.index[:, 1 - at])
    of_stock = made.inputs.filter(ticker="AAPL")
    assert (of_stock["iv_close"] == of_stock["vix"]).all()
    assert of_stock["iv_symbol"].unique().to_list() == ["VIX"]
    assert made.inputs.filter(ticker="SPY").equals(comparison.inputs.filter(ticker="SPY"))
    unchanged = ["iv_rank", "regime", "direction", "close"]
    assert made.inputs.select(unchanged).equals(comparison.inputs.select(unchanged))
    # The VIX knows no report of a stock.
    assert made.plan.chain.surface.events == made.rules.chain.surface.events == {}
    naive = without_stock_rules(made)
    assert (naive.plan.stocks.width_moves, naive.rules.blackout.mode) == (0.0, "off")


def test_each_example_has_a_row_of_the_model_and_no_verdict_rests_on_it(comparison):
    rows = pl.concat(run(comparison) for run in example_runs(SYMBOLS, ()))
    columns = [name for name in BACKTEST_PRICE_RISK.schema.names() if name not in OF_RUN]
    assert rows.columns == columns
    assert rows["scenario"].to_list() == list(EXAMPLES)
    assert (rows["trades"] > 0).all()
    usual = rows.head(1).with_columns(scenario=pl.lit(AS_MEASURED))
    others = [usual.with_columns(scenario=pl.lit(n)) for n in ("iv_minus_1pt", "iv_minus_8pct")]
    alone = pl.concat([usual, *others])
    assert rests_on_surface(pl.concat([alone, rows])).equals(rests_on_surface(alone))


@pytest.mark.parametrize("symbol", ["VIX", "VXN"])
def test_a_home_whose_stocks_have_no_prices_of_their_own_has_no_example(comparison, symbol):
    assert own_priced_stocks({"AAPL": symbol, "SPY": "VIX", "GLD": "GVZ"}, ()) == []
    assert example_runs({"AAPL": symbol, "SPY": "VIX"}, ()) == []
    kept = {"AAPL": "MODEL:AAPL", "MSFT": "CHAIN:MSFT", "ABCD": "CHAIN:ABCD"}
    assert own_priced_stocks(kept, ("ABCD",)) == ["AAPL", "MSFT"]
