"""Calibrated constants of synthetic chains, and their data.

`python -m tools.calibrate_chain FOLDER` fits them again. The smile and the level are fitted to
SPY's end-of-day chain of 2015-01-05 and closing chain of 2020-10-05, and to intraday chains of SPY
and QQQ on 2026-02-11 and 2026-02-12 (public copies of exchange and Yahoo quotes, not part of this
project); the term structure to closes of VIX9D, VIX3M and VIX6M from 2008 to 2024.
docs/synthetic-chains.md gives the leave-one-date-out errors of the implied volatility.
"""

LEVEL = 0.854
LEVEL_POWER = 0.1652
LEVEL_TERM = -0.0522
TERM = ((-0.035, 0.136), (0.092, -0.167), (0.152, -0.3))
SKEW_FADE = -0.6812
SMILE: tuple[tuple[float, ...], ...] = (
    (7.0, 0.4655, -0.0413, 1.2836, 0.6192),
    (30.0, 0.773, 0.0156, 1.2538, 1.0491),
    (90.0, 1.059, 0.0761, 1.4236, 1.6714),
)
WIDTH = (0.993, 0.377, 1.633, 0.123)
