"""What the trades of a backtest lose in a gap, from its market and the paths of its trades."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from options_platform.domain.backtest.legs import order_legs
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.paths import TradePaths
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest.split_quotes import legs_after
from options_platform.domain.market.odd_splits import whole_ratio
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.gaps import HeldSpreads, gap_losses


def spread_gap_losses(
    trades: Mapping[int, str],
    session_number: int,
    paths: TradePaths,
    market: BacktestMarket,
    rules: BacktestRules,
) -> dict[int, tuple[float, ...]]:
    """By trade the loss of one spread at each move of `rules.risk.gap`, USD, after this session.

    `trades` are the numbers of trades with their tickers. A ticker without a close in the session
    has that of the last session with one, as live; one that has none at all, or a limit that is not
    set, gives empty losses.
    """
    held = {
        trade: spread
        for trade, ticker in trades.items()
        if (spread := _held(trade, ticker, session_number, paths, market)) is not None
    }
    losses = gap_losses(list(held.values()), rules.risk, rules.chain)
    return dict.fromkeys(trades, ()) | dict(zip(held, losses, strict=True))


def _held(
    trade: int, ticker: str, session_number: int, paths: TradePaths, market: BacktestMarket
) -> HeldSpreads | None:
    """One spread at the newest close of its ticker, as whole splits have left it."""
    column = market.tickers.index(ticker)
    until = slice(0, session_number + 1)
    index = market.index[until, column]
    known = np.flatnonzero(np.isfinite(market.close[until, column]) & (index > 0))
    if not len(known):
        return None
    at = int(known[-1])
    planned = int(paths.entry[trade]) - 1
    term = (None, None, None) if market.term_ratios is None else market.term_ratios[:, at].tolist()
    rate = None if market.short_rate is None else float(market.short_rate[at])
    factors = market.factor[planned, column], market.factor[at, column]
    split = whole_ratio(factors[0] / factors[1])
    close = MarketClose(
        float(market.close[at, column] * factors[0] / split),
        float(index[at]),
        tuple(term),
        rate,
        ticker=market.tickers[column],
    )
    own = legs_after(order_legs(paths.legs, trade), split)
    return HeldSpreads(close.ticker, own, split, DatedClose(market.sessions[at], close))
