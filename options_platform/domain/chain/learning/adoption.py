"""Whether a ticker is priced by its own fits: if they would have been better than its class.

Each chain is scored before it is learned, by the fit that was known before its session and by the
class. So a score is out of sample, and the decision after a session uses nothing of a later one.

A change of surface marks open positions anew, so one of noise is no good. Fits are taken up once
they gained more than a standard error, and given up once they lost more than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.chain.learning.errors import banded
from options_platform.domain.chain.learning.fits import chain_shares

FEWEST_SCORED = 3
"""Chains that must have been scored."""
FAR = "2-10"


@dataclass(frozen=True)
class Error:
    """Mean absolute error on a chain, vol points, of 10 to 60 and of 2 to 10 delta, 7 to 60 days;
    None without such quotes."""

    near: float | None
    far: float | None

    @classmethod
    def of(cls, errors: pl.DataFrame) -> Error:
        """The error of rows of `surface_errors`."""
        inside = banded(errors).drop_nulls(["band", "tenor", "error_points"])
        size, is_far = pl.col("error_points").abs(), pl.col("band") == FAR
        near, far = inside.select(near=size.filter(~is_far).mean(), far=size.filter(is_far).mean())
        return cls(near.item(), far.item())


@dataclass(frozen=True)
class Score:
    """The errors on the chain of a session, of the fit known before it and of the class."""

    session: date
    by_fit: Error
    by_class: Error


def is_adopted(scores: Sequence[Score], session: date, *, was_adopted: bool = False) -> bool:
    """Whether later sessions are priced by the ticker's fit of `session`.

    A gain is the error of the class less that of the fit before a chain, a mean over the chains of
    `scores` in the fit's window, each with the weight that it has in a fit. It is taken near the
    money and far from it; where no chain quotes such options, there is none.

    - The ticker is on its class: its fits are adopted if they gained more than a standard error
      near the money, and lost nothing far from it.
    - It `was_adopted` before `session`: its fits stay, unless they lost more than a standard error
      near the money or far from it.

    False with fewer than three scored chains.
    """
    days, shares = chain_shares([score.session for score in scores], session)
    by_day = {score.session: score for score in scores}
    used = [by_day[day] for day in days]
    near = _gain([(score.by_fit.near, score.by_class.near) for score in used], shares)
    far = _gain([(score.by_fit.far, score.by_class.far) for score in used], shares)
    if near.chains < FEWEST_SCORED:
        return False
    if was_adopted:
        return all(gain.mean >= -gain.error for gain in (near, far))
    return near.mean > near.error and far.mean >= 0.0


class _Gain(NamedTuple):
    """Mean and standard error of a gain, vol points, and the chains that it rests on."""

    mean: float
    error: float
    chains: int


def _gain(pairs: Sequence[tuple[float | None, float | None]], shares: Floats) -> _Gain:
    """The weighted mean of the class's errors less the fit's, and its standard error.

    With weights w that sum to one, s^2 = sum w (gain - mean)^2 / (1 - sum w^2) estimates the
    variance of a gain, and s^2 sum w^2 that of the mean, if the gains are independent. Zero without
    any, and without an error from one alone.
    """
    is_scored = np.array([None not in pair for pair in pairs], dtype=bool)
    if not is_scored.any():
        return _Gain(0.0, 0.0, 0)
    gains = np.array([plain - fit for fit, plain in pairs if fit is not None and plain is not None])
    weights = shares[is_scored] / shares[is_scored].sum()
    mean, squares = float(weights @ gains), float(weights @ weights)
    count = len(gains)
    variance = float(weights @ np.square(gains - mean)) / (1.0 - squares) if count > 1 else 0.0
    return _Gain(mean, float(np.sqrt(variance * squares)), count)
