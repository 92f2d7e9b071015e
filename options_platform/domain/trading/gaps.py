"""What open spreads lose together if all their tickers open far from where they closed.

Limits on sums of maximum losses say nothing of how likely these are at once: the rungs of a ladder
are sold weeks apart, and one gap goes through all of them before any can be closed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.chain import ChainRules, Underlying, option_sign, quote, years_of
from options_platform.domain.chain.term_structure import term_of
from options_platform.domain.pricing import intrinsic_value
from options_platform.domain.risk.rules import RiskRules
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.orders import SHARES, OrderLeg

LOWEST_FACTOR = 0.05
"""Of the spot, where a beta would take a move below nothing."""


@dataclass(frozen=True)
class HeldSpreads:
    """`contracts` spreads of `legs` at the newest close of their ticker; also one single position
    of loose legs. `beta` is that of the ticker, by default the one of the rules."""

    ticker: str
    legs: Sequence[OrderLeg]
    contracts: int
    at: DatedClose
    beta: float | None = None


def gap_losses(
    held: Sequence[HeldSpreads], rules: RiskRules, chain: ChainRules
) -> list[tuple[float, ...]]:
    """The loss of each position at each of `rules.gap.moves`, USD; negative where it gains.

    It is the value at the close less that at the moved spot, both on the surface of the session.
    The spot moves by the move times the ticker's beta, and after a fall the volatility index of
    every tenor is higher by `vol_rise` times the fall. Expired legs are worth their intrinsic
    value. A position has the same losses alone as among others; without `rules.gap.max_loss_pct`
    they are not computed, and empty.
    """
    if rules.gap.max_loss_pct is None or not held:
        return [()] * len(held)
    legs = [(number, own, leg) for number, own in enumerate(held) for leg in own.legs]
    beta = np.array([_beta(own, rules) for _, own, _ in legs])
    moves = beta[:, None] * np.array([0.0, *rules.gap.moves])[None, :]
    factor = np.maximum(1.0 + moves, LOWEST_FACTOR)
    rise = 1.0 + rules.gap.vol_rise * np.maximum(-moves, 0.0)
    value = _values([(own, leg) for _, own, leg in legs], factor, rise, chain)
    lost = value[:, :1] - value[:, 1:]
    total = np.zeros((len(held), lost.shape[1]))
    # Leg by leg, in order, so that a position is the same in any batch.
    for row, (number, _, _) in enumerate(legs):
        total[number] += lost[row]
    return [tuple(row) for row in total.tolist()]


def _beta(own: HeldSpreads, rules: RiskRules) -> float:
    return rules.betas.get(own.ticker, 1.0) if own.beta is None else own.beta


def _values(
    legs: Sequence[tuple[HeldSpreads, OrderLeg]], factor: Floats, rise: Floats, chain: ChainRules
) -> Floats:
    """What each leg of a position is worth at each factor of its spot, USD, shape of `factor`."""
    units = np.array(
        [leg.signed_ratio * own.contracts * (1 if leg.is_shares else SHARES) for own, leg in legs],
        dtype=np.float64,
    )
    spot = np.array([own.at.close.spot for own, _ in legs])[:, None] * factor
    price = spot.copy()
    options = np.array([not leg.is_shares for _, leg in legs])
    days = np.array(
        [0 if leg.is_shares else (leg.expiry - own.at.session).days for own, leg in legs]
    )
    strike = np.array([leg.strike for _, leg in legs])
    sign = np.array([-1.0 if leg.right == "put" else 1.0 for _, leg in legs])
    price[options] = intrinsic_value(spot[options], strike[options, None], sign[options, None])
    alive = np.flatnonzero(options & (days > 0)).tolist()
    if alive:
        price[alive] = _option_prices(
            [legs[n] for n in alive], spot[alive], rise[alive], days[alive], chain
        )
    return np.asarray(units[:, None] * price)


def _option_prices(
    legs: Sequence[tuple[HeldSpreads, OrderLeg]],
    spot: Floats,
    rise: Floats,
    days: NDArray[np.int64],
    chain: ChainRules,
) -> Floats:
    count = spot.shape[1]
    closes = [own.at.close for own, _ in legs]

    def spread_out(values: Sequence[float | None]) -> Floats:
        known = [np.nan if value is None else value for value in values]
        return np.repeat(np.array(known, dtype=np.float64), count)

    index = spread_out([close.implied_vol for close in closes]) * rise.ravel()
    ratios = [spread_out([close.term_ratios[n] for close in closes]) for n in range(3)]
    term = term_of(index, ratios, spread_out([close.short_rate for close in closes]))
    underlying = Underlying.of(
        [close.ticker for close in closes for _ in range(count)],
        np.repeat(np.array([own.at.session for own, _ in legs], dtype="datetime64[D]"), count),
        spot.ravel(),
        index,
        term,
    )
    quotes = quote(
        underlying,
        spread_out([leg.strike for _, leg in legs]),
        np.repeat(years_of(days), count),
        np.repeat(option_sign(np.array([leg.right for _, leg in legs])), count),
        chain,
    )
    return np.asarray(quotes.mid.reshape(spot.shape))
