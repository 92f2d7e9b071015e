"""The evidence gate of earnings strategies: when one may trade real money.

The record of a strategy is looked at only when it has 30, 60 and 120 trades, so that a lucky week
between two looks does not open the gate; the newest look counts until the next. The trades of a
look are taken in the order in which they closed, each as its profit over what it had at risk. For
every 30 of them one loss of all that was at risk is added, since a record of reports without the
rare large move says little. With these the mean must be above zero, and a one-sided t-test must
stay below 5% after Holm's correction over all strategies that there are, traded or not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from options_platform.domain.statistics.fixed_looks import looked_at, with_losses

LEVEL = 0.05
Status = Literal["proven", "research"]


@dataclass(frozen=True)
class Verdict:
    """What the record of one strategy shows.

    `trades` are closed ones, `look` the number of them that the newest look had (0 before the
    first). `mean` is theirs as recorded, `mean_with_losses` that with the added losses, both
    fractions of the capital at risk, null before the first look; `p_value` is of the latter, and
    `p_holm` after the correction.
    """

    trades: int
    look: int
    mean: float | None
    mean_with_losses: float | None
    p_value: float
    p_holm: float
    status: Status


def judged(records: Mapping[str, Sequence[float]]) -> dict[str, Verdict]:
    """The verdict on each strategy.

    Args:
        records: by strategy its trades in the order of their exits: profit over capital at risk.
            Strategies without trades are there too, and count in the correction.
    """
    looked = {name: looked_at(trades) for name, trades in records.items()}
    added = {name: with_losses(taken) for name, taken in looked.items()}
    p_values = {name: _p_value(trades) for name, trades in added.items()}
    corrected = _holm(p_values)
    verdicts = {}
    for name, taken in looked.items():
        mean = float(np.mean(added[name])) if taken else None
        passes = mean is not None and mean > 0.0 and corrected[name] < LEVEL
        verdicts[name] = Verdict(
            trades=len(records[name]),
            look=len(taken),
            mean=float(np.mean(taken)) if taken else None,
            mean_with_losses=mean,
            p_value=p_values[name],
            p_holm=corrected[name],
            status="proven" if passes else "research",
        )
    return verdicts


def _p_value(shares: Sequence[float]) -> float:
    """One-sided, of a mean that is not above zero; 1 without a look or without any spread."""
    from scipy.special import stdtr

    count = len(shares)
    if count < 2 or np.ptp(shares) == 0.0:
        return 1.0
    error = float(np.std(shares, ddof=1)) / math.sqrt(count)
    return float(stdtr(count - 1, -float(np.mean(shares)) / error))


def _holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's corrected p-values: the smallest times their number, the next times one less, ..."""
    corrected, highest = {}, 0.0
    ordered = sorted(p_values.items(), key=lambda item: item[1])
    for place, (name, p_value) in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - place) * p_value))
        corrected[name] = highest
    return corrected
