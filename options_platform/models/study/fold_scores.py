"""How a model fared month by month beside the naive forecast."""

from __future__ import annotations

import polars as pl

from options_platform.models.monitoring.health import fold_losses


def fold_scores(
    predictions: pl.DataFrame, labels: pl.DataFrame, *, target: str, model: str, naive: str
) -> pl.DataFrame:
    """Loss and skill of each fold, in the order of their months, on the rows of both forecasts.

    Columns fold, rows, loss and naive_loss (mean log loss for direction, mean squared error for
    iv_rank), skill (1 - loss / naive_loss of the month) and skill_to_date (of all months so far,
    each row with equal weight). Skill is null where the naive loss is 0.

    Args:
        predictions: rows of `model_predictions`.
        labels: rows of `labels` that are known.
        target: direction or iv_rank.
        model: name of the model.
        naive: name of its naive forecast.
    """
    keys = ["date", "ticker", "fold"]
    predicted = "p_neutral" if target == "direction" else "iv_rank_pred"
    ours = predictions.filter(pl.col("model") == model, pl.col(predicted).is_not_null())
    rows = pl.concat([ours, predictions.filter(model=naive).join(ours, on=keys, how="semi")])
    losses = fold_losses(rows, labels, target)
    theirs = losses.filter(model=naive).select("fold", naive_loss="loss")
    by_fold = losses.filter(model=model).join(theirs, on="fold").sort("fold")
    total, naive_total = (
        (pl.col("rows") * pl.col(name)).cum_sum() for name in ("loss", "naive_loss")
    )
    return by_fold.select(
        "fold",
        "rows",
        "loss",
        "naive_loss",
        skill=_skill(pl.col("loss"), pl.col("naive_loss")),
        skill_to_date=_skill(total, naive_total),
    )


def _skill(loss: pl.Expr, naive_loss: pl.Expr) -> pl.Expr:
    return pl.when(naive_loss > 0).then(1 - loss / naive_loss)
