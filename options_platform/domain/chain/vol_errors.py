"""How far synthetic implied volatilities were from real ones, by what a ticker is priced on.

`VOL_ERRORS` is the only place of these figures: who measures the surface anew replaces rows there.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

MARKET_INDEX = "VIX"
"""The index on which the errors of `market` prices were measured; on any other they are not."""


@dataclass(frozen=True)
class MarketError:
    """The error of a ticker's prices on the VIX's level, on real chains.

    `points` is the mean absolute error of the implied volatility, vol points; `least_low` and
    `most_low` the shares by which spreads and straddles were too low, of the kind that was least
    and of that which was most. A ticker's months count equally. `chains` says which ones.
    """

    points: float
    least_low: float
    most_low: float
    chains: str


MARKET_ERRORS = {
    "QQQ": MarketError(5.9, 0.32, 0.50, "2026-02"),
    "AAPL": MarketError(9.2, 0.32, 0.78, "2014-06 and 2026-02"),
    "NVDA": MarketError(27.7, 0.70, 0.82, "2026-02"),
    "GOOG": MarketError(9.6, 0.36, 0.52, "2015-12"),
}
"""By ticker, as `tools.calibration.market_level` measures them; a test measures them again. Those
of another ticker are not known: it depends on how much more than the S&P 500 it moves."""
ANY_DTE = 10_000


@dataclass(frozen=True)
class MeasuredError:
    """The mean absolute error of the implied volatility, `points` vol points.

    It holds for plans of these bases (`market.index_series.iv_basis`) and tickers (none: any other)
    with at most `last_dte` days to expiry. `source` says on what it was measured.
    """

    bases: tuple[str, ...]
    tickers: tuple[str, ...]
    last_dte: int
    points: float
    source: str


_S_AND_P = ("SPY", "VOO", "IVV")
_OWN = ("own", "chain")
_FUNDS = ("IWM", "DIA", "VTI")
_SPY = "SPY 2015-01, 2020-10, 2026-02, the month left out, 10 to 60 delta; mean of three months"
_QQQ = "QQQ 2026-02 on its index and the VIX's ratios of tenors, the month left out, 10 to 60 delta"
_FUND = "no chain of the ticker: the larger of SPY's and QQQ's left-out errors"
_STOCK = "AAPL, NVDA and GOOG, the ticker left out, 10 to 60 delta; mean of three tickers"
VOL_ERRORS: tuple[MeasuredError, ...] = (
    *(
        MeasuredError(("market",), (ticker,), ANY_DTE, error.points, f"on the VIX, {error.chains}")
        for ticker, error in MARKET_ERRORS.items()
    ),
    MeasuredError(_OWN, _S_AND_P, 21, 0.75, _SPY),
    MeasuredError(_OWN, _S_AND_P, 35, 0.54, _SPY),
    MeasuredError(_OWN, _S_AND_P, ANY_DTE, 0.38, _SPY),
    MeasuredError(_OWN, ("QQQ",), 21, 1.24, _QQQ),
    MeasuredError(_OWN, ("QQQ",), 35, 0.47, _QQQ),
    MeasuredError(_OWN, ("QQQ",), ANY_DTE, 0.59, _QQQ),
    MeasuredError(_OWN, _FUNDS, 21, 1.24, _FUND),
    MeasuredError(_OWN, _FUNDS, 35, 0.54, _FUND),
    MeasuredError(_OWN, _FUNDS, ANY_DTE, 0.59, _FUND),
    MeasuredError(_OWN, (), ANY_DTE, 2.4, _STOCK),
)
"""The first row that fits holds. Those of a ticker's own index are the errors that
`tools.calibration` gives for options of 10 to 60 delta and 14 to 60 days, each chain priced by the
surface that was fitted without its month, from its 30-day index and the S&P 500's ratios of other
tenors, as a backtest has them; a test measures them again."""


def vol_error(ticker: pl.Expr, iv_symbol: pl.Expr, iv_basis: pl.Expr, dte: pl.Expr) -> pl.Expr:
    """The measured error of a synthetic implied volatility, vol points; null where none is.

    None is measured without a basis, on the market's index for a ticker that is not in
    `MARKET_ERRORS`, and on an index of another market than the VIX. `dte` is in calendar days;
    where it is null, that of the shortest expiries is given.
    """
    days = dte.fill_null(0)
    is_measured = (iv_basis != "market") | (iv_symbol == MARKET_INDEX)
    fits = (
        pl.when(
            iv_basis.is_in(row.bases)
            & (ticker.is_in(row.tickers) if row.tickers else pl.lit(True))
            & (days <= row.last_dte)
            & is_measured
        ).then(pl.lit(row.points))
        for row in VOL_ERRORS
    )
    return pl.coalesce(*fits)


def error_of(ticker: str, iv_symbol: str, iv_basis: str, dte: int) -> float | None:
    """:func:`vol_error` of one ticker."""
    fields = (pl.lit(ticker), pl.lit(iv_symbol), pl.lit(iv_basis), pl.lit(dte))
    points = pl.select(vol_error(*fields)).item()
    return None if points is None else float(points)


def market_note(ticker: str, symbol: str) -> str:
    """One sentence, without its full stop: a ticker is priced on an index that is not its own."""
    foreign = f"{ticker} is priced on the {symbol}, which is not its own volatility"
    error = MARKET_ERRORS.get(ticker) if symbol == MARKET_INDEX else None
    if error is None:
        return f"{foreign}: its error is not measured"
    return (
        f"{foreign}: {error.points:g} vol points off on its real chains of {error.chains}, "
        f"credits {100 * error.least_low:.0f} to {100 * error.most_low:.0f}% too low"
    )
