"""The 30-day volatility of a stock without stored options: a model on its returns and the VIX.

    ln base = a + sum of w_k ln hv_k + w_vix ln(VIX / 100),  hv_k over 5, 22, 66 and 252 sessions
    iv^2 = base^2 + k x m^2 x 365 / 30 where a report lies in the next 30 days

hv_k leaves out the reactions to reports, and m is the root mean square of the last eight reports'
log moves. Weights sum to one, so that the model carries over to stocks of any volatility. Fitted on
the Cboe's VXAPL and VXAZN, 2011 to 2022; leaving one ticker out, it is 3.1 vol points off (the VIX:
12 to 15). These are strip levels, as the VIX is; at the money it is `AT_THE_MONEY` times as much.

Good for features and regimes, not for the price of a report: its event sigma is a third below that
of real straddles.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.earnings.event_variance import MONTH_YEARS, SESSIONS_A_YEAR

INTERCEPT = 0.298
WEIGHTS = {5: 0.105, 22: 0.215, 66: 0.020, 252: 0.289}
VIX_WEIGHT = 0.371
EVENT_FACTOR = 0.72
AT_THE_MONEY = 0.92
FEWEST_SHARE = 0.6


def vol_without_reactions(returns: Floats, is_reaction: Floats, sessions: int) -> Floats:
    """The annualised volatility (mean zero) of the last `sessions` log returns but reactions.

    `is_reaction` is 1 where a return is the reaction to a report. NaN where fewer than 60% of the
    window's returns are left, and before a whole window.
    """
    usable = np.isfinite(returns) & (is_reaction == 0)
    frame = pl.DataFrame({"square": np.where(usable, returns**2, np.nan)}).fill_nan(None)
    fewest = math.ceil(FEWEST_SHARE * sessions)
    mean = pl.col("square").rolling_mean(sessions, min_samples=fewest)
    whole = pl.int_range(pl.len()) >= sessions - 1
    vol = pl.when(whole).then((mean * SESSIONS_A_YEAR).sqrt())
    return frame.select(vol.fill_null(float("nan"))).to_series().to_numpy()


def base_vol(vols: dict[int, float], vix: float) -> float:
    """The volatility without a report, an annual fraction.

    `vols` are :func:`vol_without_reactions` by window (5, 22, 66, 252 sessions), `vix` is in index
    points.
    """
    own = sum(weight * math.log(vols[window]) for window, weight in WEIGHTS.items())
    return math.exp(INTERCEPT + own + VIX_WEIGHT * math.log(vix / 100.0))


def modelled_iv(base: float, rms_move: float, *, report_in_30_days: bool) -> float:
    """The 30-day volatility, an annual fraction, with the variance of a report that lies ahead."""
    event = EVENT_FACTOR * rms_move * rms_move / MONTH_YEARS if report_in_30_days else 0.0
    return math.sqrt(base * base + event)
