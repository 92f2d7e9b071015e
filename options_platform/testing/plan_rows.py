"""Planning inputs: the rows that `build_plans` takes."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.calendar.sessions import sessions


def random_rows(count: int = 600, seed: int = 5) -> pl.DataFrame:
    """Rows of SPY with random closes, volatilities, regimes and predictions."""
    random = np.random.default_rng(seed)
    days = sessions(date(2015, 1, 2), date(2017, 12, 29))[:count]
    p = random.dirichlet([2, 2, 2], count)
    names = np.array(["bearish", "neutral", "bullish"])
    frame = pl.DataFrame(
        {
            "date": days,
            "ticker": "SPY",
            "close": random.uniform(20, 500, count),
            "split_factor": 1.0,
            "bad_reason": pl.Series([None] * count, dtype=pl.String),
            "vix": random.uniform(9, 60, count),
            "iv_rank": random.uniform(0, 1, count),
            "regime": random.choice(REGIMES, count),
            "direction": names[p.argmax(axis=1)],
            "p_bearish": p[:, 0],
            "p_neutral": p[:, 1],
            "p_bullish": p[:, 2],
            "confidence": (p.max(axis=1) - 1 / 3) / (2 / 3),
            "iv_rank_change_pred": random.normal(0, 0.05, count),
        }
    )
    return frame.with_columns(
        iv_close=pl.col("vix"),
        call_rank=pl.Series(random.uniform(0, 1, count)),
        earlier_calls=pl.lit(100, pl.Int32),
    )


BATCH = random_rows()


def one(**changes: object) -> pl.DataFrame:
    """One bullish row of SPY at 250 in a quiet market, with `changes` applied."""
    row: dict[str, object] = {
        "close": 250.0,
        "vix": 18.0,
        "iv_close": 18.0,
        "iv_rank": 0.4,
        "regime": "low_vol",
        "direction": "bullish",
        "p_bearish": 0.1,
        "p_neutral": 0.2,
        "p_bullish": 0.7,
        "confidence": 0.55,
        "iv_rank_change_pred": 0.0,
        "call_rank": 1.0,
        "earlier_calls": 100,
    } | changes
    schema = BATCH.schema
    return BATCH.head(1).with_columns(
        pl.lit(value, schema[name]).alias(name) for name, value in row.items()
    )
