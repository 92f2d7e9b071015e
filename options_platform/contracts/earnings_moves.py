"""The tables of what reports did to the price, and of what the next one is expected to do."""

from __future__ import annotations

import polars as pl

from options_platform.contracts.earnings import TIMING_SOURCES, TIMINGS
from options_platform.contracts.models import FOLD, MODEL_ID
from options_platform.contracts.table import DATE, TICKER, Column, Table, probability

IMPLIED_SOURCES = ("chain", "iv_crush")
MOVE_MODELS = ("gamma", "ticker_mean")


def _share(name: str, description: str, *, low: float | None = None) -> Column:
    return Column(name, pl.Float64, description, "fraction", low=low)


def _size(name: str, description: str) -> Column:
    return _share(name, description, low=0.0)


def _vol(name: str, description: str) -> Column:
    return Column(name, pl.Float64, description, "annualised fraction", low=0.0)


EARNINGS_EVENTS = Table(
    "earnings_events",
    "What each past earnings report did to price, volume and implied volatility. A row belongs to "
    "the session that reacted (`date`) and has the report as it is known at the end of the run. "
    "`move_5d` is known four sessions later, the doubts about the date one session later.",
    (
        Column("date", pl.Date, "the reaction: first session that knows the report",
               nullable=False),
        TICKER,
        Column("report_date", pl.Date, "day of the report", nullable=False),
        Column("timing", pl.String, "as in `earnings`", values=TIMINGS),
        Column("anchor", pl.Date, "last session that closes before the report", nullable=False),
        Column(
            "timing_source",
            pl.String,
            "as in `earnings`; iv: implied volatility collapsed on this session, a neighbour of "
            "the one that the date gives",
            nullable=False,
            values=(*TIMING_SOURCES, "iv"),
        ),
        Column("source", pl.String, "source of the date", nullable=False),
        Column("known_on", pl.Date, "session from which the event stays: the one after the "
               "reaction that the date gives", nullable=False),
        _share("gap", "open of the reaction / close of the anchor - 1", low=-1.0),
        Column("move", pl.Float64, "close of the reaction / close of the anchor - 1", "fraction",
               nullable=False, low=-1.0),
        _share("move_5d", "close four sessions after the reaction / close of the anchor - 1",
               low=-1.0),
        _share("idio_move", "move - beta x SPY's, beta of the 60 sessions to the anchor"),
        Column("volume_ratio", pl.Float64, "volume of the reaction / mean of the 20 sessions "
               "before the anchor", low=0.0),
        _vol("iv_pre", "30-day implied volatility of its own at the anchor; null where the ticker "
             "is priced on another index or on a model"),
        _vol("iv_post", "the same at the reaction"),
        _share("iv_crush", "iv_post / iv_pre - 1", low=-1.0),
        _size("event_sigma", "standard deviation of the move that options priced: of the chain at "
              "the anchor, else of the fall of implied volatility, sqrt((iv_pre^2 - iv_post^2) x "
              "30 / 365); null if it rose"),
        _size("implied_move", "at-the-money straddle of that variance / forward"),
        Column("move_ratio", pl.Float64, "|move| / implied_move", low=0.0),
        Column("implied_source", pl.String, "where the implied move is from",
               values=IMPLIED_SOURCES),
        Column("suspicious", pl.String, "why trading contradicts the date; null if it does not"),
    ),
    is_events=True,
)  # fmt: skip

EARNINGS_FORECAST = Table(
    "earnings_forecast",
    "The size of the next report's move, forecast at the close of each session from 20 sessions "
    "before its anchor on, beside the naive forecasts and the move that options price. Every "
    "forecast uses only reports and dates known by then.",
    (
        DATE,
        TICKER,
        Column("report_date", pl.Date, "day of the next report as known then", nullable=False),
        Column("anchor", pl.Date, "last session that closes before it", nullable=False),
        Column("status", pl.String, "confirmed, estimated or projected", nullable=False),
        Column("days_to_earnings", pl.Int64, "sessions to the anchor", "sessions",
               nullable=False, low=0, high=20),
        Column("events", pl.Int64, "past reports of the ticker known then", nullable=False, low=0),
        Column("model", pl.String, "forecast in use: gamma once it has beaten the ticker's mean "
               "on past reports (p < 0.05), else ticker_mean; null with fewer than 4 reports",
               values=MOVE_MODELS),
        _size("expected_move", "expected |move|; where a chain is stored, the geometric mean of "
              "the model's and 0.85 x the mean |move| that it prices"),
        _size("q50", "median of |move|, from past moves over past forecasts"),
        _size("q75", "75% quantile"),
        _size("q90", "90% quantile"),
        _size("q95", "95% quantile"),
        _size("implied_move", "at-the-money straddle of the event variance in the chain of the "
              "session / forward; null without one"),
        Column("ratio", pl.Float64, "implied_move / the model's |move|", low=0.0),
        _share("expected_crush", "change of 30-day implied volatility expected at the reaction, "
               "by the event's share of its variance in the chain, else the mean of the last 8 "
               "(at least 4)",
               low=-1.0),
        _size("gamma", "gamma regression: null with fewer than 80 pooled reports"),
        _size("ticker_mean", "naive: mean |move| of all earlier reports of the ticker"),
        _size("mean_8", "naive: mean |move| of its last 8"),
        _size("vol_60", "naive: daily volatility of 60 sessions without reactions, times a "
              "constant of past reports"),
        _size("vix", "naive: the VIX a day, times a constant of past reports"),
        probability("p_value", "of no gain over the ticker's mean on past reports, paired by "
                    "quarter"),
        FOLD,
        MODEL_ID,
    ),
    is_events=True,
)  # fmt: skip
