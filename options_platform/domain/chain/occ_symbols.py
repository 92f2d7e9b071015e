"""OCC option symbols: root, expiry, right and strike in one text, e.g. `SPY260320C00690000`.

Layout (OCC, Options Symbology Initiative, 2010): a root of up to six characters, sometimes padded
with blanks, YYMMDD, C or P, and the strike in thousandths of a dollar as eight digits. A root that
ends in a digit (`SPY7`, `AAPL1`) marks a contract that does not deliver 100 shares.

Vendors add a prefix (`O:SPY...`, `OPRA:SPY...`, `.SPY...`), write the symbol in lower case or pad
it differently; with the dot prefix (thinkorswim, dxFeed) the strike is in dollars (`C690.5`).
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import polars as pl

from options_platform.contracts.renamed import RENAMED

_MARK = r"^(?:[A-Z]{1,6}:|[.^$_@+-])?"
_ROOT = _MARK + r"([A-Z][A-Z0-9./]{0,6}?)[\s_]*"
_DATED = r"(\d{6})\s*([CP])\s*"
_OCC = _ROOT + _DATED + r"(\d{8})$"
_DOLLARS = r"^\.([A-Z][A-Z0-9./]{0,6}?)" + _DATED + r"(\d{1,6}(?:\.\d{1,3})?)$"
STANDARD_SUFFIXES = ("", "W", "P")
"""What a standard root appends to the ticker: nothing, or for an index also W or P.

`SPXW` are the weekly options of SPX, and a root in P those that settle at the close (PM).
"""
FORMER_ROOTS = {new.ticker: former for former, new in RENAMED.items()}
"""Roots under a ticker's former symbol."""


def parse_symbols(symbols: pl.Series) -> pl.DataFrame:
    """The parts of each symbol: root, expiry, right (call or put) and strike (USD).

    All four are null if the text is not an OCC symbol or its date does not exist.
    """
    text = pl.col("symbol").str.strip_chars().str.to_uppercase()

    def part(at: int) -> pl.Expr:
        return pl.coalesce(text.str.extract(_OCC, at), text.str.extract(_DOLLARS, at))

    expiry = part(2).str.to_date("%y%m%d", strict=False)
    strike = pl.coalesce(
        text.str.extract(_OCC, 4).cast(pl.Float64) / 1000.0,
        text.str.extract(_DOLLARS, 4).cast(pl.Float64),
    )
    parts = pl.DataFrame({"symbol": symbols}, schema={"symbol": pl.String}).select(
        root=part(1).str.replace_all(r"[./]", ""),
        expiry=expiry,
        right=pl.when(part(3) == "C").then(pl.lit("call")).otherwise(pl.lit("put")),
        strike=strike,
        whole=part(1).is_not_null() & expiry.is_not_null(),
    )
    return parts.select(
        pl.when(pl.col("whole")).then(pl.col(name)).alias(name)
        for name in ("root", "expiry", "right", "strike")
    )


def symbol_expr(root: pl.Expr, expiry: pl.Expr, right: pl.Expr, strike: pl.Expr) -> pl.Expr:
    """The OCC symbol of a contract, unpadded; null if any part is null."""
    thousandths = (strike * 1000.0).round().cast(pl.Int64).cast(pl.String).str.zfill(8)
    letter = pl.when(right == "call").then(pl.lit("C")).when(right == "put").then(pl.lit("P"))
    return pl.concat_str(root, expiry.dt.strftime("%y%m%d"), letter, thousandths)


def standard_root(ticker: pl.Expr) -> pl.Expr:
    """The standard OCC root of a ticker: `BRKB` for `BRK.B`."""
    return ticker.str.replace_all(r"[.\-]", "")


def standard_symbol(ticker: pl.Expr) -> pl.Expr:
    """The OCC symbol with the ticker's standard root, from columns `expiry`, `right`, `strike`."""
    return symbol_expr(standard_root(ticker), pl.col("expiry"), pl.col("right"), pl.col("strike"))


def is_standard(root: pl.Expr, ticker: pl.Expr) -> pl.Expr:
    """Whether the root belongs to standard contracts of the ticker."""
    return pl.any_horizontal(
        *(
            root == pl.concat_str(standard_root(ticker), pl.lit(suffix))
            for suffix in STANDARD_SUFFIXES
        ),
        *((ticker == name) & (root == former) for name, former in FORMER_ROOTS.items()),
    )


def share_symbol(ticker: str) -> str:
    """The ticker as brokers and exchange feeds spell it: share classes with a dot, `BRK.B`.

    The platform accepts `BRK-B` and `BRK.B` as tickers, and writes to brokers only the latter.
    """
    return ticker.replace("-", ".")


@lru_cache(maxsize=4096)
def symbol_of(ticker: str, expiry: date, right: str, strike: float) -> str:
    """The OCC symbol of one contract of a ticker, unpadded (`BRK.B` has the root `BRKB`)."""
    root = share_symbol(ticker).replace(".", "")
    return f"{root}{expiry:%y%m%d}{right[0].upper()}{round(strike * 1000):08d}"


@lru_cache(maxsize=4096)
def parse_symbol(symbol: str) -> tuple[str, date, str, float] | None:
    """Root, expiry, right (call or put) and strike (USD); None if it is not an OCC symbol."""
    root, expiry, right, strike = parse_symbols(pl.Series([symbol])).row(0)
    return None if root is None else (root, expiry, right, strike)
