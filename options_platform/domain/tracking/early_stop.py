"""An early stop: a bet against the backtest's expectation, placed trade by trade.

Somebody bets on each trade that it earns less than expected. If the mean is at least as large as
expected, the better cannot gain on average, and the probability that the stake ever grows to 1 / a
is at most a, however long the record and whatever the distribution of its trades (Ville 1939;
Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting"). So the
inverse of the largest stake so far is a p-value that may be looked at after every trade.

A backtest's mean is known only so well as its number of trades allows. What is expected is
therefore the lower bound of that mean at half of `LEVEL`, and the other half is left to the bet.

The size of the bets is the one that grows fastest if the edge of the backtest has halved: against
its trades in other proportions, with half their mean (:func:`tilted`). By Wald's equation the stake
then needs about log(1 / a) over its mean growth a trade to reach 1 / a; Lorden's bound on the
overshoot (1970) gives the most that it takes on average. With the small edges of options this is
hundreds of trades or more, and :func:`trades_to_find` says how many.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats

LEVEL = 0.05
"""Probability that a record as good as its backtest ever proposes a halt, at most."""
OF_BET = LEVEL / 2.0
"""The part of it that is left to the bet: p-values at or below it propose a halt."""
FEWEST_EXPECTED = 100
"""Trades that a backtest needs; of fewer the lower bound of a skewed mean is too high."""
LARGEST_STAKE = 0.9
"""Share of the stake that the best possible trade may take, so that none takes all of it."""
HALF = 0.5


@dataclass(frozen=True)
class Bet:
    """The bet against a backtest.

    `mean` is the backtest's mean profit of a trade over what it had at risk, a fraction, and
    `expected` its lower bound; `size` the bet for each unit below that; `to_find` the average
    number of trades after which a halved edge is found, at most, by Lorden's bound, infinite where
    the backtest cannot tell half of its mean from its lower bound.
    """

    mean: float
    expected: float
    size: float
    to_find: float


@dataclass(frozen=True)
class EarlyStop:
    """What the bet says of a record.

    `p_values` are those after each trade, never rising. `stopped_at` is the number of the trade,
    counted from 1, after which a halt was proposed; None if there was none.
    """

    bet: Bet
    trades: int
    mean: float
    p_values: Floats
    stopped_at: int | None

    @property
    def p_value(self) -> float:
        """The newest p-value; 1 without trades."""
        return float(self.p_values[-1]) if len(self.p_values) else 1.0


def bet_against(backtest: Sequence[float]) -> Bet | None:
    """The bet against a backtest's trades: each its profit over its capital at risk, a fraction.

    None with fewer than `FEWEST_EXPECTED` trades, or if they have not earned anything on average:
    then there is no edge that could have halved.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import stdtrit

    shares = np.asarray(backtest, dtype=np.float64)
    count = len(shares)
    if count < FEWEST_EXPECTED or shares.mean() <= 0.0 or np.ptp(shares) == 0.0:
        return None
    mean = float(shares.mean())
    error = float(np.std(shares, ddof=1)) / math.sqrt(count)
    expected = mean - float(stdtrit(count - 1, 1.0 - OF_BET)) * error
    # Against a backtest that says little of its mean the bet is that the edge has gone far lower.
    weights = tilted(
        shares, max(min(HALF * mean, 2.0 * expected - mean), float(shares.min()) / 2.0)
    )
    below = expected - shares
    most = LARGEST_STAKE / -float(below.min())
    found = minimize_scalar(
        lambda size: -float(weights @ np.log1p(size * below)), bounds=(0.0, most), method="bounded"
    )
    size = float(found.x)
    halved = tilted(shares, HALF * mean)
    return Bet(mean, expected, size, trades_to_find(np.log1p(size * below), halved))


def tilted(shares: Floats, mean: float) -> Floats:
    """Weights of `shares`, which sum to 1, that give them the `mean` by exponential tilting.

    Of all records with that mean it is the one that is hardest to tell from the given one (Csiszar
    1975). `mean` lies strictly between the least and the largest of `shares`.
    """
    from scipy.optimize import brentq

    scaled = (shares - mean) / np.std(shares)

    def weighted(tilt: float) -> Floats:
        exponents = tilt * scaled
        weights = np.exp(exponents - exponents.max())
        return np.asarray(weights / weights.sum())

    furthest = 1.0
    while weighted(-furthest) @ scaled > 0.0 or weighted(furthest) @ scaled < 0.0:
        furthest *= 2.0
    return weighted(float(brentq(lambda tilt: weighted(tilt) @ scaled, -furthest, furthest)))


def trades_to_find(growth: Floats, weights: Floats) -> float:
    """The average number of trades until the stake has grown to 1 / `OF_BET`, at most.

    `growth` are logarithmic growths of the stake by trade and `weights` their probabilities under
    the alternative; infinite unless their mean is positive. Wald's equation with Lorden's bound on
    the mean overshoot.
    """
    mean = float(weights @ growth)
    if mean <= 0.0:
        return math.inf
    overshoot = float(weights @ np.maximum(growth, 0.0) ** 2) / mean
    return (math.log(1.0 / OF_BET) + overshoot) / mean


def early_stop(record: Sequence[float], backtest: Sequence[float]) -> EarlyStop | None:
    """Whether a record proposes a halt: has it earned too little to be as good as its backtest?

    Args:
        record: closed trades in the order of their entries, without those that were entered after
            one which is still open, since losers are often closed sooner than winners; each its
            profit over its capital at risk. One that made more than the backtest's best counts as
            that best: a stake cannot lose more than all of it.
        backtest: the same of the backtest.

    Returns:
        None where there is no bet (:func:`bet_against`).
    """
    bet = bet_against(backtest)
    if bet is None:
        return None
    shares = np.asarray(record, dtype=np.float64)
    counted = np.minimum(shares, max(backtest))
    stake = np.exp(np.cumsum(np.log1p(-bet.size * (counted - bet.expected))))
    p_values = 1.0 / np.maximum.accumulate(np.maximum(stake, 1.0))
    stopped = np.flatnonzero(p_values <= OF_BET)
    return EarlyStop(
        bet=bet,
        trades=len(shares),
        mean=float(shares.mean()) if len(shares) else math.nan,
        p_values=p_values,
        stopped_at=int(stopped[0]) + 1 if len(stopped) else None,
    )
