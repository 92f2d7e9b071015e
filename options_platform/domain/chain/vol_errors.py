"""How far synthetic implied volatilities were from real ones, by what a ticker is priced on.

`VOL_ERRORS` is the only place of these figures: who measures the surface anew replaces rows there.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

MARKET_POINTS = (3.0, 11.0)
"""Smallest and largest error of QQQ priced on the VIX, vol points, on three real chains."""
MARKET_CREDITS = (0.42, 0.74)
"""By which share the credits of its spreads were then too low."""
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
    MeasuredError(("market",), (), ANY_DTE, sum(MARKET_POINTS) / 2, "QQQ on the VIX, three chains"),
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


def vol_error(ticker: pl.Expr, iv_basis: pl.Expr, dte: pl.Expr) -> pl.Expr:
    """The measured error of a synthetic implied volatility, vol points; null without a basis.

    `dte` is in calendar days; where it is null, that of the shortest expiries is given.
    """
    days = dte.fill_null(0)
    fits = (
        pl.when(
            iv_basis.is_in(row.bases)
            & (ticker.is_in(row.tickers) if row.tickers else pl.lit(True))
            & (days <= row.last_dte)
        ).then(pl.lit(row.points))
        for row in VOL_ERRORS
    )
    return pl.coalesce(*fits)


def error_of(ticker: str, iv_basis: str, dte: int) -> float:
    """:func:`vol_error` of one ticker."""
    fields = (pl.lit(ticker), pl.lit(iv_basis), pl.lit(dte))
    return float(pl.select(vol_error(*fields)).item())


def market_note(ticker: str, symbol: str) -> str:
    """One sentence, without its full stop: a ticker is priced on an index that is not its own."""
    low, high = MARKET_POINTS
    least, most = (round(100 * share) for share in MARKET_CREDITS)
    measured = "on real chains" if ticker == "QQQ" else "on real chains of QQQ"
    return (
        f"{ticker} is priced on the {symbol}, which is not its own volatility: {low:g} to {high:g} "
        f"vol points off {measured}, credits {least} to {most}% too low"
    )
