"""Whether a ticker is priced by its own fits: if they would have been as good as its class.

Each chain is scored before it is learned, by the fit that was known before its session and by the
class. So a score is out of sample, and the decision after a session uses nothing of a later one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

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


def is_adopted(scores: Sequence[Score], session: date) -> bool:
    """Whether later sessions are priced by the ticker's fit of `session`.

    They are if the fits before were at least as good as the class on the chains of `scores` in the
    fit's window, near the money and far from it, each chain with the weight that it has in a fit.
    A group of deltas that no chain quotes has no say. False with fewer than three scored chains.
    """
    days, shares = chain_shares([score.session for score in scores], session)
    by_day = {score.session: score for score in scores}
    used = [by_day[day] for day in days]
    near = [(score.by_fit.near, score.by_class.near) for score in used]
    far = [(score.by_fit.far, score.by_class.far) for score in used]
    if sum(own is not None for own, _ in near) < FEWEST_SCORED:
        return False
    return all(_is_as_good(pairs, shares) for pairs in (near, far))


def _is_as_good(pairs: Sequence[tuple[float | None, float | None]], shares: Floats) -> bool:
    gains = np.array([
        np.nan if own is None or plain is None else plain - own for own, plain in pairs
    ])  # fmt: skip
    return bool(np.nansum(shares * gains) >= 0.0)
