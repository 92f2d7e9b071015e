"""Laying volatility indices on the sessions of each ticker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from options_platform.contracts import VIX
from options_platform.domain.calendar import all_sessions


def align_indices(
    keys: pl.DataFrame,
    closes: pl.DataFrame,
    iv_symbols: Mapping[str, str],
    source: str,
    fetched_at: datetime,
) -> pl.DataFrame:
    """The index rows of each (date, ticker) of `keys`, in the schema of the table `vix`.

    A session without a close takes that of the session before, once (age 1); what is older is
    null. Index rows on days without a session are dropped and never carried. A close that is
    null, NaN, not positive, or given twice with other values counts as missing.

    Args:
        keys: date and ticker.
        closes: rows in `ports.INDEX_SCHEMA`.
        iv_symbols: the volatility index of each ticker.
        source: name of the source that a missing close is put down to.
        fetched_at: when the closes were fetched.
    """
    sessions = pl.DataFrame({"date": all_sessions()}, schema={"date": pl.Date})
    good = (
        closes.unique()
        .filter(pl.col("close").is_finite() & (pl.col("close") > 0))
        .filter(pl.len().over("date", "symbol") == 1)
        .join(sessions, on="date", how="semi")
    )
    symbols = sorted({"VIX", *iv_symbols.values()})
    grid = (
        sessions.join(pl.DataFrame({"symbol": symbols}), how="cross")
        .join(good, on=["date", "symbol"], how="left")
        .sort("symbol", "date")
    )
    before = pl.col("close").shift(1).over("symbol")
    grid = grid.select(
        "date",
        "symbol",
        source=pl.col("source").fill_null(pl.col("source").shift(1).over("symbol")),
        close=pl.col("close").fill_null(before),
        age=pl.when(pl.col("close").is_not_null())
        .then(0)
        .when(before.is_not_null())
        .then(1)
        .cast(pl.Int32),
    )
    own = pl.DataFrame(
        {"ticker": list(iv_symbols), "iv_symbol": list(iv_symbols.values())},
        schema={"ticker": pl.String, "iv_symbol": pl.String},
    )
    return (
        keys.select("date", "ticker")
        .join(own, on="ticker", how="left")
        .join(
            grid.rename({"symbol": "iv_symbol", "close": "iv_close", "age": "iv_age"}),
            on=["date", "iv_symbol"],
            how="left",
        )
        .join(
            grid.filter(pl.col("symbol") == "VIX").select(
                "date", vix=pl.col("close"), vix_age=pl.col("age")
            ),
            on="date",
            how="left",
        )
        .with_columns(
            pl.col("source").fill_null(source),
            fetched_at=pl.lit(fetched_at).cast(VIX.schema["fetched_at"]),
        )
        .select(VIX.schema.names())
        .sort("date", "ticker")
    )
