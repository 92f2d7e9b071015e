"""The chance that a sold spread ends at its stop, by what was known when it was planned.

Each calendar year is predicted by a logit that was fitted on the spreads closed before it: an
outcome is learned from only once it has happened, and the window grows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.models.linear import fit_logit, predict_logit

INPUTS = (
    "log_vix", "iv_rank", "har_rv_rank", "vrp_percentile", "vix_to_mean_10", "credit_share",
)  # fmt: skip
"""What is known at entry: the market, and the credit as a share of the width."""
FORECASTS = ("p_stop", "p_naive", "p_rank")
FEWEST_TRADES, FEWEST_STOPS = 100, 10
INVERSE_PENALTY = 0.1
BLOCK_DATES = 13
"""Days of plans a block of the bootstrap: weekly plans of a quarter, longer than any trade."""


@dataclass(frozen=True)
class StopScores:
    """How well stops were forecast, out of sample, with 95% intervals by bootstrap.

    `gain` is the log loss of the naive forecast, the share of stops so far, less that of the model,
    in nats; `auc` is 0.5 for the naive one.
    """

    trades: int
    stops: int
    auc: tuple[float, float, float]
    log_loss: float
    naive_log_loss: float
    gain: tuple[float, float, float]

    def __str__(self) -> str:
        area, gain = (
            f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, low, high in (self.auc, self.gain)
        )
        return (
            f"{self.trades} trades, {self.stops} of them stopped: AUC {area}, log loss "
            f"{self.log_loss:.4f} against {self.naive_log_loss:.4f} of the share of stops so far, "
            f"a gain of {gain}"
        )


def stop_forecasts(trades: pl.DataFrame) -> pl.DataFrame:
    """`trades` with `p_stop`, `p_naive` and `p_rank`.

    `p_naive` is the share of stops among the trades that the logit was fitted on, `p_rank` the
    share of these that it gave a smaller chance of a stop. All are null in years before enough
    trades had closed, or had been stopped, and where an input is not known.

    Args:
        trades: one row for each planned spread: the date of its plan, closed_on and stopped (null
            where it was never opened, or is still open), and `INPUTS`.
    """
    rows = trades.with_columns(pl.col(INPUTS).fill_nan(None))
    parts = [
        _forecast(rows.filter(pl.col("date").dt.year() == year), _closed_before(rows, year))
        for year in rows["date"].dt.year().unique().sort()
    ]
    nothing = rows.clear().with_columns(pl.lit(None, pl.Float64).alias(name) for name in FORECASTS)
    return pl.concat([nothing, *parts])


def score_stops(forecasts: pl.DataFrame) -> StopScores | None:
    """The scores of all forecasts whose trades have ended; None unless both outcomes occur."""
    rows = forecasts.drop_nulls(("p_stop", "stopped")).sort("date")
    stopped = rows["stopped"].to_numpy().astype(np.bool_)
    if stopped.all() or not stopped.any():
        return None
    weights = metrics.block_weights(rows["date"].to_numpy(), block=BLOCK_DATES)
    chance, naive = (rows[name].to_numpy() for name in ("p_stop", "p_naive"))
    own, base = (_log_losses(values, stopped) for values in (chance, naive))
    return StopScores(
        trades=rows.height,
        stops=int(stopped.sum()),
        auc=metrics.interval(metrics.auc(chance, stopped, weights)),
        log_loss=float(own.mean()),
        naive_log_loss=float(base.mean()),
        gain=metrics.interval(metrics.mean(base - own, weights)),
    )


def _closed_before(rows: pl.DataFrame, year: int) -> pl.DataFrame:
    """The trades that had closed before a year began, with all inputs."""
    ended = pl.col("closed_on") < date(year, 1, 1)
    return rows.filter(ended).drop_nulls(("stopped", *INPUTS))


def _forecast(rows: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    stopped = past["stopped"].to_numpy().astype(np.int64)
    if past.height < FEWEST_TRADES or stopped.sum() < FEWEST_STOPS:
        return rows.with_columns(pl.lit(None, pl.Float64).alias(name) for name in FORECASTS)
    fit = fit_logit(_matrix(past), stopped, classes=2, inverse_penalty=INVERSE_PENALTY)
    earlier = np.sort(predict_logit(fit, _matrix(past))[:, 1])
    chance = predict_logit(fit, _matrix(rows))[:, 1]
    is_known = np.isfinite(chance)
    share = np.full(len(chance), float(stopped.mean()))
    rank = np.searchsorted(earlier, chance, side="left") / len(earlier)
    values = zip(FORECASTS, (chance, share, rank), strict=True)
    return rows.with_columns(
        pl.Series(name, np.where(is_known, each, np.nan)).fill_nan(None) for name, each in values
    )


def _matrix(rows: pl.DataFrame) -> Floats:
    return rows.select(pl.col(INPUTS).cast(pl.Float64).fill_null(float("nan"))).to_numpy()


def _log_losses(chance: Floats, stopped: metrics.Bools) -> Floats:
    both = np.column_stack([1.0 - chance, chance])
    return metrics.log_losses(both, stopped.astype(np.int64))
