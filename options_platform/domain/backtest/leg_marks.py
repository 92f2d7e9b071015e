"""The quotes, volatility and greeks of each leg on each session, modelled or real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.backtest.real_quotes import (
    PARITY,
    SHIFTED,
    SMILE,
    SYNTHETIC,
    ModelledLegs,
    RealQuotes,
    real_legs,
)
from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.chain import Quotes, Underlying
from options_platform.domain.pricing import black_scholes
from options_platform.domain.trading.fill_prices import FillRules

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
GREEKS = ("delta", "gamma", "theta", "vega")


@dataclass(frozen=True)
class LegMarks:
    """Legs at the close, shape [rows, legs]; prices in USD a share, greeks per share.

    `source` is that of `real_quotes`, 0 for a leg that is not alive; `no_bid` marks legs that are
    sold for nothing. `fillable` and `evidence`, shape [rows], as in `PricedLegs`.
    """

    bid: Floats
    mid: Floats
    ask: Floats
    iv: Floats
    greeks: dict[str, Floats]
    source: Ints
    no_bid: Bools
    fillable: Bools
    evidence: Bools

    def fill_prices(self, side: Floats, fills: FillRules) -> Floats:
        """The fill model's price of each leg; `side` is above 0 where it is bought."""
        prices = fills.leg_prices(side, self.bid, self.mid, self.ask)
        return np.where(self.no_bid & (side < 0), 0.0, prices)


def modelled_marks(quotes: Quotes, alive: Bools, rules: BacktestRules) -> LegMarks:
    """The legs at the quotes of the surface.

    If only real quotes count, nothing can be traded and no exit rests on these marks.
    """
    rows = np.full(len(alive), rules.chains != "real_only")
    return LegMarks(
        quotes.bid,
        quotes.mid,
        quotes.ask,
        quotes.iv,
        {name: getattr(quotes.greeks, name) for name in GREEKS},
        np.where(alive, SYNTHETIC, 0).astype(np.int64),
        np.zeros_like(alive),
        rows,
        rows,
    )


def real_marks(
    quotes: Quotes,
    years: Floats,
    underlying: Underlying,
    modelled: ModelledLegs,
    stored: RealQuotes,
    rules: BacktestRules,
) -> LegMarks:
    """The legs at stored quotes, or at the next best price; greeks from the price's volatility.

    From a stored chain of the ticker until `gap_sessions` sessions after it, a trade is made only
    at two-sided quotes of the session, its own or by parity, and its marks stop a position or take
    its profit only if they rest on quotes of the session.
    """
    real = real_legs(modelled, stored, rules.chain, rules.gap_sessions)
    rate, dividend = underlying.term.rate_or(rules.chain.risk_free_rate), rules.chain.dividend_yield
    iv = np.where(np.isfinite(real.iv), real.iv, quotes.iv)
    priced = black_scholes(underlying.spot, quotes.strike, years, iv, rate, dividend, modelled.sign)
    half = (quotes.ask - quotes.bid) / 2.0
    shifted = real.source == SHIFTED
    mid = np.where(np.isfinite(real.mid), real.mid, np.where(shifted, priced.price, quotes.mid))
    own = (real.source > 0) & (real.source <= PARITY)
    quotable = ~modelled.alive | (real.source <= PARITY)
    measured = ~modelled.alive | (real.source <= SMILE)
    gap = real.covered | (rules.chains == "real_only")
    return LegMarks(
        bid=np.where(own, real.bid, np.maximum(mid - half, 0.0)),
        mid=mid,
        ask=np.where(own, real.ask, mid + half),
        iv=iv,
        greeks={name: getattr(priced, name) for name in GREEKS},
        source=real.source,
        no_bid=real.no_bid,
        fillable=~gap | quotable.all(axis=1),
        evidence=~gap | measured.all(axis=1),
    )
