"""The contracts of trades by number, and which of them would be held against each other.

The rule is that of live trading, :mod:`options_platform.domain.trading.netting`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.paths import TradePaths
from options_platform.domain.trading.netting import opposed

DECIMALS = 6
"""Of a split-adjusted strike: two contracts that are one differ by the noise of the division."""


@dataclass(frozen=True)
class TradeSides:
    """By trade its contracts, each by a number, with +1 for bought and -1 for sold."""

    of_trade: list[dict[int, int]]

    @classmethod
    def of(cls, tickers: list[str], paths: TradePaths, market: BacktestMarket) -> TradeSides:
        """The sides of all trades, of these `tickers`; a contract is one across a split."""
        legs, numbers = paths.legs, dict[tuple[object, ...], int]()
        column = [market.tickers.index(ticker) for ticker in tickers]
        planned = np.minimum(paths.entry - 1, len(market.sessions) - 1)
        strike = np.round(legs.strike / market.factor[planned, column][:, None], DECIMALS)
        rows = zip(
            tickers, legs.side.tolist(), legs.sign.tolist(), strike.tolist(), legs.expiry.tolist(),
            strict=True,
        )  # fmt: skip
        sides = []
        for ticker, *of_legs in rows:
            own: dict[int, int] = {}
            for side, sign, price, expiry in zip(*of_legs, strict=True):
                if side:
                    contract = ticker, sign, price, expiry
                    own[numbers.setdefault(contract, len(numbers))] = 1 if side > 0 else -1
            sides.append(own)
        return cls(sides)

    def opposed(self, trade: int, opening: Iterable[int], closing: Iterable[int]) -> int:
        """How many contracts of a trade others are on the other side of.

        `opening` are trades that are held or about to be entered, `closing` those with an exit that
        works: it does the opposite of what the trade holds.
        """
        others = [self.of_trade[other] for other in opening]
        exits = [{n: -side for n, side in self.of_trade[other].items()} for other in closing]
        return len(opposed(self.of_trade[trade], [*others, *exits]))
