"""The table of the groups, betas and index weights of the configured tickers."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.table import TICKER, Column, Table

TICKER_GROUPS = Table(
    "ticker_groups",
    "The configured tickers with what the settings say of each beside the market. Replaced before "
    "each build of the marts, which read it.",
    (
        Column("market", pl.String, "the market of betas and weights", nullable=False),
        TICKER,
        Column(
            "risk_group",
            pl.String,
            "group whose risk is limited together (`risk.groups`); else the ticker",
            nullable=False,
        ),
        Column(
            "beta",
            pl.Float64,
            "beta to the market: `risk.betas`, else as measured; null without either",
        ),
        Column(
            "weight",
            pl.Float64,
            "weight in the market's index; null if none is known",
            "fraction",
            low=0.0,
            high=1.0,
        ),
    ),
    key=("market", "ticker"),
    partition=("market",),
)
