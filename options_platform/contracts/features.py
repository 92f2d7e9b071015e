"""Tables of labels and of the GARCH fits behind features; `domain/features/table.py` has these."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import DATE, TICKER, Column, Table

DIRECTIONS = ("bearish", "neutral", "bullish")

LABELS = Table(
    "labels",
    "What the models predict; null until known.",
    (
        DATE,
        TICKER,
        Column("fwd_return_5d", pl.Float64, "close in 5 sessions / close - 1", "fraction"),
        Column("direction", pl.String, "class of `fwd_return_5d` at +-1%", values=DIRECTIONS),
        Column("fwd_iv_rank_5d", pl.Float64, "`iv_rank` in 5 sessions", "0 to 1", low=0, high=1),
        Column(
            "fwd_rv_5d",
            pl.Float64,
            "realised volatility of the next 5 sessions",
            "annualised fraction",
            low=0.0,
        ),
        Column("known_on", pl.Date, "session at whose close the label is known", nullable=False),
    ),
)

GARCH_PARAMS = Table(
    "garch_params",
    "GARCH(1,1) fits held for a month; reused while the returns that made them are the same.",
    (
        Column("month", pl.String, "month the fit serves, YYYY-MM", nullable=False),
        TICKER,
        Column("input_hash", pl.String, "hash of the fitted log returns", nullable=False),
        Column("mu", pl.Float64, "mean", "percent a session"),
        Column("omega", pl.Float64, "constant of the variance", "percent squared"),
        Column("alpha", pl.Float64, "weight of the last squared shock"),
        Column("beta", pl.Float64, "weight of the last variance"),
        Column("status", pl.String, "ok, or why there is no fit", nullable=False),
    ),
    key=("month", "ticker"),
    partition=("month", "ticker"),
)
