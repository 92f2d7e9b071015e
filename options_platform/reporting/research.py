"""The research page of the report: pure functions from stored rows to rows and plots to show.

Tables are plain dictionaries in the order of the page.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

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
    """Everything of the page, by target.

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
    """Each model over all tickers and years: model, metric, value, low, high, baseline, n."""
    return _shown(
        scores.filter(
            (pl.col("target") == target)
            & (pl.col("ticker") == "ALL")
            & (pl.col("period") == "all")
            & pl.col("metric").is_in(MAIN_METRICS[target])
        ).sort(pl.col("model") != SHIPPED[target], "model", maintain_order=True)
    )


def cut_rows(scores: pl.DataFrame, target: str, cut: str) -> Rows:
    """The shipped model's scores by `ticker`, `year`, `regime` or `age`."""
    period = pl.col("period")
    together = pl.col("ticker") == "ALL"
    chosen = {
        "ticker": (period == "all") & ~together,
        "year": together & period.str.contains(r"^\d{4}$"),
        "regime": together & period.str.starts_with("regime "),
        "age": together & period.str.starts_with("sessions "),
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
    """The main score by year, regime and age of the model, and the importance of the inputs.

    Addresses of pictures by name; what has no rows is left out.
    """
    metric, label = PLOTTED[target]
    found = {}
    for cut in ("year", "regime", "age"):
        rows = [row for row in cut_rows(scores, target, cut) if row["metric"] == metric]
        if rows:
            found[cut] = figures.data_uri(figures.score_intervals(rows, label))
    own = importance.filter(pl.col("target") == target)
    if own.height:
        found["importance"] = figures.data_uri(figures.importance(overall_importance(own)))
        found["stability"] = figures.data_uri(figures.importance_by_fold(own))
    return found


def other_rows(scores: pl.DataFrame, target: str) -> Rows:
    """What comes with the volatility model: realised volatility and regime shifts."""
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
    """The most important inputs over the newest folds."""
    own = importance.filter(pl.col("target") == target)
    return overall_importance(own).head(SHOWN_INPUTS).to_dicts() if own.height else []


def stability_rows(importance: pl.DataFrame, target: str) -> Rows:
    """How much a year's importance resembles that of the year before."""
    own = importance.filter(pl.col("target") == target)
    return importance_stability(own).to_dicts() if own.height else []


def trial_rows(
    trials: pl.DataFrame, folds: pl.DataFrame, champions: pl.DataFrame, target: str
) -> Rows:
    """The trials that are comparable with the champion's, best first, with the paired tests."""
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
    """What the shipped default loses without each family of features: family, loss, cost.

    Empty unless `research` tried the default and its ablations on the champion's data.
    """
    found = {each.model: each for each in _contenders(trials, folds, champions, target)}
    if DEFAULT[target] not in found:
        return []
    whole = found[DEFAULT[target]].loss
    without = {family: found.get(f"{WITHOUT}{family}") for family in FAMILIES}
    return [
        {"family": family, "loss": each.loss, "cost": each.loss - whole}
        for family, each in without.items()
        if each is not None
    ]


def final_rows(trials: pl.DataFrame, target: str) -> Rows:
    """Each look at the years that are kept for one, the first one first."""
    final = trials.filter((pl.col("target") == target) & (pl.col("purpose") == "final"))
    return [
        {**row, "scores": json.loads(row["scores"])}
        for row in final.sort("tried_at").iter_rows(named=True)
    ]


def luck_row(
    trials: pl.DataFrame, folds: pl.DataFrame, champions: pl.DataFrame, target: str
) -> dict[str, float]:
    """Number of trials, deflated Sharpe ratio and probability of overfitting of the choice."""
    found = _contenders(trials, folds, champions, target)
    return luck(trials, folds, [each.trial_id for each in found]) if found else {}


def _contenders(
    trials: pl.DataFrame, folds: pl.DataFrame, champions: pl.DataFrame, target: str
) -> list[Any]:
    # Years that were scored once must not choose.
    choosing = trials.filter(pl.col("purpose") == "choice")
    return contenders(choosing, folds, target, reigning(champions, target))


def _shown(scores: pl.DataFrame) -> Rows:
    return scores.select(
        "model", "ticker", "period", "metric", "value", "low", "high", "baseline", "n"
    ).to_dicts()
