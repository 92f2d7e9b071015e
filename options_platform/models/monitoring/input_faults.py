"""Broken inputs, ticker by ticker: missing, frozen, out of range, or in other units.

These checks need no years of history, and each fault names the tables to look at. The newest month
(21 sessions) is compared with all earlier months:

- missing: no value in the month, for longer than ever before;
- frozen: at least the last 21 values are equal, more than ever before. This applies only to
  numbers that should always change: categories, flags and counters may stay constant, ranks may do
  so at their bounds, and a GARCH forecast if the fit found no volatility clustering;
- out of range: a value beyond the declared bounds of the feature;
- in other units: its size is far outside that of all earlier months. "Far" is a factor that falls
  with the number of months, from 15 with six months to 3.3 with twenty years. An input that can
  legitimately be near zero, such as a return or a rank, is too small only if its range is too small
  as well.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.features.spec import Feature
from options_platform.models.dataset import Dataset, input_features

MONTH_SESSIONS = 21
# A month whose GARCH fit did not converge has no forecast by design.
PATIENCE_MONTHS = {"garch_forecast": 3}
FEWEST_MONTHS = 6
LEAST_FACTOR, FACTOR_MONTHS = 3.0, 75.0
ROUNDING = 1e-9
LOOK_AT = {
    "bars": "raw_ohlcv",
    "vix": "vix",
    "iv": "vix",
    "row": "raw_ohlcv and vix",
    "given": "raw_ohlcv, vix and garch_params",
}


def input_faults(data: Dataset) -> list[str]:
    """Faults in the newest month of each input, as text; empty if there are none."""
    tickers = data.keys["ticker"].to_numpy()
    faults_found = []
    for ticker in np.unique(tickers):
        inputs = data.sample.inputs[tickers == ticker]
        for column, (name, feature) in enumerate(input_features().items()):
            faults = _faults(inputs[:, column], feature)
            faults_found += [
                f"{name} of {ticker} {fault} (look at {LOOK_AT[feature.basis]})" for fault in faults
            ]
    return faults_found


def _faults(values: Floats, feature: Feature) -> Iterator[str]:
    finite = np.isfinite(values)
    if not finite.any():
        return
    since = finite[int(finite.argmax()) :]
    gaps = _runs(since)[1::2]
    patience = MONTH_SESSIONS * PATIENCE_MONTHS.get(feature.name, 1)
    if not since[-1] and gaps[-1] >= patience and gaps[-1] > gaps[:-1].max(initial=0):
        yield f"is unknown for {gaps[-1]} sessions and never was for so long"
        return
    newest = values[-MONTH_SESSIONS:]
    newest = newest[np.isfinite(newest)]
    if not len(newest):
        return
    past = values[finite]
    low = -np.inf if feature.low is None else feature.low
    high = np.inf if feature.high is None else feature.high
    if _is_frozen(past, feature):
        yield f"stands still at {past[-1]:g} for {MONTH_SESSIONS} sessions or more"
    elif newest.min() < low - ROUNDING or newest.max() > high + ROUNDING:
        worst = newest.min() if newest.min() < low - ROUNDING else newest.max()
        yield f"is {worst:g}, outside its range of {low:g} to {high:g}"
    elif feature.dtype == pl.Float64:
        yield from _other_units(values, feature)


def _is_frozen(finite_values: Floats, feature: Feature) -> bool:
    may_rest = feature.dtype != pl.Float64 or feature.basis == "given"
    at_bound = _has_both_bounds(feature) and finite_values[-1] in (feature.low, feature.high)
    if may_rest or at_bound:
        return False
    lengths = _runs(finite_values)
    return bool(lengths[-1] >= MONTH_SESSIONS and lengths[-1] > lengths[:-1].max(initial=0))


def _other_units(values: Floats, feature: Feature) -> Iterator[str]:
    months = len(values) // MONTH_SESSIONS
    blocks = values[len(values) - months * MONTH_SESSIONS :].reshape(months, MONTH_SESSIONS)
    blocks = blocks[np.isfinite(blocks).all(axis=1) | (np.arange(months) == months - 1)]
    if len(blocks) <= FEWEST_MONTHS:
        return
    size = np.nanmedian(np.abs(blocks), axis=1)
    reach = np.nanmax(blocks, axis=1) - np.nanmin(blocks, axis=1)
    factor = LEAST_FACTOR + FACTOR_MONTHS / (len(blocks) - 1)
    small = size[-1] * factor < size[:-1].min()
    if feature.low != 0.0 or _has_both_bounds(feature):
        small &= 0.0 < reach[-1] * factor < reach[:-1].min()
    if small or size[-1] > factor * size[:-1].max() > 0.0:
        yield (
            f"is in other units: its median size of {MONTH_SESSIONS} sessions is {size[-1]:g}, "
            f"and was {size[:-1].min():g} to {size[:-1].max():g} before"
        )


def _has_both_bounds(feature: Feature) -> bool:
    return feature.low is not None and feature.high is not None


def _runs(values: Floats | NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of equal values, in order."""
    starts = np.flatnonzero(np.r_[True, values[1:] != values[:-1]])
    return np.asarray(np.diff(np.r_[starts, len(values)]), dtype=np.int64)
