"""Splits after which a contract delivers something else than 100 shares, before they take effect.

Contracts on a stock that is split 3:2, or in reverse, move to another root and deliver what 100 old
shares became; so positions are closed, and none is opened, before such a split. A split counts as
known for the last ten days before its ex-date: an exchange must be told of it ten days before the
record date (SEC Rule 10b-17), and its companies announce it weeks ahead.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.common import KEY, Floats
from options_platform.domain.calendar.sessions import ordinals

KNOWN_DAYS = 10
"""Calendar days before its ex-date from which a split counts as known."""

TO_LEAVE = 2
"""Sessions from a close to the first ex-date that an order decided at it still comes before."""


TOLERANCE = 1e-6
"""How far a ratio that comes of two split factors may be from a whole number, relatively."""


def whole_ratios(ratio: Floats) -> Floats:
    """Contracts for each old one after splits of `ratio` new shares for one: 1 where not whole."""
    nearest = np.round(ratio)
    is_whole = (nearest >= 2.0) & (np.abs(ratio - nearest) <= TOLERANCE * nearest)
    return np.where(is_whole, nearest, 1.0)


def whole_ratio(ratio: float) -> int:
    """As :func:`whole_ratios`, of one split."""
    return int(whole_ratios(np.array(ratio)))


def odd_splits(actions: pl.DataFrame) -> pl.DataFrame:
    """The splits among `actions` that are not whole: ticker and odd_split_on, their ex-dates.

    `actions` has date, ticker and split_ratio (new shares for an old one, null or 1 for none), like
    `corporate_actions`.
    """
    split = actions.filter((pl.col("split_ratio") != 1.0).fill_null(value=False))
    is_whole = pl.Series(whole_ratios(split["split_ratio"].to_numpy()) != 1.0, dtype=pl.Boolean)
    return split.filter(~is_whole).select("ticker", odd_split_on="date").unique()


def odd_splits_ahead(keys: pl.DataFrame, splits: pl.DataFrame) -> pl.DataFrame:
    """The next odd split that each row knows of.

    Args:
        keys: date and ticker.
        splits: ticker and odd_split_on, as of :func:`odd_splits`.

    Returns:
        date, ticker, odd_split_on, and sessions_to_odd_split: sessions from the date to the first
        one on or after the ex-date. Both are null where none is known.
    """
    coming = (
        keys.select(KEY)
        .sort("date")
        .join_asof(
            splits.sort("odd_split_on"),
            left_on="date",
            right_on="odd_split_on",
            by="ticker",
            strategy="forward",
            tolerance=f"{KNOWN_DAYS}d",
            allow_exact_matches=False,
            check_sortedness=False,
            coalesce=False,
        )
    )
    number = ordinals().sort("date")
    ex_sessions = number.rename({"date": "odd_split_on", "session": "_split"})
    return (
        coming.join(number, on="date", how="left", maintain_order="left")
        .sort("odd_split_on")
        .join_asof(ex_sessions, on="odd_split_on", strategy="forward", check_sortedness=False)
        .select(*KEY, "odd_split_on", sessions_to_odd_split=pl.col("_split") - pl.col("session"))
        .sort(KEY)
    )


def leaves_before_split(sessions_ahead: int | None) -> bool:
    """Whether an order decided at this close is the last that works before the odd split."""
    return sessions_ahead is not None and sessions_ahead <= TO_LEAVE
