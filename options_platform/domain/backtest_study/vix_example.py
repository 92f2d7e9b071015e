"""The rules on stocks that are priced on the VIX: a warning example beside the results.

The VIX is the volatility of the S&P 500. A stock moves two or three times as much, so that its
options, priced on the VIX, are far too cheap: whoever buys them seems to win. The backtest runs the
rules once more at these wrong prices, and once as somebody would run them who knows nothing of
stocks: with widths in USD and positions held through reports as well. Signals and regimes stay as
they are, so that the prices and the rules for stocks alone make the difference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import polars as pl

from options_platform.contracts import BACKTEST_PRICE_RISK
from options_platform.contracts.backtest import OF_RUN
from options_platform.domain.backtest_study.baseline_registry import BaselineComparison
from options_platform.domain.backtest_study.scorecard import curves_of, scorecard
from options_platform.domain.backtest_study.variants import run_variants, vary
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.market.index_series import VIX_SYMBOL, iv_basis, may_be_stock

ON_VIX = "stocks_on_vix"
NAIVE = "stocks_on_vix_naive"
EXAMPLES = (ON_VIX, NAIVE)
"""Scenarios of `backtest_price_risk`: stocks priced on the VIX, under the rules as they are, and
without the rules for stocks."""


def own_priced_stocks(iv_symbols: Mapping[str, str], funds: tuple[str, ...]) -> list[str]:
    """The stocks that are priced on an index or chains of their own, or on the model."""
    return [
        ticker
        for ticker, symbol in iv_symbols.items()
        if may_be_stock(ticker, funds) and iv_basis(ticker, symbol) != "market"
    ]


def example_runs(
    iv_symbols: Mapping[str, str], funds: tuple[str, ...]
) -> list[Callable[[BaselineComparison], pl.DataFrame]]:
    """What gives the rows of each of `EXAMPLES`; nothing without a stock that has prices of its
    own. Each may run in another process. `iv_symbols` is the volatility index of each ticker.
    """
    stocks = own_priced_stocks(iv_symbols, funds)
    return [partial(example_rows, name=name, stocks=stocks) for name in EXAMPLES if stocks]


def example_rows(comparison: BaselineComparison, name: str, stocks: list[str]) -> pl.DataFrame:
    """The rows of one of `EXAMPLES`, with `stocks` priced on the VIX; rows of
    `backtest_price_risk` without `OF_RUN`."""
    made = priced_on_vix(comparison, stocks)
    if name == NAIVE:
        made = without_stock_rules(made)
    ((_, result),) = run_variants(vary(made.plan, made.rules, {}), made.inputs, made.market)
    fill = made.rules.fills.model
    scores = scorecard(curves_of({fill: result}, {}, {}, fill), made.market)
    columns = [each for each in BACKTEST_PRICE_RISK.schema.names() if each not in OF_RUN]
    return scores.with_columns(
        scenario=pl.lit(name), iv_points=pl.lit(0.0), iv_scale=pl.lit(1.0)
    ).select(columns)


def priced_on_vix(comparison: BaselineComparison, stocks: list[str]) -> BaselineComparison:
    """The comparison with the options of `stocks` priced on the VIX, in plans and in the market."""
    is_stock = pl.col("ticker").is_in(stocks)
    inputs = comparison.inputs.with_columns(
        iv_close=pl.when(is_stock).then("vix").otherwise("iv_close"),
        iv_symbol=pl.when(is_stock).then(pl.lit(VIX_SYMBOL)).otherwise("iv_symbol"),
    )
    market = comparison.market
    levels = comparison.inputs.group_by("date").agg(pl.col("vix").drop_nulls().first())
    by_day = pl.DataFrame({"date": market.sessions}).join(
        levels, on="date", how="left", maintain_order="left"
    )
    vix = by_day["vix"].cast(pl.Float64).fill_null(np.nan).to_numpy() / 100.0
    index = market.index.copy()
    for column, ticker in enumerate(market.tickers):
        if ticker in stocks:
            index[:, column] = vix
    surface = comparison.plan.chain.surface
    if isinstance(surface, LearnedSurface):
        # What was learned, and the reports in a modelled index, are of the stocks' own prices.
        fits = {name: each for name, each in surface.fits.items() if name not in stocks}
        surface = replace(surface, fits=fits, events={})
    (moved,) = vary(comparison.plan, comparison.rules, {"plan.chain.surface": [surface]})
    return BaselineComparison(inputs, replace(market, index=index), moved.plan, moved.rules)


def without_stock_rules(comparison: BaselineComparison) -> BaselineComparison:
    """The comparison under the rules for funds: fixed widths, and no blackout of reports."""
    plan, rules = comparison.plan, comparison.rules
    blackout = replace(plan.blackout, mode="off")
    as_funds = replace(plan.stocks, width_moves=0.0)
    return replace(
        comparison,
        plan=replace(plan, stocks=as_funds, blackout=blackout),
        rules=replace(rules, blackout=replace(rules.blackout, mode="off")),
    )
