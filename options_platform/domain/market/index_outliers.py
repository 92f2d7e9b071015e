"""Data rules of volatility indices: a bad close is set aside, a bad high is only a warning.

The platform uses closes only. A row with an impossible open, high or low is reported, but its
close is used, since the exchange calculates closes separately. A row on a day without a session is
reported and never used. Each row is judged by its own values.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from options_platform.contracts import QUARANTINE
from options_platform.contracts.market import SET_ASIDE, WARNING
from options_platform.domain.calendar.sessions import all_sessions, close_time, newest_session

# Plausible levels in index points: the known history with a margin on either side.
PLAUSIBLE = {"VVIX": (40.0, 300.0), "SKEW": (90.0, 250.0)}
PLAUSIBLE_VOLATILITY = (4.0, 200.0)
# The widest genuine bar: VIX on 2024-08-05, with a high of 1.70 x the higher of open and close.
WIDEST_HIGH, DEEPEST_LOW = 2.0, 0.5
TOLERANCE = 1e-6
SETTLEMENT = timedelta(minutes=15)
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class JudgedIndex:
    """Usable `closes` in `ports.INDEX_SCHEMA`, and `quarantined` rows, warnings included."""

    closes: pl.DataFrame
    quarantined: pl.DataFrame


def judge_index(raw: pl.DataFrame, fetched_at: datetime) -> JudgedIndex:
    """Apply the data rules to index rows in `ports.INDEX_SCHEMA`.

    Set aside: `not_final` (fetched before the settlement, 15 minutes after the close),
    `duplicate_conflict`, `nan_price`, `non_positive_price`, `implausible_close` (outside the
    plausible levels of the index). Warnings: `no_session`, `high_below_low`, `outside_range` (open
    or close beyond high or low), `nan_quote` (open, high or low), `implausible_open` (above twice
    the close), `implausible_high` (above twice the higher of open and close), `implausible_low`
    (below half the lower of open and close).
    """
    raw = raw.unique(maintain_order=True)
    judged = raw.with_columns(
        set_aside=_set_aside(fetched_at).alias("set_aside"), warning=_warning().alias("warning")
    )
    on_session = pl.col("date").is_in(list(all_sessions()))
    judged = judged.with_columns(
        rule=pl.when(~on_session)
        .then(pl.lit("no_session"))
        .otherwise(pl.coalesce("set_aside", "warning")),
        severity=pl.when(on_session & pl.col("set_aside").is_not_null())
        .then(pl.lit(SET_ASIDE))
        .otherwise(pl.lit(WARNING)),
    )
    closes = judged.filter(on_session & pl.col("set_aside").is_null()).select(raw.columns)
    return JudgedIndex(closes, _quarantined(judged, fetched_at))


def _set_aside(fetched_at: datetime) -> pl.Expr:
    close = pl.col("close")
    bounds = [
        pl.when(pl.col("symbol") == symbol).then(~close.is_between(*span))
        for symbol, span in PLAUSIBLE.items()
    ]
    implausible = pl.coalesce(*bounds, ~close.is_between(*PLAUSIBLE_VOLATILITY))
    return (
        pl.when(pl.col("date") > _last_final(fetched_at))
        .then(pl.lit("not_final"))
        .when(pl.len().over("date", "symbol") > 1)
        .then(pl.lit("duplicate_conflict"))
        .when(close.is_null() | ~close.is_finite())
        .then(pl.lit("nan_price"))
        .when(close <= 0)
        .then(pl.lit("non_positive_price"))
        .when(implausible)
        .then(pl.lit("implausible_close"))
    )


def _last_final(fetched_at: datetime) -> pl.Expr:
    today = fetched_at.astimezone(close_time(all_sessions()[-1]).tzinfo).date()
    before = newest_session(fetched_at)
    final = today in set(all_sessions()) and close_time(today) + SETTLEMENT <= fetched_at
    return pl.lit(today if final else before)


def _warning() -> pl.Expr:
    quotes, close = [pl.col(name) for name in ("open", "high", "low")], pl.col("close")
    top, bottom = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    slack = 1.0 + TOLERANCE
    outside = (top > pl.col("high") * slack) | (bottom * slack < pl.col("low"))
    return (
        pl.when(pl.any_horizontal(*(q.is_nan() | q.is_infinite() for q in quotes)))
        .then(pl.lit("nan_quote"))
        .when(pl.col("high") < pl.col("low"))
        .then(pl.lit("high_below_low"))
        .when(outside)
        .then(pl.lit("outside_range"))
        .when(pl.col("open") > WIDEST_HIGH * close)
        .then(pl.lit("implausible_open"))
        .when(pl.col("high") > WIDEST_HIGH * top)
        .then(pl.lit("implausible_high"))
        .when(pl.col("low") < DEEPEST_LOW * bottom)
        .then(pl.lit("implausible_low"))
    )


def _quarantined(judged: pl.DataFrame, fetched_at: datetime) -> pl.DataFrame:
    return (
        judged.filter(pl.col("rule").is_not_null())
        .select(
            "date",
            "rule",
            "severity",
            "source",
            ticker="symbol",
            value=pl.struct(*PRICES, "source").struct.json_encode(),
            seen_at=pl.lit(fetched_at).cast(QUARANTINE.schema["seen_at"]),
            status=pl.lit("open"),
            decided_at=pl.lit(None, QUARANTINE.schema["decided_at"]),
            note=pl.lit(None, pl.String),
        )
        .select(QUARANTINE.schema.names())
        .unique(["date", "ticker", "rule", "value"], maintain_order=True)
        .sort("date", "ticker", "rule", "value")
    )
