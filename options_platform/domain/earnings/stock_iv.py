"""The 30-day volatility of a stock without stored options: a model on its returns and the VIX.

    ln base = a + sum of w_k ln hv_k + w_vix ln(VIX / 100),  hv_k over 5, 22, 66 and 252 sessions
    iv^2 = base^2 + k m^2 x 365 / 30 where a report lies in the next 30 days

hv_k leaves out the reactions to reports, and m is the root mean square of the last eight reports'
log moves. The constants and their data: :mod:`calibration
<options_platform.domain.earnings.calibration>`. Values are strip levels, as the VIX is; the surface
has the level at the money.

Good for features and regimes, not for the price of a report: its event sigma is a third below that
of real straddles.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.earnings.calibration import STOCK_VOL, WINDOWS, StockVolModel
from options_platform.domain.earnings.event_variance import MONTH_YEARS, SESSIONS_A_YEAR

REPORT_DAYS = 30
"""A report whose anchor is fewer calendar days ahead is in the 30-day volatility."""
FEWEST_SHARE = 0.6


def vol_without_reactions(returns: Floats, is_reaction: Floats, sessions: int) -> Floats:
    """The annualised volatility (mean zero) of the last `sessions` log returns but reactions.

    `is_reaction` is 1 where a return is the reaction to a report. NaN where fewer than 60% of the
    window's returns are left, and before a whole window. A value rests on the returns of its own
    window, added in their order.
    """
    usable = np.isfinite(returns) & (is_reaction == 0)
    squares = np.where(usable, np.nan_to_num(returns) ** 2, 0.0)
    whole = max(returns.size - sessions + 1, 0)
    total, count = np.zeros(whole), np.zeros(whole)
    for at in range(sessions):
        total += squares[at : at + whole]
        count += usable[at : at + whole]
    vol = np.full(returns.size, np.nan)
    enough = count >= math.ceil(FEWEST_SHARE * sessions)
    with np.errstate(divide="ignore", invalid="ignore"):
        vol[returns.size - whole :] = np.sqrt(total / count * SESSIONS_A_YEAR)
    vol[returns.size - whole :][~enough] = np.nan
    return vol


def base_vol(model: StockVolModel = STOCK_VOL) -> pl.Expr:
    """The volatility without a report, an annual fraction; null where a part of it is.

    Of columns `hv_5x`, `hv_22x`, `hv_66x` and `hv_252x`, annual fractions, and `vix`, index points.
    """
    level = model.intercept + model.vix_weight * (pl.col("vix") / 100.0).log()
    for weight, window in zip(model.weights, WINDOWS, strict=True):
        level = level + weight * pl.col(f"hv_{window}x").log()
    return level.exp()


def event_variance(model: StockVolModel = STOCK_VOL) -> pl.Expr:
    """The variance of the next report, of the column `rms_move`, a log move."""
    return model.event_factor * pl.col("rms_move").pow(2)


def modelled_iv(model: StockVolModel = STOCK_VOL) -> pl.Expr:
    """The 30-day volatility, an annual fraction, with the variance of a report that lies ahead.

    Of the columns of :func:`base_vol`, `rms_move` and `report_in_30_days`; null where one is.
    """
    report = pl.when("report_in_30_days").then(1.0).otherwise(0.0)
    return (base_vol(model).pow(2) + event_variance(model) * report / MONTH_YEARS).sqrt()
