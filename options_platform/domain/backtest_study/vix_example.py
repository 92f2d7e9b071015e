"""The rules on stocks that are priced on the VIX: a warning example beside the results.

The VIX is the volatility of the S&P 500. A stock moves two or three times as much, so that its
options, priced on the VIX, are far too cheap: whoever buys them seems to win. The backtest runs the
rules once more at these wrong prices, and once as somebody would run them who knows nothing of
stocks: with widths in USD and positions held through reports as well. Signals and regimes stay as
they are, so that the prices and the rules for stocks alone make the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

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


def vix_examples(
    comparison: BaselineComparison, iv_symbols: Mapping[str, str]
) -> Iterator[pl.DataFrame]:
    """Rows of `backtest_price_risk` without `OF_RUN` for each of `EXAMPLES`; none without a stock
    that has prices of its own.

    Args:
        comparison: what was run as configured.
        iv_symbols: the volatility index of each ticker, as stored.
    """
    stocks = own_priced_stocks(iv_symbols, comparison.plan.chain.surface.funds)
    if not stocks:
        return
    on_vix = priced_on_vix(comparison, stocks)
    for name, made in ((ON_VIX, on_vix), (NAIVE, without_stock_rules(on_vix))):
        variants = vary(made.plan, made.rules, {})
        ((_, result),) = run_variants(variants, made.inputs, made.market)
        fill = made.rules.fills.model
        scores = scorecard(curves_of({fill: result}, {}, {}, fill), made.market)
        columns = [each for each in BACKTEST_PRICE_RISK.schema.names() if each not in OF_RUN]
        yield scores.with_columns(
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
