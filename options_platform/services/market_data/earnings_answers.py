"""Asking the sources for the earnings reports of a ticker, and making one answer of several."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.ports.market_data import (
    EARNINGS_KNOWLEDGE,
    EARNINGS_SCHEMA,
    EarningsSource,
    gives_earnings,
)
from options_platform.domain.earnings.merging import merged
from options_platform.errors import SourceError, UnknownSymbolError
from options_platform.services.market_data.platform import Platform

COLUMNS = pl.Schema({**EARNINGS_SCHEMA, **EARNINGS_KNOWLEDGE})


def earnings_sources(platform: Platform) -> tuple[EarningsSource, ...]:
    """The sources that give earnings reports, in order of preference; there may be none."""
    return tuple(source for source in platform.earnings_sources() if gives_earnings(source))


def ask(
    sources: Sequence[EarningsSource], ticker: str, start: date, end: date, today: date
) -> pl.DataFrame:
    """The reports of `ticker` in :data:`COLUMNS`, by date, with `other_date`.

    A source that does not know the ticker is passed over if another one knows it. Raises
    SourceError where one fails otherwise: without its answer dates would move from one to another.
    """
    answers: list[pl.DataFrame] = []
    unknown: SourceError | None = None
    for source in sources:
        try:
            answers.append(_whole(source.earnings(ticker, start, end)))
        except UnknownSymbolError as error:
            unknown = unknown or error
    if unknown is not None and not answers:
        raise unknown
    return merged(answers, today)


def _whole(answer: pl.DataFrame) -> pl.DataFrame:
    """The answer with null for the columns that a source may leave out; a date once."""
    unknown = {name: pl.lit(None) for name in EARNINGS_KNOWLEDGE if name not in answer.columns}
    whole = answer.with_columns(**unknown).select(COLUMNS.names()).cast(dict(COLUMNS))  # type: ignore[arg-type]
    return whole.unique(["date", "known_from"], keep="first", maintain_order=True)
