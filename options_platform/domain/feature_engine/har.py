"""HAR forecast of the realised variance of the next 21 sessions, fitted once a month.

The heterogeneous autoregression of Corsi (2009), in logarithms: the realised variance of the next
21 bars on those of the last 1, 5 and 22,

    ln RV(t+1 .. t+21) = c + d ln V1(t) + w ln V5(t) + m ln V22(t) + e

RV is the mean of squared log returns from close to close, and V the mean of daily variances, which
are the squared overnight return plus Parkinson's (1980) estimate from high and low: one squared
return says little of a day. Both are annualised by 252. The forecast is
exp(fit + variance of e / 2), the mean if e is normal, within the range of the targets that the
coefficients were fitted to (as Bollerslev, Patton and Quaedvlieg 2016).

The coefficients of a month are the least squares over all bars from the first one whose target was
known before the month began. They rest on sums that run from the first bar, so that they do not
depend on what comes later.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.feature_engine.series import Integers, lengths_of, with_formulas
from options_platform.domain.features.windows import TRADING_DAYS, sma

HORIZON = 21
SPANS = (1, 5, 22)
FEWEST_TARGETS = 504
SMALLEST_VARIANCE = 1e-6
"""Of a constant price, whose logarithm would be infinite: a volatility of 0.1% a year."""
# Below this share of the largest eigenvalue a combination of the spans is not identified.
SMALLEST_EIGENVALUE = 1e-10


def har_forecasts(bars: pl.DataFrame) -> pl.Series:
    """`har_rv_21` of each good bar: annualised variance expected over the next 21 bars.

    NaN in months with fewer than 504 targets known before them, and where one of the last 22 bars
    has no open.

    Args:
        bars: good bars, whole histories sorted by ticker and date, with `log_return` and
            `log_range_squared`.
    """
    lengths = lengths_of(bars["ticker"])
    parts = _regressors_and_return(bars, lengths)
    months = bars["date"].dt.truncate("1mo").to_physical().to_numpy()
    forecasts = np.full(bars.height, np.nan)
    stops = np.cumsum(lengths)
    for start, stop in zip(stops - lengths, stops, strict=True):
        own = slice(start, stop)
        forecasts[own] = _of_series(parts[own, :-1], parts[own, -1], months[own])
    return pl.Series("har_rv_21", forecasts)


def _regressors_and_return(bars: pl.DataFrame, lengths: Integers) -> Floats:
    """[bars, 5]: the constant and ln V of each span, then ln RV of the 21 bars up to each."""
    before = pl.col("close").shift(1)
    overnight = pl.when(pl.col("log_return").is_not_null()).then((pl.col("open") / before).log())
    daily = bars.select(
        variance=TRADING_DAYS
        * (overnight**2 + pl.col("log_range_squared") / (4.0 * math.log(2.0))),
        squared=TRADING_DAYS * pl.col("log_return") ** 2,
    )
    means = {f"v{span}": sma("variance", span) for span in SPANS}
    rows = with_formulas(daily, lengths, means | {"realised": sma("squared", HORIZON)})
    logs = pl.col(*means, "realised").clip(lower_bound=SMALLEST_VARIANCE).log()
    columns = rows.select(pl.lit(1.0).alias("constant"), logs)
    return columns.fill_null(np.nan).to_numpy().astype(np.float64)


def _of_series(x: Floats, realised: Floats, months: Integers) -> Floats:
    """The forecasts of one ticker: x [bars, 4], ln RV up to each bar, and each bar's month."""
    forecasts = np.full(len(x), np.nan)
    count = len(x) - HORIZON
    if count < FEWEST_TARGETS:
        return forecasts
    y = realised[HORIZON:]
    is_known = np.isfinite(x[:count]).all(axis=1) & np.isfinite(y)
    # A row a column: sums run over what lies together in memory.
    known_x = np.where(is_known, x[:count].T, 0.0)
    known_y = np.where(is_known, y, 0.0)
    targets = np.cumsum(is_known)
    starts = np.flatnonzero(np.r_[True, months[1:] != months[:-1]])
    stops = np.r_[starts[1:], len(x)]
    # The target of bar t is known at the close of bar t + 21.
    last_known = starts - HORIZON - 1
    fitted = np.flatnonzero((last_known >= 0) & (targets[last_known] >= FEWEST_TARGETS))
    if not len(fitted):
        return forecasts
    at = last_known[fitted]
    width = len(known_x)
    squares: Floats = np.empty((len(at), width, width))
    for one, other in zip(*np.triu_indices(width), strict=True):
        sums = np.cumsum(known_x[one] * known_x[other])[at]
        squares[:, one, other] = squares[:, other, one] = sums
    products = np.cumsum(known_x * known_y, axis=1).T[at]
    inverse = np.linalg.pinv(squares, rcond=SMALLEST_EIGENVALUE, hermitian=True)
    coefficients = _dot(np.asarray(inverse, dtype=np.float64), products[:, None, :])
    left = np.cumsum(known_y * known_y)[at] - _dot(coefficients, products)
    half_variance = 0.5 * np.maximum(left, 0.0) / targets[at]
    low = np.fmin.accumulate(np.where(is_known, y, np.nan))[at]
    high = np.fmax.accumulate(np.where(is_known, y, np.nan))[at]
    # Targets only add up, so every month from the first fitted one has a fit.
    rows = slice(int(starts[fitted[0]]), None)
    month = np.repeat(np.arange(len(fitted)), (stops - starts)[fitted])
    fit = _dot(x[rows], coefficients[month]) + half_variance[month]
    forecasts[rows] = np.exp(np.clip(fit, low[month], high[month]))
    return forecasts


def _dot(left: Floats, right: Floats) -> Floats:
    """Sum of products over the last axis, in its order, so that a row is the same in any batch."""
    products = left * right
    total = products[..., 0]
    for n in range(1, products.shape[-1]):
        total = total + products[..., n]
    return np.asarray(total)
