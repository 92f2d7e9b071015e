"""Performance targets and thresholds of the models, met or missed by the shipped ones."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from options_platform.models.evaluation.scores import ALL, HALVES


class Target(NamedTuple):
    """A bound that a metric of a shipped model should meet."""

    model: str
    metric: str
    sign: str
    bound: float
    text: str


TARGETS = (
    Target("direction", "auc_macro", ">", 0.55, "direction: AUC, one versus rest"),
    Target("direction", "auc_macro", ">", 0.52, "direction: AUC, threshold"),
    Target("direction", "accuracy", ">", 0.40, "direction: accuracy of three classes"),
    Target("direction", "accuracy_top", ">", 0.55, "direction: accuracy of the surest fifth"),
    Target("volatility", "rmse", "<", 0.15, "IV rank: RMSE"),
    Target("volatility", "rmse", "<", 0.20, "IV rank: RMSE, threshold"),
    Target("volatility", "mae", "<", 0.10, "IV rank: MAE"),
    Target("volatility", "change_sign", ">", 0.55, "IV rank: sign of the change"),
)

SIGNS: dict[str, Callable[[float, float], bool]] = {">": operator.gt, "<": operator.lt}

TARGETS_SCHEMA = pl.Schema(
    {
        "target": pl.String,
        "wanted": pl.String,
        "period": pl.String,
        "value": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "baseline": pl.Float64,
        "met": pl.Boolean,
        "better": pl.Boolean,
    }
)


def targets(direction: pl.DataFrame, volatility: pl.DataFrame) -> pl.DataFrame:
    """The targets, met or missed by the shipped models over all tickers.

    If there are predictions of both, the years on which the models were chosen and the years after
    them are judged separately, since the former flatter the chosen models. Columns: target (text),
    wanted (text), period, value, low, high, baseline, met, better (than the naive baseline).
    """
    rows = []
    for target in TARGETS:
        scores = direction if target.model == "direction" else volatility
        of_metric = scores.filter(
            (pl.col("model") == target.model)
            & (pl.col("ticker") == ALL)
            & (pl.col("metric") == target.metric)
        )
        halves = of_metric.filter(pl.col("period").is_in(HALVES))
        beats = SIGNS[target.sign]
        rows += [
            {
                "target": target.text,
                "wanted": f"{target.sign} {target.bound:g}",
                **{name: row[name] for name in ("period", "value", "low", "high", "baseline")},
                "met": beats(row["value"], target.bound),
                "better": beats(row["value"], row["baseline"]),
            }
            for row in (halves if halves.height else of_metric.filter(period="all")).to_dicts()
        ]
    return pl.DataFrame(rows, schema=TARGETS_SCHEMA)
