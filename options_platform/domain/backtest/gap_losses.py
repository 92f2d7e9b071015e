"""What the trades of a backtest lose in a gap, from its market and the paths of its trades."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

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
from options_platform.domain.trading.orders import OrderLeg

AHEAD = 16
"""Sessions that are priced together: a trade has the same losses in any batch, and a batch takes
little longer than one trade."""

Losses = tuple[float, ...]


class GapLosses:
    """By trade and session the loss of one spread at each move of `rules.risk.gap`, USD.

    A ticker without a close in the session has that of the last session with one, as live; one that
    has none at all has empty losses.
    """

    def __init__(
        self,
        tickers: Sequence[str],
        planned: Sequence[Sequence[int]],
        paths: TradePaths,
        market: BacktestMarket,
        rules: BacktestRules,
    ) -> None:
        """`tickers` are by trade, `planned` by session the trades that may be asked after it."""
        self._planned, self._paths, self._market, self._rules = planned, paths, market, rules
        self._column = [market.tickers.index(ticker) for ticker in tickers]
        has_close = np.isfinite(market.close) & (market.index > 0)
        rows = np.where(has_close, np.arange(len(market.sessions))[:, None], -1)
        self._newest = np.maximum.accumulate(rows, axis=0)
        self._legs: dict[int, tuple[OrderLeg, ...]] = {}
        self._losses: dict[tuple[int, int], Losses] = {}

    def after(
        self, session_number: int, last_sessions: Mapping[int, int], entries: Sequence[int]
    ) -> dict[int, Losses]:
        """The losses after this session of open trades and of `entries`.

        `last_sessions` are by open trade the number of its last session.
        """
        keys = {trade: (trade, session_number) for trade in (*last_sessions, *entries)}
        missing = [key for key in keys.values() if key not in self._losses]
        if missing:
            self._losses = {k: own for k, own in self._losses.items() if k[1] >= session_number}
            self._price([*missing, *self._ahead(session_number, last_sessions)])
        return {trade: self._losses[key] for trade, key in keys.items()}

    def _ahead(
        self, session_number: int, last_sessions: Mapping[int, int]
    ) -> Iterable[tuple[int, int]]:
        until = min(session_number + AHEAD, len(self._market.sessions))
        for later in range(session_number + 1, until):
            yield from ((trade, later) for trade in self._planned[later])
        for trade, last in last_sessions.items():
            yield from ((trade, later) for later in range(session_number + 1, min(until, last)))

    def _price(self, keys: Iterable[tuple[int, int]]) -> None:
        wanted = [key for key in dict.fromkeys(keys) if key not in self._losses]
        held = {key: own for key in wanted if (own := self._held(*key)) is not None}
        losses = gap_losses(list(held.values()), self._rules.risk, self._rules.chain)
        self._losses |= dict.fromkeys(wanted, ()) | dict(zip(held, losses, strict=True))

    def _held(self, trade: int, session_number: int) -> HeldSpreads | None:
        """One spread at the newest close of its ticker, as whole splits have left it."""
        market, column = self._market, self._column[trade]
        at = int(self._newest[session_number, column])
        if at < 0:
            return None
        planned = int(self._paths.entry[trade]) - 1
        term = (
            (None, None, None) if market.term_ratios is None else market.term_ratios[:, at].tolist()
        )
        rate = None if market.short_rate is None else float(market.short_rate[at])
        factors = market.factor[planned, column], market.factor[at, column]
        split = 1 if factors[0] == factors[1] else whole_ratio(factors[0] / factors[1])
        close = MarketClose(
            float(market.close[at, column] * factors[0] / split),
            float(market.index[at, column]),
            tuple(term),
            rate,
            ticker=market.tickers[column],
        )
        legs = self._legs.get(trade)
        if legs is None:
            legs = self._legs[trade] = order_legs(self._paths.legs, trade)
        return HeldSpreads(
            close.ticker, legs_after(legs, split), split, DatedClose(market.sessions[at], close),
            self._beta(column, session_number),
        )  # fmt: skip

    def _beta(self, column: int, session_number: int) -> float | None:
        """The measured beta that the session knew; None where the rules have one, or none is."""
        if self._market.betas is None or self._market.tickers[column] in self._rules.risk.betas:
            return None
        measured = float(self._market.betas[session_number, column])
        return measured if np.isfinite(measured) else None
