"""How sure a directional call is, measured by the calls that the same model made before.

The rank of a call is the share of earlier calls with a lower probability. Earlier calls are the
bullish and bearish ones of the same ticker by the same variant of the model, in all months before
the month of the call:

- The same ticker, since a ticker that moves more has higher probabilities on all its days.
- Directional calls only: the probability of a quiet week says nothing of how sure a direction is.
- Whole months: all rows that a monthly model predicts are measured by one list, which was complete
  before that model predicted anything.

Ranks need probabilities and no outcomes, so nothing waits for a label and nothing can leak.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import KEY, Floats

RANKED = ("direction", "p_bearish", "p_neutral", "p_bullish", "fold", "variant")
"""Columns of `direction_model` that ranks are computed from, besides its key."""
DIRECTIONAL = ("bearish", "bullish")
SCHEMA = pl.Schema(
    {"date": pl.Date, "ticker": pl.String, "call_rank": pl.Float64, "earlier_calls": pl.Int32}
)


def call_ranks(
    predictions: pl.DataFrame,
    *,
    counted: pl.Expr | None = None,
    window_months: int | None = None,
) -> pl.DataFrame:
    """The rank of each directional call among the earlier ones.

    Args:
        predictions: rows of `direction_model` with `RANKED` and the key, from a ticker's first
            prediction on; `fold` is the month that the model predicts, YYYY-MM.
        counted: boolean expression over `predictions`; which earlier calls count (default: all).
        window_months: number of months before the month of the call that count (default: all).

    Returns:
        date, ticker, `call_rank` (share of the earlier calls with a lower probability, 0 to 1; null
        for a call of neutral, without a prediction and without earlier calls) and `earlier_calls`
        (their number), sorted by date and ticker.
    """
    is_call = pl.col("direction").is_in(DIRECTIONAL).fill_null(value=False)
    counts = is_call if counted is None else is_call & counted.fill_null(value=False)
    year, month = (pl.col("fold").str.slice(at, n).cast(pl.Int64) for at, n in ((0, 4), (5, 2)))
    rows = predictions.select(
        *KEY,
        "variant",
        month=12 * year + month,
        p=pl.max_horizontal("p_bearish", "p_neutral", "p_bullish"),
        is_call=is_call,
        counts=counts,
    )
    parts = [
        _ranked(of_variant, window_months)
        for _, of_variant in rows.group_by("ticker", "variant", maintain_order=True)
    ]
    return pl.concat([pl.DataFrame(schema=SCHEMA), *parts]).sort(KEY)


def _ranked(rows: pl.DataFrame, window_months: int | None) -> pl.DataFrame:
    """The ranks of one ticker and variant."""
    month, p = rows["month"].to_numpy(), rows["p"].to_numpy()
    counts = rows["counts"].to_numpy()
    earlier_p, earlier_month = p[counts], month[counts]
    lower = np.zeros(len(p), dtype=np.int64)
    earlier = np.zeros(len(p), dtype=np.int64)
    for of_month in np.unique(month):
        here = month == of_month
        before = earlier_month < of_month
        if window_months is not None:
            before &= earlier_month >= of_month - window_months
        listed = np.sort(earlier_p[before])
        earlier[here] = len(listed)
        lower[here] = _lower(listed, p[here])
    ranks = np.full(len(p), np.nan)
    is_ranked = rows["is_call"].to_numpy() & (earlier > 0)
    np.divide(lower, earlier, out=ranks, where=is_ranked)
    return rows.select(KEY).with_columns(
        call_rank=pl.Series(ranks).fill_nan(None),
        earlier_calls=pl.Series(earlier, dtype=pl.Int32),
    )


def _lower(listed: Floats, p: Floats) -> NDArray[np.int64]:
    """How many of the sorted `listed` lie below each `p`; equal ones do not."""
    return np.asarray(np.searchsorted(listed, p, side="left"), dtype=np.int64)
