"""The fit of the model of a stock's volatility, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.earnings.calibration import WINDOWS, StockVolModel
from options_platform.domain.earnings.event_variance import MONTH_YEARS
from options_platform.domain.earnings.stock_iv import base_vol, modelled_iv

DIGITS = 3
Estimate = Callable[[pl.DataFrame, pl.DataFrame], Floats]
"""Vol points of the rows of the second frame, by what the first one teaches."""


def fitted(rows: pl.DataFrame) -> StockVolModel:
    """The constants with the least squared error of ln iv; each ticker counts equally.

    Weights are not negative, and sum to one with that of the VIX.
    """
    from scipy.optimize import least_squares

    vols = np.log(rows.select(f"hv_{window}x" for window in WINDOWS).to_numpy())
    vix = np.log(rows["vix"].to_numpy() / 100.0)
    own = np.log(rows["own"].to_numpy() / 100.0)
    event = rows["rms_move"].to_numpy() ** 2 / MONTH_YEARS * rows["report_in_30_days"].to_numpy()
    count = rows.select(pl.len().over("ticker"))["len"].to_numpy()
    scale = 1.0 / np.sqrt(count)

    def errors(numbers: Floats) -> Floats:
        own_weights = numbers[1:-1]
        level = numbers[0] + vols @ own_weights + (1.0 - own_weights.sum()) * vix
        model = 0.5 * np.log(np.exp(2.0 * level) + numbers[-1] * event)
        return np.asarray((model - own) * scale)

    start = np.array([0.3, 0.1, 0.2, 0.1, 0.3, 0.7])
    lowest = np.array([-np.inf, 0.0, 0.0, 0.0, 0.0, 0.0])
    numbers = least_squares(errors, start, bounds=(lowest, np.inf)).x.round(DIGITS).tolist()
    weights = (numbers[1], numbers[2], numbers[3], numbers[4])
    vix_weight = round(1.0 - sum(weights), DIGITS)
    return StockVolModel(numbers[0], weights, vix_weight, numbers[-1])


def by_model(taught: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """The model."""
    return _points(rows, 100.0 * modelled_iv(fitted(taught)))


def without_event(taught: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """The model without the term of a report, fitted so."""
    blind = taught.with_columns(report_in_30_days=pl.lit(value=False))
    return _points(rows, 100.0 * base_vol(replace(fitted(blind), event_factor=0.0)))


def by_vix(taught: pl.DataFrame, rows: pl.DataFrame) -> Floats:  # noqa: ARG001
    """The VIX, which teaches nothing."""
    return _points(rows, pl.col("vix"))


def by_scaled_vix(taught: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """The VIX times the mean ratio of the taught rows."""
    return _points(rows, pl.col("vix") * _ratio(taught, pl.col("vix")))


def by_scaled_hv(taught: pl.DataFrame, rows: pl.DataFrame) -> Floats:
    """hv_20 times the mean ratio of the taught rows."""
    level = 100.0 * pl.col("hv_20")
    return _points(rows, level * _ratio(taught, level))


ESTIMATES: dict[str, Estimate] = {
    "model": by_model,
    "model without the report": without_event,
    "VIX": by_vix,
    "VIX x constant": by_scaled_vix,
    "hv_20 x constant": by_scaled_hv,
}


def _ratio(taught: pl.DataFrame, level: pl.Expr) -> float:
    return float(np.exp(taught.select((pl.col("own") / level).log().mean()).item()))


def _points(rows: pl.DataFrame, level: pl.Expr) -> Floats:
    return np.asarray(rows.select(level).to_series().to_numpy(), dtype=np.float64)
