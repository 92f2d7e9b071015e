"""The surface as stored real chains have taught it, ticker by ticker and session by session."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.domain.chain.ssvi import Smile
from options_platform.domain.chain.surface import Ints, Kind, SurfaceRules
from options_platform.domain.chain.underlying import Underlying

NUMBERS = ("c", "p", "q", "rho", "wing")


@dataclass(frozen=True)
class TickerFits:
    """What is known of a ticker's surface after each of `sessions` (ascending dates).

    `smiles` and `levels` belong to them; None where the ticker's class holds. A level is what the
    volatility at the money is times.
    """

    sessions: NDArray[np.datetime64]
    smiles: tuple[Smile | None, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True)
class LearnedSurface(SurfaceRules):
    """A surface that prices a ticker by its last fit before the session, where it has one.

    A session never uses its own fit: the chain that taught it was quoted at the session's end.
    """

    fits: dict[str, TickerFits] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: SurfaceRules, fits: dict[str, TickerFits]) -> LearnedSurface:
        """`rules` with fits by ticker."""
        names = [item.name for item in fields(SurfaceRules)]
        return cls(**{name: getattr(rules, name) for name in names}, fits=fits)

    def kinds(self, underlying: Underlying) -> tuple[tuple[Kind, ...], Ints | None]:
        """The kinds of surface that occur, and each row's position among them; None if one does."""
        if not (self.learn and any(name in self.fits for name in underlying.names)):
            return super().kinds(underlying)
        ticker, session = np.broadcast_arrays(underlying.ticker, underlying.session)
        position = np.zeros(ticker.shape, dtype=np.int64)
        kinds: list[Kind] = []
        for at, name in enumerate(underlying.names):
            rows = ticker == at
            before = self._fits_before(name, session[rows])
            versions, place = np.unique(before, return_inverse=True)
            position[rows] = len(kinds) + place
            kinds += [self._kind_after(name, int(version)) for version in versions]
        return (tuple(kinds), None) if len(kinds) == 1 else (tuple(kinds), position)

    def _fits_before(self, ticker: str, session: NDArray[np.datetime64]) -> Ints:
        """The number of the ticker's fits that are of earlier sessions."""
        own = self.fits.get(ticker)
        if own is None:
            return np.zeros(session.shape, dtype=np.int64)
        return np.searchsorted(own.sessions, session, side="left").astype(np.int64)

    def _kind_after(self, ticker: str, count: int) -> Kind:
        plain = self.kind_of(ticker)
        smile = self.fits[ticker].smiles[count - 1] if count else None
        if smile is None:
            return plain
        return plain._replace(smile=smile, level=self.fits[ticker].levels[count - 1])


def fits_of(rows: pl.DataFrame) -> dict[str, TickerFits]:
    """The fits of rows of `surface_fit`, by ticker; tickers without any adopted are left out."""
    fits = {}
    for (ticker,), own in rows.sort("date").group_by("ticker", maintain_order=True):
        if not own["is_adopted"].any():
            continue
        smiles = tuple(
            Smile(*numbers) if is_adopted else None
            for is_adopted, *numbers in own.select("is_adopted", *NUMBERS).iter_rows()
        )
        sessions = own["date"].to_numpy().astype("datetime64[D]")
        fits[str(ticker)] = TickerFits(sessions, smiles, tuple(own["level"].fill_null(1.0)))
    return fits
