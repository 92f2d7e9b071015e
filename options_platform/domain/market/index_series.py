"""Laying volatility indices on the sessions of each ticker, and reading them back from there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from options_platform.contracts import VIX
from options_platform.domain.calendar.sessions import all_sessions

TOLERANCE = 1e-6
VIX_SYMBOL = "VIX"
OWN_INDEX = {"QQQ": "VXN", "IWM": "RVX", "DIA": "VXD", "GLD": "GVZ", "USO": "OVX", "EEM": "VXEEM"}
"""Cboe's volatility index of an underlying, for those that have one of their own."""


def foreign_indices(iv_symbols: Mapping[str, str]) -> dict[str, str]:
    """The tickers that go by the VIX though Cboe has an index of their own, and that index.

    Their options are priced as if they moved like the S&P 500. It is not changed unasked: the own
    index may begin years later, and a ticker has one index for its whole history.
    """
    return {
        ticker: OWN_INDEX[ticker]
        for ticker, symbol in iv_symbols.items()
        if symbol == VIX_SYMBOL and ticker in OWN_INDEX
    }


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


def known_closes(rows: pl.DataFrame) -> pl.DataFrame:
    """The closes that rows of the table `vix` rest on: date, symbol, close, source, ascending.

    Carried values (age 1) are none.
    """
    own = rows.filter(pl.col("iv_age") == 0).select(
        "date", "source", symbol="iv_symbol", close="iv_close"
    )
    vix = rows.filter(pl.col("vix_age") == 0).select(
        "date", "source", symbol=pl.lit("VIX"), close="vix"
    )
    return (
        pl.concat([own, vix])
        .select("date", "symbol", "close", "source")
        .unique(["date", "symbol"], keep="first", maintain_order=True)
        .sort("symbol", "date")
    )


def is_index_restated(fetched: pl.DataFrame, known: pl.DataFrame) -> bool:
    """Whether a close of `fetched` (`ports.INDEX_SCHEMA`) differs from the `known` one."""
    both = fetched.filter(pl.col("close").is_finite() & (pl.col("close") > 0)).join(
        known, on=["date", "symbol"], suffix="_was"
    )
    was = pl.col("close_was")
    return both.filter((pl.col("close") - was).abs() > TOLERANCE * was).height > 0
