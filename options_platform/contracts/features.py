"""Tables of labels and of GARCH fits; the table `features` is in `domain/features/table.py`."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, Column, Table

DIRECTIONS = ("bearish", "neutral", "bullish")

LABELS = Table(
    "labels",
    "Targets of the models; null until they are known.",
    (
        DATE,
        TICKER,
        Column("fwd_return_5d", pl.Float64, "close in 5 sessions / close - 1", "fraction"),
        Column(
            "direction",
            pl.String,
            "class of `fwd_return_5d`: below, within or above +-1%, of a stock +-`neutral_band`",
            values=DIRECTIONS,
        ),
        Column("fwd_iv_rank_5d", pl.Float64, "`iv_rank` in 5 sessions", "0 to 1", low=0, high=1),
        Column(
            "fwd_rv_5d",
            pl.Float64,
            "realised volatility of the next 5 sessions",
            "annualised fraction",
            low=0.0,
        ),
        Column("known_on", pl.Date, "session whose close makes the label known", nullable=False),
        Column(
            "neutral_band",
            pl.Float64,
            "returns within it are neutral, known at the close of the session; null: 1%, or of a "
            "stock fewer than 60 returns, and then no class",
            "fraction",
            low=0.0,
        ),
        Column(
            "reaction_in_5d",
            pl.Boolean,
            "one of the next 5 sessions is the reaction to a report; null of funds",
        ),
        Column(
            "fwd_rv_5d_ex",
            pl.Float64,
            "`fwd_rv_5d` without the session of that reaction; null of funds",
            "annualised fraction",
            low=0.0,
        ),
    ),
)

GARCH_PARAMS = Table(
    "garch_params",
    "GARCH(1,1) fits, one per month and ticker; reused while the fitted returns are unchanged.",
    (
        Column("month", pl.String, "month in which the fit is used, YYYY-MM", nullable=False),
        TICKER,
        Column("input_hash", pl.String, "hash of the fitted log returns", nullable=False),
        Column("mu", pl.Float64, "mean return", "percent a session"),
        Column("omega", pl.Float64, "constant of the variance equation", "percent squared"),
        Column("alpha", pl.Float64, "weight of the previous squared shock"),
        Column("beta", pl.Float64, "weight of the previous variance"),
        Column("status", pl.String, "ok, or why there is no fit", nullable=False),
    ),
    key=("month", "ticker"),
    partition=("month", "ticker"),
)
