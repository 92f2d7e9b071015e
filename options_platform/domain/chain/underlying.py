"""What options are priced on: the ticker, its price and its volatility index at a close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats

EUROPEAN = (
    "SPX", "SPXW", "XSP", "NDX", "NDXP", "XND", "RUT", "RUTW", "MRUT", "VIX", "VIXW", "DJX", "XEO",
)  # fmt: skip
"""Indices whose options cannot be exercised early (Cboe's and Nasdaq's product specifications)."""


@dataclass(frozen=True)
class TermStructure:
    """9-, 93- and 182-day volatility indices and the short rate; annualised fractions, NaN if
    missing."""

    days_9: Floats = field(default_factory=lambda: np.array(np.nan))
    days_93: Floats = field(default_factory=lambda: np.array(np.nan))
    days_182: Floats = field(default_factory=lambda: np.array(np.nan))
    rate: Floats = field(default_factory=lambda: np.array(np.nan))

    def rate_or(self, fallback: float) -> Floats:
        """The short rate; `fallback` where it is missing."""
        return np.where(np.isnan(self.rate), fallback, self.rate)

    def each(self, change: Callable[[Floats], Floats]) -> TermStructure:
        """The term structure with `change` applied to every array."""
        return TermStructure(*(change(values) for values in vars(self).values()))


NO_TERM = TermStructure()


@dataclass(frozen=True)
class Underlying:
    """Tickers at the closes of sessions; arrays that broadcast against the options' strikes.

    `names` are the tickers, and `ticker` holds the position in `names` of each row's. `spot` is in
    USD a share as traded, `index` the ticker's 30-day volatility index, an annualised fraction,
    `session` a date. `term` holds the ticker's indices of other tenors and the short rate.
    """

    names: tuple[str, ...]
    ticker: NDArray[np.integer[Any]]
    session: NDArray[np.datetime64]
    spot: Floats
    index: Floats
    term: TermStructure = NO_TERM

    @property
    def european(self) -> NDArray[np.bool_]:
        """Whether the options cannot be exercised early, shape of `ticker`."""
        return np.asarray(np.isin(np.array(self.names), EUROPEAN)[self.ticker])

    @classmethod
    def of(
        cls,
        ticker: str | Sequence[str] | pl.Series,
        session: date | NDArray[np.datetime64],
        spot: Floats,
        index: Floats,
        term: TermStructure = NO_TERM,
    ) -> Underlying:
        """Rows of one ticker, or of one ticker each; `session` likewise."""
        days = np.asarray(session, dtype="datetime64[D]")
        if isinstance(ticker, str):
            return cls((ticker,), np.zeros((), dtype=np.int64), days, spot, index, term)
        if isinstance(ticker, list):
            # A few rows at a time: a series takes longer to make than these are to look up.
            place = {name: at for at, name in enumerate(sorted(set(ticker)))}
            return cls(
                tuple(place),
                np.array([place[name] for name in ticker], dtype=np.int64),
                days, spot, index, term,
            )  # fmt: skip
        tickers = pl.Series(ticker, dtype=pl.String)
        names = tickers.unique().sort()
        position = tickers.cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
        return cls(tuple(names), position, days, spot, index, term)

    def at(self, rows: Any) -> Underlying:
        """The given rows of every array; an array of one value for all rows stays as it is."""
        return self._each(lambda values: values[rows] if values.ndim else values)

    def column(self) -> Underlying:
        """The rows as a column, shape [rows, 1], to broadcast against [rows, strikes]."""
        return self.at((slice(None), None))

    def _each(self, change: Callable[[Any], Any]) -> Underlying:
        return Underlying(
            self.names,
            change(self.ticker),
            change(self.session),
            change(self.spot),
            change(self.index),
            self.term.each(change),
        )
