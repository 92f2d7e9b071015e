"""GARCH(1,1) forecasts: parameters fitted once a month, variance filtered session by session.

The model (Bollerslev 1986), on log returns in percent with a constant mean:

    r_t = mu + e_t,    s2_t = omega + alpha * e_{t-1}^2 + beta * s2_{t-1}

The parameters of month M are fitted by `arch` to the last 1,008 returns before M (at least 504).
The fit always starts from the defaults of `arch`, never from an earlier fit, so that any month can
be computed alone. Parameters are stored with the hash of the returns and fitted again only if the
returns change.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import polars as pl

from options_platform.common import Floats, Progress
from options_platform.contracts import GARCH_PARAMS

LONGEST_WINDOW = 1008
SHORTEST_WINDOW = 504
HORIZON = 5
TRADING_DAYS = 252
BACKCAST_DECAY = 0.94
BACKCAST_LENGTH = 75

# Fewer fits than this run in this process, since starting a pool takes seconds.
WORTH_A_POOL = 48


@dataclass(frozen=True)
class FitSample:
    """Returns (percent) to which the parameters of one month are fitted."""

    month: str
    ticker: str
    returns: Floats
    input_hash: str


@dataclass(frozen=True)
class Fit:
    """Parameters of a month; without a fit all are None, and `status` gives the reason."""

    mu: float | None
    omega: float | None
    alpha: float | None
    beta: float | None
    status: str


def windows_of(bars: pl.DataFrame) -> list[FitSample]:
    """The fit sample of each month with at least 504 earlier returns, for each ticker.

    `bars` are good bars with `log_return`, sorted by ticker and date.
    """
    windows = []
    for (ticker,), group in bars.group_by("ticker", maintain_order=True):
        series = group.filter(pl.col("log_return").is_not_null())
        returns = 100.0 * series["log_return"].to_numpy()
        months = group.select(
            pl.col("date").dt.strftime("%Y-%m").alias("month"), pl.col("date").dt.truncate("1mo")
        ).unique(maintain_order=True)
        dates = series["date"]
        for month, first_day in months.iter_rows():
            stop = int(dates.search_sorted(first_day, side="left"))
            if stop >= SHORTEST_WINDOW:
                window = np.ascontiguousarray(returns[max(0, stop - LONGEST_WINDOW) : stop])
                windows.append(FitSample(month, str(ticker), window, _hash(window)))
    return windows


def fit_missing(
    bars: pl.DataFrame, stored: pl.DataFrame, *, workers: int = 1, progress: Progress | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The parameters of every month, and the newly fitted ones among them.

    Args:
        bars: good bars with `log_return`, whole histories (see `compute.good_bars`).
        stored: rows of `garch_params`; a month is fitted again if its hash has changed.
        workers: number of processes; the results do not depend on it.
        progress: called with (step, done, total).

    Returns:
        Two frames in the schema of `garch_params`: all months, and the new fits.
    """
    windows = windows_of(bars)
    stored_keys = {
        (row["month"], row["ticker"], row["input_hash"]) for row in stored.iter_rows(named=True)
    }
    missing = [w for w in windows if (w.month, w.ticker, w.input_hash) not in stored_keys]
    fits = _fit_all(missing, workers, progress)
    new = _frame(missing, fits)
    required = pl.DataFrame(
        [(w.month, w.ticker, w.input_hash) for w in windows],
        schema={"month": pl.String, "ticker": pl.String, "input_hash": pl.String},
        orient="row",
    )
    every = pl.concat([stored.select(GARCH_PARAMS.schema.names()), new])
    return required.join(
        every, on=["month", "ticker", "input_hash"], how="inner", maintain_order="left"
    ).select(GARCH_PARAMS.schema.names()), new


def garch_forecasts(bars: pl.DataFrame, params: pl.DataFrame) -> pl.DataFrame:
    """Forecast volatility of the next 5 sessions for each good bar: date, ticker, garch_forecast.

    `garch_forecast` is an annualised fraction. The variance is filtered from the start of the
    month's fit window up to each session of the month. Null in months without a fit and on a
    ticker's first bar.
    """
    by_month = {
        (row["month"], row["ticker"]): row
        for row in params.iter_rows(named=True)
        if row["status"] == "ok"
    }
    forecasts = np.full(bars.height, np.nan)
    with_return = bars.with_row_index("at").filter(pl.col("log_return").is_not_null())
    fitted = with_return.join(params.select("ticker").unique(), on="ticker", how="semi")
    for (ticker,), series in fitted.group_by("ticker", maintain_order=True):
        returns = 100.0 * series["log_return"].to_numpy()
        rows = series["at"].to_numpy()
        months = series.select(pl.col("date").dt.strftime("%Y-%m").rle().struct.unnest())
        stop = 0
        for length, month in months.iter_rows():
            start, stop = stop, stop + length
            fit = by_month.get((month, str(ticker)))
            if fit is not None:
                window = returns[max(0, start - LONGEST_WINDOW) : stop]
                forecasts[rows[start:stop]] = _forecast(window, fit)[start - stop :]
    return bars.select("date", "ticker", pl.Series("garch_forecast", forecasts, nan_to_null=True))


def conditional_variance(
    returns: Floats, mu: float, omega: float, alpha: float, beta: float
) -> Floats:
    """Conditional variance (percent squared) of each return, filtered as `arch` does.

    The filter starts at the backcast of `arch`: the mean of the first 75 squared shocks with
    weights 0.94^i.
    """
    shocks = (returns - mu) ** 2
    count = min(BACKCAST_LENGTH, len(shocks))
    weights = BACKCAST_DECAY ** np.arange(count)
    backcast = float(np.sum(shocks[:count] * (weights / weights.sum())))
    driven = omega + alpha * np.r_[backcast, shocks[:-1]]
    variance = accumulate(driven.tolist(), lambda last, new: new + beta * last, initial=backcast)
    return np.array(list(variance)[1:], dtype=np.float64)


def _forecast(returns: Floats, row: dict[str, float]) -> Floats:
    mu, omega, alpha, beta = row["mu"], row["omega"], row["alpha"], row["beta"]
    variance = conditional_variance(returns, mu, omega, alpha, beta)
    step = omega + alpha * (returns - mu) ** 2 + beta * variance
    total = step.copy()
    for _ in range(HORIZON - 1):
        step = omega + (alpha + beta) * step
        total = total + step
    return np.asarray(np.sqrt(total / HORIZON * TRADING_DAYS) / 100.0, dtype=np.float64)


def fit_window(window: FitSample) -> Fit:
    """Fit one sample with `arch`; a failed fit gives the reason in its status."""
    from arch import arch_model

    if float(np.std(window.returns)) == 0.0:
        return Fit(None, None, None, None, "the returns are constant")
    model = arch_model(window.returns, mean="Constant", vol="GARCH", p=1, q=1, rescale=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = model.fit(disp="off", show_warning=False)
    if fitted.convergence_flag != 0:
        return Fit(None, None, None, None, f"not converged (flag {fitted.convergence_flag})")
    values = [float(value) for value in fitted.params]
    if not all(math.isfinite(value) for value in values):
        return Fit(None, None, None, None, "parameters are not finite")
    mu, omega, alpha, beta = values
    return Fit(mu, omega, alpha, beta, "ok")


def _fit_all(windows: Sequence[FitSample], workers: int, progress: Progress | None) -> list[Fit]:
    fits: list[Fit] = []
    for fit in _each_fit(windows, workers):
        fits.append(fit)
        if progress is not None:
            progress("GARCH fits", len(fits), len(windows))
    return fits


def _each_fit(windows: Sequence[FitSample], workers: int) -> Iterable[Fit]:
    if workers == 1 or len(windows) < WORTH_A_POOL:
        return map(fit_window, windows)
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=workers, backend="loky", batch_size=8, return_as="generator")
    fits: Iterable[Fit] = pool(delayed(fit_window)(window) for window in windows)
    return fits


def _frame(windows: Sequence[FitSample], fits: Sequence[Fit]) -> pl.DataFrame:
    rows = [
        (w.month, w.ticker, w.input_hash, f.mu, f.omega, f.alpha, f.beta, f.status)
        for w, f in zip(windows, fits, strict=True)
    ]
    return pl.DataFrame(rows, schema=GARCH_PARAMS.schema, orient="row")


def _hash(returns: Floats) -> str:
    return hashlib.sha256(returns.tobytes()).hexdigest()[:16]
