"""The research page of the report: pure functions from stored rows to table rows and plots."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from options_platform.models.evaluation.scores import REACTIONS
from options_platform.models.promotion import DEFAULT, contenders, reigning
from options_platform.models.selection.candidates import FAMILIES, WITHOUT
from options_platform.models.selection.importance import importance_stability, overall_importance
from options_platform.models.study.luck import luck
from options_platform.models.study.model_study import SHIPPED
from options_platform.reporting import figures

Rows = list[dict[str, Any]]

MAIN_METRICS = {
    "direction": ("auc_macro", "auc_bull_vs_bear", "log_loss", "brier", "accuracy_top"),
    "iv_rank": ("rmse", "mae", "skill", "change_sign"),
}
PLOTTED = {
    "direction": ("auc_macro", "AUC, one versus rest"),
    "iv_rank": ("skill", "skill over persistence"),
}
SHOWN_INPUTS = 15


def research_section(
    scores: pl.DataFrame,
    importance: pl.DataFrame,
    trials: pl.DataFrame,
    folds: pl.DataFrame,
    champions: pl.DataFrame,
) -> dict[str, Any]:
    """The content of the page, by target.

    Args:
        scores: rows of `model_scores`.
        importance: rows of `model_importance`.
        trials: rows of `trials`.
        folds: rows of `trial_folds`.
        champions: rows of `champions`.
    """
    return {
        target: {
            "champion": reigning(champions, target),
            "models": model_rows(scores, target),
            "by_ticker": cut_rows(scores, target, "ticker"),
            "by_year": cut_rows(scores, target, "year"),
            "by_regime": cut_rows(scores, target, "regime"),
            "by_age": cut_rows(scores, target, "age"),
            "by_reaction": cut_rows(scores, target, "reaction"),
            "realised": other_rows(scores, target),
            "importance": importance_rows(importance, target),
            "stability": stability_rows(importance, target),
            "trials": trial_rows(trials, folds, champions, target),
            "families": family_rows(trials, folds, champions, target),
            "final": final_rows(trials, target),
            "luck": luck_row(trials, folds, champions, target),
            "plots": plots(scores, importance, target),
        }
        for target in SHIPPED
    }


def model_rows(scores: pl.DataFrame, target: str) -> Rows:
    """Scores of each model over all tickers and years: model, metric, value, low, high, ..."""
    return _shown(
        scores.filter(
            (pl.col("target") == target)
            & (pl.col("ticker") == "ALL")
            & (pl.col("period") == "all")
            & pl.col("metric").is_in(MAIN_METRICS[target])
        ).sort(pl.col("model") != SHIPPED[target], "model", maintain_order=True)
    )


def cut_rows(scores: pl.DataFrame, target: str, cut: str) -> Rows:
    """The shipped model's scores by `ticker`, `year`, `regime`, `age` or `reaction`."""
    period = pl.col("period")
    together = pl.col("ticker") == "ALL"
    chosen = {
        "ticker": (period == "all") & ~together,
        "year": together & period.str.contains(r"^\d{4}$"),
        "regime": together & period.str.starts_with("regime "),
        "age": together & period.str.starts_with("sessions "),
        "reaction": together & period.is_in([*REACTIONS.values()]),
    }[cut]
    return _shown(
        scores.filter(
            (pl.col("target") == target)
            & (pl.col("model") == SHIPPED[target])
            & pl.col("metric").is_in(MAIN_METRICS[target])
            & chosen
        ).sort("metric", "ticker", "period")
    )


def plots(scores: pl.DataFrame, importance: pl.DataFrame, target: str) -> dict[str, str]:
    """Plots of the main score by year, regime and age, and of the inputs' importance.

    Data URIs by name; a plot without rows is left out.
    """
    metric, label = PLOTTED[target]
    uris = {}
    for cut in ("year", "regime", "age"):
        rows = [row for row in cut_rows(scores, target, cut) if row["metric"] == metric]
        if rows:
            uris[cut] = figures.data_uri(figures.score_intervals(rows, label))
    of_target = importance.filter(pl.col("target") == target)
    if of_target.height:
        uris["importance"] = figures.data_uri(figures.importance(overall_importance(of_target)))
        uris["stability"] = figures.data_uri(figures.importance_by_fold(of_target))
    return uris


def other_rows(scores: pl.DataFrame, target: str) -> Rows:
    """Further scores of the volatility model: realised volatility and regime shifts."""
    other = ("qlike", "rv_rmse", "shift_brier", "shift_skill", "shift_auc")
    return _shown(
        scores.filter(
            (pl.col("target") == target)
            & (pl.col("ticker") == "ALL")
            & (pl.col("period") == "all")
            & pl.col("metric").is_in(other)
        ).sort("metric", "model")
    )


def importance_rows(importance: pl.DataFrame, target: str) -> Rows:
    """The inputs with the largest importance over the newest folds."""
    of_target = importance.filter(pl.col("target") == target)
    return overall_importance(of_target).head(SHOWN_INPUTS).to_dicts() if of_target.height else []


def stability_rows(importance: pl.DataFrame, target: str) -> Rows:
    """Rank correlation of each year's importance with that of the year before."""
    of_target = importance.filter(pl.col("target") == target)
    return importance_stability(of_target).to_dicts() if of_target.height else []


def trial_rows(
    trials: pl.DataFrame, folds: pl.DataFrame, champions: pl.DataFrame, target: str
) -> Rows:
    """The trials on the champion's data, best first, with their paired tests."""
    return [
        {
            "model": each.model,
            "loss": each.loss,
            "naive_loss": each.naive_loss,
            "p_naive": each.against_naive.p_value,
            "p_champion": each.against_champion.p_value,
            "folds": each.against_naive.folds,
        }
        for each in _contenders(trials, folds, champions, target)
    ]


def family_rows(
    trials: pl.DataFrame, folds: pl.DataFrame, champions: pl.DataFrame, target: str
) -> Rows:
    """Loss of the shipped default without each family of features: family, loss, cost.

    Cost is the increase of the loss. Empty unless `research` tried the default and its ablations
    on the champion's data.
    """
    by_model = {each.model: each for each in _contenders(trials, folds, champions, target)}
    if DEFAULT[target] not in by_model:
        return []
    full_loss = by_model[DEFAULT[target]].loss
    without = {family: by_model.get(f"{WITHOUT}{family}") for family in FAMILIES}
    return [
        {"family": family, "loss": each.loss, "cost": each.loss - full_loss}
        for family, each in without.items()
        if each is not None
    ]


def final_rows(trials: pl.DataFrame, target: str) -> Rows:
    """Each scoring on the years reserved for a single one, oldest first."""
    final = trials.filter((pl.col("target") == target) & (pl.col("purpose") == "final"))
    return [
        {**row, "scores": json.loads(row["scores"])}
        for row in final.sort("tried_at").iter_rows(named=True)
    ]


def luck_row(
    trials: pl.DataFrame, folds: pl.DataFrame, champions: pl.DataFrame, target: str
) -> dict[str, float]:
    """Number of trials, deflated Sharpe ratio and probability of overfitting of the choice."""
    tried = _contenders(trials, folds, champions, target)
    return luck(trials, folds, [each.trial_id for each in tried]) if tried else {}


def _contenders(
    trials: pl.DataFrame, folds: pl.DataFrame, champions: pl.DataFrame, target: str
) -> list[Any]:
    # Scores on the reserved years must not influence the choice.
    choosing = trials.filter(pl.col("purpose") == "choice")
    return contenders(choosing, folds, target, reigning(champions, target))


def _shown(scores: pl.DataFrame) -> Rows:
    return scores.select(
        "model", "ticker", "period", "metric", "value", "low", "high", "baseline", "n"
    ).to_dicts()
