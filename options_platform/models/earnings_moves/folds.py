"""What a month knows of past reports: the regression, its errors, and whether it may be used.

The model of month M is fitted on the reports that were known before M. Its quantiles, the
constants of the naive forecasts and the gate come from forecasts of earlier months, each made by
the model of its own month on the same reports. So nothing here is in sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.statistics.paired_test import PairedTest, paired_test
from options_platform.models.earnings_moves.gamma import INPUTS, SMALLEST, fit_gamma, predict_gamma
from options_platform.models.earnings_moves.scores import losses

FEWEST_EVENTS = 80
FEWEST_RATIOS = 40
LEVEL = 0.05
QUANTILES = {"q50": 0.50, "q75": 0.75, "q90": 0.90, "q95": 0.95}
GAMMA, TICKER_MEAN = "gamma", "ticker_mean"
SCALED = ("vol_60", "vix")

EVENT_ROWS = pl.Schema(
    {
        "ticker": pl.String,
        "anchor": pl.Date,
        "known_on": pl.Date,
        "size": pl.Float64,
        **dict.fromkeys((*INPUTS, "vix"), pl.Float64),
    }
)
"""Past reports: |move|, and the inputs as they were at the anchor (null where unknown)."""

Memo = dict[bytes, dict[str, Any]]
"""Regressions by the rows that they were fitted on, shared by the months of a run."""


@dataclass(frozen=True)
class MoveFold:
    """What a month knows; `fit` is None with fewer than 80 reports.

    `quantiles` are of |move| over the forecast in use, and `constants` scale the naive forecasts
    by volatility; both lack what too few past forecasts tell. `gate` compares gamma with the
    ticker's mean, paired by quarter.
    """

    fit: Mapping[str, Any] | None
    champion: str
    quantiles: Mapping[str, float]
    constants: Mapping[str, float]
    gate: PairedTest

    def as_json(self) -> dict[str, Any]:
        """The fold as numbers and text."""
        return {**vars(self), "gate": vars(self.gate)}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> MoveFold:
        """The fold that :meth:`as_json` wrote."""
        return cls(**{**stored, "gate": PairedTest(**stored["gate"])})


def month_start(day: date) -> date:
    """The first day of the day's month."""
    return day.replace(day=1)


def known_before(events: pl.DataFrame, month: date) -> pl.DataFrame:
    """The rows of `events` that were known before the month, in the order in which they came."""
    return events.filter(pl.col("known_on") < month).sort("known_on", "ticker")


def make_fold(events: pl.DataFrame, memo: Memo) -> MoveFold:
    """The fold of a month that knows `events`, from :func:`known_before`."""
    usable = events.drop_nulls([*INPUTS, "size"])
    past = out_of_sample(usable, memo)
    fit = _fitted(usable, usable.height, memo) if usable.height >= FEWEST_EVENTS else None
    gate = gate_of(past)
    champion = GAMMA if fit is not None and gate.beats(LEVEL) else TICKER_MEAN
    forecast = past[GAMMA if champion == GAMMA else "mean_all"].to_numpy()
    ratios = past["size"].to_numpy() / forecast
    ratios = ratios[np.isfinite(ratios)]
    return MoveFold(
        fit,
        champion,
        {name: float(np.quantile(ratios, at)) for name, at in QUANTILES.items()}
        if len(ratios) >= FEWEST_RATIOS
        else {},
        {name: mean for name in SCALED if (mean := _constant(usable, name)) is not None},
        gate,
    )


def out_of_sample(events: pl.DataFrame, memo: Memo) -> pl.DataFrame:
    """`events` with `gamma`: the forecast at its anchor by the model of its month, or null."""
    known_on = events["known_on"].to_numpy()
    inputs = events.select(INPUTS).to_numpy()
    made = np.full(events.height, np.nan)
    months = events["anchor"].dt.truncate("1mo").to_numpy()
    for month in np.unique(months):
        count = int(np.searchsorted(known_on, month))
        if count >= FEWEST_EVENTS:
            rows = months == month
            made[rows] = predict_gamma(_fitted(events, count, memo), inputs[rows])
    return events.with_columns(pl.Series(GAMMA, made).fill_nan(None))


def gate_of(past: pl.DataFrame) -> PairedTest:
    """Gamma against the ticker's mean, by the mean loss of each quarter."""
    both = past.drop_nulls(GAMMA)
    by_quarter = (
        both.with_columns(
            quarter=pl.col("known_on").dt.truncate("1q"),
            loss=pl.Series(losses(both["size"].to_numpy(), both[GAMMA].to_numpy())),
            naive=pl.Series(losses(both["size"].to_numpy(), both["mean_all"].to_numpy())),
        )
        .group_by("quarter")
        .agg(pl.col("loss", "naive").mean())
        .sort("quarter")
    )
    return paired_test(by_quarter["loss"].to_numpy(), by_quarter["naive"].to_numpy())


def digest_of(events: pl.DataFrame) -> str:
    """A hash of all rows, inputs and targets, in their order."""
    return hashlib.sha256(_row_bytes(events)).hexdigest()


def _fitted(events: pl.DataFrame, count: int, memo: Memo) -> dict[str, Any]:
    """The regression on the first `count` rows."""
    first = events.head(count)
    key = hashlib.sha256(_row_bytes(first)).digest()
    if key not in memo:
        memo[key] = fit_gamma(first.select(INPUTS).to_numpy(), first["size"].to_numpy())
    return memo[key]


def _row_bytes(events: pl.DataFrame) -> bytes:
    keys = events.select("ticker", pl.col("anchor", "known_on").cast(pl.String))
    numbers = events.select("size", *INPUTS, "vix").fill_null(float("nan")).to_numpy()
    return repr(keys.rows()).encode() + np.ascontiguousarray(numbers).tobytes()


def _constant(events: pl.DataFrame, name: str) -> float | None:
    """The mean of |move| over a volatility a day: the scale with the lowest loss."""
    known = events.drop_nulls(name).filter(pl.col(name) > 0.0)
    if known.height < FEWEST_RATIOS:
        return None
    sizes: Floats = np.maximum(known["size"].to_numpy(), SMALLEST)
    return float(np.mean(sizes / known[name].to_numpy()))
