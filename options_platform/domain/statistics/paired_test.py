"""Paired test over folds: is one forecast better than another by more than chance?

Diebold and Mariano (1995) on the differences between the losses of the folds, with the small-sample
correction of Harvey, Leybourne and Newbold (1997) and Student's t. Folds are months, so the
5-session overlap of labels affects only neighbouring folds: one lag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from options_platform.common import Floats

FEWEST_FOLDS = 12
LAGS = 1


@dataclass(frozen=True)
class PairedTest:
    """Result of a paired test.

    `gain`: mean loss of the other forecast minus that of the tested one; `p_value`: one-sided, of
    no gain; `folds`: number of folds used.
    """

    gain: float
    p_value: float
    folds: int

    def beats(self, level: float = 0.05) -> bool:
        """Whether the tested forecast is significantly better."""
        return bool(self.gain > 0.0 and self.p_value < level)


def paired_test(loss: Floats, other: Floats, *, lags: int = LAGS) -> PairedTest:
    """Test whether `loss` is lower than `other`, fold by fold; folds with a NaN are left out.

    The p-value is 1 with fewer than 12 folds or with constant differences.
    """
    from scipy.special import stdtr

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
        # Strong alternation makes the sum negative; fall back to the plain variance.
        variance = covariances[0]
    horizon = lags + 1
    correction = (count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count
    statistic = mean / np.sqrt(variance / count) * np.sqrt(correction)
    return PairedTest(mean, float(1.0 - stdtr(count - 1, statistic)), count)
