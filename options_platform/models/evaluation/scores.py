"""One score a row, and the slices of time, ticker and regime that are scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import polars as pl

from options_platform.common import Floats
from options_platform.domain.statistics import prediction_scores as metrics

ALL = "ALL"
LAST_YEAR_OF_CHOICE = 2020
HALVES = (f"to {LAST_YEAR_OF_CHOICE}", f"{LAST_YEAR_OF_CHOICE + 1} on")
"""Periods of the predictions that models were chosen on, and of those after."""

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
"""One score; `low` and `high` bound its 95% interval, `baseline` is the naive score beside it.

`period` is "all", "to 2020", "2021 on", a year, or "regime" and its name.
"""

Cut = Literal["period", "year", "regime"]


class Slice(NamedTuple):
    """Which rows a score is of."""

    model: str
    ticker: str
    period: str


def slices(
    known: pl.DataFrame, by: Sequence[Cut] = ("period",)
) -> Iterator[tuple[Slice, pl.DataFrame]]:
    """Each model's rows, by ticker and together, cut as `by` says.

    `known` has the columns model, ticker and date, and for the cut by regime `regime`. The halves
    before and after the last year of choice are left out where one of them is empty.
    """
    tickers = known["ticker"].unique().sort().to_list()
    for model in known["model"].unique(maintain_order=True):
        rows = known.filter(pl.col("model") == model)
        for ticker in [*tickers, ALL]:
            part = rows if ticker == ALL else rows.filter(pl.col("ticker") == ticker)
            for period, cut in _cuts(part, by):
                if cut.height:
                    yield Slice(model, ticker, period), cut


def score(
    of: Slice, metric: str, draws: Floats, baseline: float | None, n: int
) -> dict[str, object]:
    """A row of :data:`SCORES_SCHEMA` from a bootstrap whose first draw is the plain score."""
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
    """The rows as a frame, NaN as null."""
    return pl.DataFrame(rows, schema=SCORES_SCHEMA).with_columns(
        pl.col("value", "low", "high", "baseline").fill_nan(None)
    )


def headline(scores: pl.DataFrame, model: str) -> dict[str, float]:
    """The scores of one model over all tickers and years, and its baselines, by name.

    A score that cannot be had is left out, such as a share of the regime shifts where none was.
    """
    chosen = scores.filter(
        (pl.col("model") == model) & (pl.col("ticker") == ALL) & (pl.col("period") == "all")
    )
    found: dict[str, float] = {}
    for row in chosen.iter_rows(named=True):
        if row["value"] is not None:
            found[row["metric"]] = row["value"]
        if row["baseline"] is not None:
            found[f"{row['metric']} baseline"] = row["baseline"]
    return found


def summary(scores: pl.DataFrame, model: str, metrics: Sequence[str]) -> str | None:
    """One line of a model's scores over all tickers and years, each beside its naive baseline."""
    found = headline(scores, model)
    told = [
        f"{name} {found[name]:.4f}"
        + (f" (naive {found[baseline]:.4f})" if (baseline := f"{name} baseline") in found else "")
        for name in metrics
        if name in found
    ]
    return f"out of sample, last backfill: {', '.join(told)}" if told else None


def with_regime(known: pl.DataFrame, regimes: pl.DataFrame | None) -> pl.DataFrame:
    """`known` with the regime of each row's session, null where it is not given."""
    if regimes is None:
        return known.with_columns(regime=pl.lit(None, pl.String))
    return known.join(
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
        for number in year.unique().sort():
            yield str(number), rows.filter(year == number)
    if "regime" in by:
        for regime in rows["regime"].drop_nulls().unique().sort():
            yield f"regime {regime}", rows.filter(pl.col("regime") == regime)
