"""Whether one forecast beats another by more than chance: a paired test over folds.

Diebold and Mariano (1995) on the differences of the folds' losses, with the small-sample
correction of Harvey, Leybourne and Newbold (1997) and Student's t. Folds are months, so that the
5-session overlap of labels touches neighbouring folds at most: one lag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr

from options_platform.common import Floats

FEWEST_FOLDS = 12
LAGS = 1


@dataclass(frozen=True)
class PairedTest:
    """`gain`: mean loss of the other minus ours; `p_value`: of no gain, one-sided; `folds` used."""

    gain: float
    p_value: float
    folds: int

    def beats(self, level: float = 0.05) -> bool:
        """Whether ours is better by more than chance."""
        return bool(self.gain > 0.0 and self.p_value < level)


def paired_test(loss: Floats, other: Floats, *, lags: int = LAGS) -> PairedTest:
    """Test whether `loss` is lower than `other`, fold by fold; folds with a NaN are left out.

    With fewer than 12 folds, or differences that do not vary, there is no evidence: p is 1.
    """
    difference = other - loss
    difference = difference[np.isfinite(difference)]
    count = len(difference)
    if count < FEWEST_FOLDS or np.ptp(difference) == 0.0:
        return PairedTest(float(difference.mean()) if count else 0.0, 1.0, count)
    mean = float(difference.mean())
    centred = difference - mean
    covariances = [float(centred[lag:] @ centred[: count - lag]) / count for lag in range(lags + 1)]
    variance = covariances[0] + 2.0 * sum(covariances[1:])
    if variance <= 0.0:
        # Negative sums occur with strong alternation; the plain variance is the careful choice.
        variance = covariances[0]
    horizon = lags + 1
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = mean / np.sqrt(variance / count) * np.sqrt(correction)
    return PairedTest(mean, float(1.0 - stdtr(count - 1, statistic)), count)
