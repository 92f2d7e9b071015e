"""The frame of scores, and the slices of time, ticker and regime that are scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import polars as pl

from options_platform.common import Floats
from options_platform.domain.statistics import prediction_scores as metrics

ALL = "ALL"
LAST_YEAR_OF_CHOICE = 2020
HALVES = (f"to {LAST_YEAR_OF_CHOICE}", f"{LAST_YEAR_OF_CHOICE + 1} on")
"""Periods up to, and after, the last year on which models were chosen."""

SCORES_SCHEMA = pl.Schema(
    {
        "model": pl.String,
        "ticker": pl.String,
        "period": pl.String,
        "metric": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "baseline": pl.Float64,
        "n": pl.Int64,
    }
)
"""One row per score; `low` and `high` bound its 95% interval, `baseline` is the naive score.

`period` is "all", "to 2020", "2021 on", a year, "regime" and its name, or one of
:data:`REACTIONS`.
"""

Cut = Literal["period", "year", "regime", "reaction"]
REACTIONS = {True: "with a reaction", False: "without a reaction"}
"""Periods: the sessions of stocks with, and without, a reaction to a report in the next five."""


class Slice(NamedTuple):
    """The rows that a score refers to."""

    model: str
    ticker: str
    period: str


def slices(
    scored_rows: pl.DataFrame, by: Sequence[Cut] = ("period",)
) -> Iterator[tuple[Slice, pl.DataFrame]]:
    """Each model's rows, by ticker and for all tickers, cut as `by` says.

    `scored_rows` has the columns model, ticker and date, and regime for the cut by regime. The
    periods up to and after the last year of choice are left out if one of them is empty.
    """
    tickers = scored_rows["ticker"].unique().sort().to_list()
    for model in scored_rows["model"].unique(maintain_order=True):
        rows = scored_rows.filter(pl.col("model") == model)
        for ticker in [*tickers, ALL]:
            part = rows if ticker == ALL else rows.filter(pl.col("ticker") == ticker)
            for period, cut in _cuts(part, by):
                if cut.height:
                    yield Slice(model, ticker, period), cut


def score(
    of: Slice, metric: str, draws: Floats, baseline: float | None, n: int
) -> dict[str, object]:
    """A row of :data:`SCORES_SCHEMA`; the first draw is the plain score."""
    value, low, high = metrics.interval(draws)
    return {
        **of._asdict(),
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "baseline": baseline,
        "n": n,
    }


def scores_frame(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    """The rows as a frame in `SCORES_SCHEMA`, NaN as null."""
    return pl.DataFrame(rows, schema=SCORES_SCHEMA).with_columns(
        pl.col("value", "low", "high", "baseline").fill_nan(None)
    )


def headline(scores: pl.DataFrame, model: str) -> dict[str, float]:
    """Scores of one model over all tickers and years, and their baselines, by name.

    Undefined scores are left out.
    """
    chosen = scores.filter(
        (pl.col("model") == model) & (pl.col("ticker") == ALL) & (pl.col("period") == "all")
    )
    by_name: dict[str, float] = {}
    for row in chosen.iter_rows(named=True):
        if row["value"] is not None:
            by_name[row["metric"]] = row["value"]
        if row["baseline"] is not None:
            by_name[f"{row['metric']} baseline"] = row["baseline"]
    return by_name


def summary(scores: pl.DataFrame, model: str, metrics: Sequence[str]) -> str | None:
    """One line with a model's scores over all tickers and years, each with its naive baseline.

    None if it has none of these scores.
    """
    by_name = headline(scores, model)
    parts = [
        f"{name} {by_name[name]:.4f}"
        + (
            f" (naive {by_name[baseline]:.4f})"
            if (baseline := f"{name} baseline") in by_name
            else ""
        )
        for name in metrics
        if name in by_name
    ]
    return f"out of sample, last backfill: {', '.join(parts)}" if parts else None


def reaction_column(labels: pl.DataFrame) -> list[str]:
    """The column that cuts the rows of stocks at reports, if the labels have it."""
    return [name for name in ("reaction_in_5d",) if name in labels.columns]


def with_regime(scored_rows: pl.DataFrame, regimes: pl.DataFrame | None) -> pl.DataFrame:
    """`scored_rows` with the regime of each row's session; null if it is missing."""
    if regimes is None:
        return scored_rows.with_columns(regime=pl.lit(None, pl.String))
    return scored_rows.join(
        regimes.select("date", "ticker", "regime"),
        on=["date", "ticker"],
        how="left",
        maintain_order="left",
    )


def _cuts(rows: pl.DataFrame, by: Sequence[Cut]) -> Iterator[tuple[str, pl.DataFrame]]:
    year = rows["date"].dt.year()
    if "period" in by:
        yield "all", rows
        early = rows.filter(year <= LAST_YEAR_OF_CHOICE)
        if 0 < early.height < rows.height:
            yield HALVES[0], early
            yield HALVES[1], rows.filter(year > LAST_YEAR_OF_CHOICE)
    if "year" in by:
        for one_year in year.unique().sort():
            yield str(one_year), rows.filter(year == one_year)
    if "reaction" in by and "reaction_in_5d" in rows.columns:
        for has_reaction, name in REACTIONS.items():
            yield name, rows.filter(pl.col("reaction_in_5d") == has_reaction)
    if "regime" in by:
        for regime in rows["regime"].drop_nulls().unique().sort():
            yield f"regime {regime}", rows.filter(pl.col("regime") == regime)
