"""Calibrated constants of a stock's modelled volatility, and their data.

`python -m tools.calibrate_stock_iv FOLDER` fits them again and prints how well they do. Fitted on
daily closes of the Cboe's VXAPL and VXAZN, 2011-01-07 to 2022-05-09, with prices and report dates
of AAPL and AMZN, public copies that are not part of this project. docs/stock-volatility.md has the
errors.
"""

from __future__ import annotations

from dataclasses import dataclass

WINDOWS = (5, 22, 66, 252)
"""Sessions over which a stock's own volatility enters."""


@dataclass(frozen=True)
class StockVolModel:
    """The constants of :mod:`stock_iv <options_platform.domain.earnings.stock_iv>`.

    `weights` belong to `WINDOWS`; with `vix_weight` they sum to one, so that the model carries over
    to stocks of any volatility. `event_factor` multiplies the variance of the past reports' moves.
    """

    intercept: float
    weights: tuple[float, float, float, float]
    vix_weight: float
    event_factor: float


STOCK_VOL = StockVolModel(
    intercept=0.296, weights=(0.102, 0.226, 0.001, 0.303), vix_weight=0.368, event_factor=0.685
)
