"""How good the predictions were: out of sample, with the naive baseline and an interval beside.

A baseline is scored on the very rows of the model that it stands beside.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from options_platform.contracts import DIRECTIONS
from options_platform.domain import metrics
from options_platform.models.dataset import Floats, Rows
from options_platform.models.direction import PROBABILITIES

ALL = "ALL"
LAST_YEAR_OF_CHOICE = 2020
TOP_SHARE = 0.2
BINS = 10

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
"""One score; `low` and `high` bound its 95% interval, `baseline` is the naive score beside it."""

TARGETS = (
    ("direction", "auc_macro", ">", 0.55, "direction: AUC, one versus rest"),
    ("direction", "accuracy", ">", 0.40, "direction: accuracy of three classes"),
    ("direction", "accuracy_top", ">", 0.55, "direction: accuracy of the surest fifth of calls"),
    ("volatility", "rmse", "<", 0.15, "IV rank: RMSE"),
    ("volatility", "mae", "<", 0.10, "IV rank: MAE"),
    ("volatility", "change_sign", ">", 0.55, "IV rank: sign of the change"),
)


def evaluate_direction(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Scores of each model of `model_predictions` with target direction, :data:`SCORES_SCHEMA`.

    Args:
        predictions: rows of `model_predictions`; those without a known label, or
            without the prior's on the same day, are left out.
        labels: rows of `labels`.
    """
    known = _joined(predictions, labels, "direction", "p_neutral", "direction")
    prior = known.filter(pl.col("model") == "prior").select("date", "ticker", *PROBABILITIES)
    known = known.join(prior, on=["date", "ticker"], how="inner", suffix="_prior")
    scores = [
        row
        for keys, part in _slices(known)
        for row in _direction_scores(part, with_interval=keys[0] != "prior", keys=keys)
    ]
    return _frame(scores)


def evaluate_volatility(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Scores of each model of `model_predictions` with target iv_rank, :data:`SCORES_SCHEMA`."""
    known = _joined(predictions, labels, "iv_rank", "iv_rank_pred", "fwd_iv_rank_5d")
    today = known.filter(pl.col("model") == "persistence").select(
        "date", "ticker", today="iv_rank_pred"
    )
    known = known.join(today, on=["date", "ticker"], how="inner")
    scores = [row for keys, part in _slices(known) for row in _volatility_scores(part, keys=keys)]
    return _frame(scores)


def targets(direction: pl.DataFrame, volatility: pl.DataFrame) -> pl.DataFrame:
    """The plan's targets, met or missed by the shipped models over all tickers and years.

    Columns: target (a sentence), wanted (text), value, low, high, baseline, met,
    better (than the naive baseline).
    """
    rows = []
    for model, metric, sign, bound, text in TARGETS:
        scores = direction if model == "direction" else volatility
        found = scores.filter(
            (pl.col("model") == model)
            & (pl.col("ticker") == ALL)
            & (pl.col("period") == "all")
            & (pl.col("metric") == metric)
        )
        if found.height:
            row = found.row(0, named=True)
            met = row["value"] > bound if sign == ">" else row["value"] < bound
            naive = row["baseline"]
            better = row["value"] > naive if sign == ">" else row["value"] < naive
            rows.append(
                {
                    "target": text,
                    "wanted": f"{sign} {bound:g}",
                    **{name: row[name] for name in ("value", "low", "high", "baseline")},
                    "met": met,
                    "better": better,
                }
            )
    schema = {
        "target": pl.String,
        "wanted": pl.String,
        **dict.fromkeys(("value", "low", "high", "baseline"), pl.Float64),
        "met": pl.Boolean,
        "better": pl.Boolean,
    }
    return pl.DataFrame(rows, schema=schema)


def calibration_curve(predictions: pl.DataFrame, labels: pl.DataFrame) -> pl.DataFrame:
    """Mean probability and observed frequency by decile of probability.

    Columns: model, class, bin, mean_p, frequency, n.
    """
    known = _joined(predictions, labels, "direction", "p_neutral", "direction")
    long = pl.concat(
        [
            known.select(
                "model",
                pl.lit(name).alias("class"),
                p=pl.col(f"p_{name}"),
                hit=(pl.col("target_value") == name),
            )
            for name in DIRECTIONS
        ]
    )
    bin_of = (pl.col("p") * BINS).floor().clip(0, BINS - 1).cast(pl.Int32)
    return (
        long.group_by("model", "class", bin=bin_of)
        .agg(mean_p=pl.col("p").mean(), frequency=pl.col("hit").mean(), n=pl.len())
        .sort("model", "class", "bin")
    )


def headline(scores: pl.DataFrame, model: str) -> dict[str, float]:
    """The scores of one model over all tickers and years, and its baselines, by name."""
    chosen = scores.filter(
        (pl.col("model") == model) & (pl.col("ticker") == ALL) & (pl.col("period") == "all")
    )
    found: dict[str, float] = {}
    for row in chosen.iter_rows(named=True):
        found[row["metric"]] = row["value"]
        if row["baseline"] is not None:
            found[f"{row['metric']} baseline"] = row["baseline"]
    return found


def _joined(
    predictions: pl.DataFrame, labels: pl.DataFrame, target: str, value: str, label: str
) -> pl.DataFrame:
    return (
        predictions.filter((pl.col("target") == target) & pl.col(value).is_not_null())
        .join(
            labels.select("date", "ticker", target_value=pl.col(label)),
            on=["date", "ticker"],
            how="inner",
        )
        .filter(pl.col("target_value").is_not_null())
        .sort("model", "date", "ticker")
    )


def _slices(known: pl.DataFrame) -> Iterator[tuple[tuple[str, str, str], pl.DataFrame]]:
    """Each model's rows, by ticker and together, over all years and both halves."""
    early = pl.col("date").dt.year() <= LAST_YEAR_OF_CHOICE
    periods = {
        "all": pl.lit(value=True),
        f"to {LAST_YEAR_OF_CHOICE}": early,
        f"{LAST_YEAR_OF_CHOICE + 1} on": ~early,
    }
    tickers = known["ticker"].unique().sort().to_list()
    for model in known["model"].unique(maintain_order=True):
        for ticker in [*tickers, ALL]:
            rows = known.filter(pl.col("model") == model)
            rows = rows if ticker == ALL else rows.filter(pl.col("ticker") == ticker)
            for period, condition in periods.items():
                part = rows.filter(condition)
                if part.height and (period == "all" or part.height < rows.height):
                    yield (model, ticker, period), part


def _direction_scores(
    part: pl.DataFrame, *, with_interval: bool, keys: tuple[str, str, str]
) -> Iterator[dict[str, object]]:
    target = _classes(part)
    p = _probabilities(part)
    prior = part.select([f"{name}_prior" for name in PROBABILITIES]).to_numpy()
    weights = metrics.block_weights(
        part["date"].to_numpy().astype("datetime64[D]"),
        draws=metrics.DRAWS if with_interval else 0,
    )
    right = (p.argmax(axis=1) == target).astype(np.float64)
    moved = target != 1
    bull_share = p[moved, 2] / np.maximum(p[moved, 0] + p[moved, 2], 1e-12)
    top = _surest(p)
    one_vs_rest = [metrics.auc(p[:, k], target == k, weights) for k in range(3)]
    found: list[tuple[str, Floats, float | None]] = [
        ("auc_macro", np.mean(one_vs_rest, axis=0), 0.5),
        *((f"auc_{name}", one_vs_rest[k], 0.5) for k, name in enumerate(DIRECTIONS)),
        ("auc_bull_vs_bear", metrics.auc(bull_share, target[moved] == 2, weights[:, moved]), 0.5),
        (
            "log_loss",
            metrics.mean(metrics.log_losses(p, target), weights),
            float(metrics.log_losses(prior, target).mean()),
        ),
        (
            "accuracy",
            metrics.mean(right, weights),
            float((prior.argmax(axis=1) == target).mean()),
        ),
        (
            "accuracy_top",
            metrics.mean(right[top], weights[:, top]),
            float((prior.argmax(axis=1) == target)[top].mean()),
        ),
        ("fold_mean_auc", np.array([_fold_mean_auc(part, p, target)]), 0.5),
        (
            "calibration_error",
            np.array([metrics.calibration_error(p, target)]),
            metrics.calibration_error(prior, target),
        ),
        ("neutral_share", np.array([float((p.argmax(axis=1) == 1).mean())]), None),
    ]
    for metric, draws, baseline in found:
        yield _score(keys, metric, draws, baseline, part.height)


def _volatility_scores(
    part: pl.DataFrame, *, keys: tuple[str, str, str]
) -> Iterator[dict[str, object]]:
    predicted = part["iv_rank_pred"].to_numpy()
    actual = part["target_value"].to_numpy()
    today = part["today"].to_numpy()
    weights = metrics.block_weights(part["date"].to_numpy().astype("datetime64[D]"))
    error, naive = predicted - actual, today - actual
    moved = (actual != today) & (predicted != today)
    sign = (np.sign(predicted - today) == np.sign(actual - today)).astype(np.float64)
    up = float((actual > today)[actual != today].mean()) if (actual != today).any() else 0.5
    found: list[tuple[str, Floats, float | None]] = [
        (
            "rmse",
            np.sqrt(metrics.mean(error**2, weights)),
            float(np.sqrt((naive**2).mean())),
        ),
        ("mae", metrics.mean(np.abs(error), weights), float(np.abs(naive).mean())),
    ]
    if moved.any():
        found.append(
            ("change_sign", metrics.mean(sign[moved], weights[:, moved]), max(up, 1.0 - up))
        )
    for metric, draws, baseline in found:
        yield _score(keys, metric, draws, baseline, part.height)


def _score(
    keys: tuple[str, str, str], metric: str, draws: Floats, baseline: float | None, n: int
) -> dict[str, object]:
    value, low, high = metrics.interval(draws)
    model, ticker, period = keys
    return {
        "model": model,
        "ticker": ticker,
        "period": period,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "baseline": baseline,
        "n": n,
    }


def _fold_mean_auc(part: pl.DataFrame, p: Floats, target: Rows) -> float:
    """Mean over the folds in which every class happened."""
    scores = []
    folds = part["fold"].to_numpy()
    for fold in np.unique(folds):
        rows = folds == fold
        if len(np.unique(target[rows])) == len(DIRECTIONS):
            scores.append(metrics.macro_auc(p[rows], target[rows], np.ones((1, rows.sum())))[0])
    return float(np.mean(scores)) if scores else float("nan")


def _surest(p: Floats) -> Rows:
    count = max(1, round(TOP_SHARE * len(p)))
    return np.argsort(-p.max(axis=1), kind="stable")[:count]


def _classes(part: pl.DataFrame) -> Rows:
    numbers = {name: number for number, name in enumerate(DIRECTIONS)}
    found = part["target_value"].replace_strict(numbers, return_dtype=pl.Int64)
    return np.asarray(found.to_numpy(), dtype=np.int64)


def _probabilities(part: pl.DataFrame) -> Floats:
    return np.asarray(part.select(PROBABILITIES).to_numpy(), dtype=np.float64)


def _frame(scores: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(scores, schema=SCORES_SCHEMA).with_columns(
        pl.col("value", "low", "high", "baseline").fill_nan(None)
    )
