"""Alignment of volatility indices with each ticker's sessions, and the closes behind those rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Literal

import polars as pl

from options_platform.common import KEY
from options_platform.contracts import VIX
from options_platform.contracts.funds import FUNDS
from options_platform.domain.calendar.sessions import all_sessions

TOLERANCE = 1e-6
VIX_SYMBOL = "VIX"
MODELLED = ("iv_missing", "event_var", "event_anchor")
"""Columns of `vix` that only a modelled volatility has."""
OWN_INDEX = {
    "SPY": "VIX", "VOO": "VIX", "IVV": "VIX", "QQQ": "VXN", "IWM": "RVX", "DIA": "VXD",
    "AAPL": "VXAPL", "AMZN": "VXAZN", "GOOGL": "VXGOG", "GOOG": "VXGOG", "GS": "VXGS",
    "IBM": "VXIBM", "GLD": "GVZ", "SLV": "VXSLV", "GDX": "VXGDX", "USO": "OVX", "XLE": "VXXLE",
    "EEM": "VXEEM", "EFA": "VXEFA", "EWZ": "VXEWZ", "FXI": "VXFXI", "TLT": "VXTLT",
}  # fmt: skip
"""Cboe's volatility index of 30 days on the options of a ticker, or on those of the index that it
tracks, as Cboe and FRED list them; some have ended."""
CHAIN_PREFIX, MODEL_PREFIX = "CHAIN:", "MODEL:"
Basis = Literal["own", "chain", "modelled", "market"]


_NONE_MODELLED = pl.DataFrame(schema={name: VIX.schema[name] for name in (*KEY, *MODELLED)})


def iv_basis(ticker: str, symbol: str) -> Basis:
    """What the volatility index of a ticker measures.

    own: Cboe's index of the ticker's own options (`OWN_INDEX`); chain: the ticker's stored option
    chains; modelled: the model of a stock's volatility; market: anything else, such as the VIX for
    a stock.
    """
    if symbol.startswith(CHAIN_PREFIX):
        return "chain"
    if symbol.startswith(MODEL_PREFIX):
        return "modelled"
    return "own" if OWN_INDEX.get(ticker) == symbol else "market"


def iv_basis_of(ticker: pl.Expr, symbol: pl.Expr) -> pl.Expr:
    """:func:`iv_basis` of columns; null where the symbol is null."""
    own = ticker.replace_strict(OWN_INDEX, default=None, return_dtype=pl.String)
    return (
        pl.when(symbol.is_null())
        .then(None)
        .when(symbol.str.starts_with(CHAIN_PREFIX))
        .then(pl.lit("chain"))
        .when(symbol.str.starts_with(MODEL_PREFIX))
        .then(pl.lit("modelled"))
        .when(symbol.eq_missing(own))
        .then(pl.lit("own"))
        .otherwise(pl.lit("market"))
    )


def all_funds(funds: Iterable[str]) -> frozenset[str]:
    """The known `FUNDS` and those of the setting `plan.chain.surface.funds`."""
    return FUNDS.union(funds)


def may_be_stock(ticker: str, funds: Iterable[str] = ()) -> bool:
    """Whether a ticker is none of :func:`all_funds`."""
    return ticker not in FUNDS and ticker not in funds


def market_priced_stocks(iv_symbols: Mapping[str, str], funds: Iterable[str] = ()) -> list[str]:
    """The stocks that are priced on an index of the market; `funds` as in :func:`may_be_stock`."""
    names = tuple(funds)
    return [name for name in foreign_indices(iv_symbols) if may_be_stock(name, names)]


def foreign_indices(iv_symbols: Mapping[str, str]) -> dict[str, str | None]:
    """Tickers that are priced on an index that is not theirs, with their own; None without one.

    Their options are priced as if their volatility were that of another underlying.
    """
    return {
        ticker: OWN_INDEX.get(ticker)
        for ticker, symbol in iv_symbols.items()
        if iv_basis(ticker, symbol) == "market"
    }


def align_indices(
    keys: pl.DataFrame,
    closes: pl.DataFrame,
    iv_symbols: Mapping[str, str],
    source: str,
    fetched_at: datetime,
    modelled: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The index rows of each (date, ticker) of `keys`, in the schema of the table `vix`.

    A missing close is carried forward from the previous session once (age 1); after that it is
    null. Index rows on days without a session are dropped and never carried. A close that is null,
    NaN or not positive, or that comes twice with different values, counts as missing.

    Args:
        keys: date and ticker.
        closes: rows in `ports.INDEX_SCHEMA`.
        iv_symbols: volatility index of each ticker.
        source: name of the source, stored for sessions without a close.
        fetched_at: when the closes were fetched.
        modelled: date, ticker and the columns of `MODELLED` of tickers whose volatility is
            modelled; its closes are among `closes`.
    """
    grid = _carried_closes(closes, sorted({VIX_SYMBOL, *iv_symbols.values()}))
    index_by_ticker = pl.DataFrame(
        {"ticker": list(iv_symbols), "iv_symbol": list(iv_symbols.values())},
        schema={"ticker": pl.String, "iv_symbol": pl.String},
    )
    return (
        keys.select("date", "ticker")
        .join(index_by_ticker, on="ticker", how="left")
        .join(
            grid.rename({"symbol": "iv_symbol", "close": "iv_close", "age": "iv_age"}),
            on=["date", "iv_symbol"],
            how="left",
        )
        .join(
            grid.filter(pl.col("symbol") == VIX_SYMBOL).select(
                "date", vix=pl.col("close"), vix_age=pl.col("age")
            ),
            on="date",
            how="left",
        )
        .with_columns(
            pl.col("source").fill_null(source),
            fetched_at=pl.lit(fetched_at).cast(VIX.schema["fetched_at"]),
        )
        .join(
            _NONE_MODELLED if modelled is None else modelled.select(*KEY, *MODELLED),
            on=list(KEY),
            how="left",
            maintain_order="left",
        )
        .select(VIX.schema.names())
        .sort("date", "ticker")
    )


def _carried_closes(closes: pl.DataFrame, symbols: Sequence[str]) -> pl.DataFrame:
    """Source, close and age of each symbol on each session, carried forward once."""
    sessions = pl.DataFrame({"date": all_sessions()}, schema={"date": pl.Date})
    good = (
        closes.unique()
        .filter(pl.col("close").is_finite() & (pl.col("close") > 0))
        .filter(pl.len().over("date", "symbol") == 1)
        .join(sessions, on="date", how="semi")
    )
    grid = (
        sessions.join(pl.DataFrame({"symbol": symbols}), how="cross")
        .join(good, on=["date", "symbol"], how="left")
        .sort("symbol", "date")
    )
    before = pl.col("close").shift(1).over("symbol")
    return grid.select(
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


def known_closes(rows: pl.DataFrame) -> pl.DataFrame:
    """The published closes in rows of the table `vix`: date, symbol, close, source, sorted.

    Values carried forward (age 1) are left out.
    """
    of_ticker = rows.filter(pl.col("iv_age") == 0).select(
        "date", "source", symbol="iv_symbol", close="iv_close"
    )
    vix = rows.filter(pl.col("vix_age") == 0).select(
        "date", "source", symbol=pl.lit("VIX"), close="vix"
    )
    return (
        pl.concat([of_ticker, vix])
        .select("date", "symbol", "close", "source")
        .unique(["date", "symbol"], keep="first", maintain_order=True)
        .sort("symbol", "date")
    )


def is_index_restated(fetched: pl.DataFrame, stored: pl.DataFrame) -> bool:
    """Whether any close in `fetched` (`ports.INDEX_SCHEMA`) differs from the stored one by more
    than 1e-6."""
    both = fetched.filter(pl.col("close").is_finite() & (pl.col("close") > 0)).join(
        stored, on=["date", "symbol"], suffix="_was"
    )
    was = pl.col("close_was")
    return both.filter((pl.col("close") - was).abs() > TOLERANCE * was).height > 0
