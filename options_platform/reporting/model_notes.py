"""The descriptions of MLflow's runs and registered models, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import polars as pl

from options_platform.formats import cell
from options_platform.models.evaluation import ALL

TITLES = {
    "direction": "Direction of the next 5 sessions",
    "iv_rank": "IV rank in 5 sessions",
}
NAIVE_NAMES = {
    "direction": "the class frequencies so far",
    "iv_rank": "today's rank (persistence)",
}
LOWER_IS_BETTER = frozenset(
    {"log_loss", "brier", "calibration_error", "rmse", "mae", "qlike", "shift_brier", "rv_rmse"}
)
SHOWN = {
    "direction": (
        "log_loss", "auc_macro", "auc_bull_vs_bear", "accuracy", "accuracy_top",
        "calibration_error",
    ),
    "iv_rank": ("rmse", "mae", "skill", "change_sign", "shift_brier"),
}  # fmt: skip
"""The metrics of each target's table, in its order."""


def registered_note(target: str) -> str:
    """What a registered model predicts, from what, and what its aliases mean."""
    predicts = {
        "direction": "The probabilities that the close in 5 sessions is more than 1% lower "
        "(`p_bearish`), within 1% (`p_neutral`) or more than 1% higher (`p_bullish`).",
        "iv_rank": "The IV rank in 5 sessions (0 to 1), the realised volatility expected until "
        "then (annualised fraction), and the probability that the regime differs.",
    }
    return (
        f"{predicts[target]} Input: one row of the table `features` per session and ticker. A "
        "version is the model of the newest month; `champion` is the one that plans are made "
        "with, `previous` the one that a rollback brings back. Columns of other models in the "
        "output are naive forecasts and baselines."
    )


def version_note(
    scores: pl.DataFrame, target: str, model: str, *, variant: str, fold: dict[str, Any]
) -> str:
    """What a version was trained on, and how its walk-forward scored in the last backfill.

    `fold` is its row of `model_folds`.
    """
    trained = (
        f"{variant}, the model of {fold['fold']}: trained on {fold['train_rows']:,} rows up to "
        f"{fold['train_end']} ({fold['model_id']}). Walk-forward of the last backfill, out of "
        "sample:"
    )
    return f"{trained}\n\n{score_table(scores, target, model)}"


class WalkNote(NamedTuple):
    """The parts of a description, so that scores of several models can precede all plots."""

    scores: str
    plots: str

    def __str__(self) -> str:
        return together([self])


def together(notes: Iterable[WalkNote]) -> str:
    """One description of several models: first all scores, then all plots."""
    every = list(notes)
    parts = [*(note.scores for note in every), *(note.plots for note in every)]
    return "\n\n".join(part for part in parts if part)


def walk_note(
    scores: pl.DataFrame,
    target: str,
    model: str,
    *,
    variant: str,
    months: tuple[str, str],
    images: dict[str, str],
    links: dict[str, str],
) -> WalkNote:
    """How a walk-forward scored beside the naive forecast, with its plots and further pages.

    Args:
        scores: rows of `model_scores` of the target.
        target: direction or iv_rank.
        model: the shipped model's name.
        variant: its champion.
        months: first and last scored month.
        images: addresses of plots, by title.
        links: addresses of pages, by title.
    """
    scored = (
        f"**{TITLES[target]}**, champion {variant}, out of sample {' to '.join(months)}, all "
        f"tickers. Naive: {NAIVE_NAMES[target]}."
    )
    pages = " | ".join(f"[{title}]({address})" for title, address in links.items())
    plots = [f"![{title}]({address})" for title, address in images.items()]
    return WalkNote(
        "\n\n".join([scored, score_table(scores, target, model), pages]),
        "\n\n".join([f"**{TITLES[target]}**", *plots]) if plots else "",
    )


def score_table(scores: pl.DataFrame, target: str, model: str) -> str:
    """Each score beside its 95% interval and that of the naive forecast, and which is better."""
    shown = {
        row["metric"]: row
        for row in scores.filter(model=model, ticker=ALL, period="all").iter_rows(named=True)
        if row["value"] is not None
    }
    lines = [
        "| Score | Model | 95% interval | Naive | Better? |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name in SHOWN[target]:
        if name in shown:
            row = shown[name]
            value, low, high, naive = (
                cell(row[key], key, digits=4) for key in ("value", "low", "high", "baseline")
            )
            lines.append(_line((name, value, f"{low} to {high}", naive, verdict(row))))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    """A line of a table; MLflow shows tables without space between the columns."""
    return f"| {' &emsp; | '.join(cells)} |"


def verdict(row: dict[str, Any]) -> str:
    """Whether the whole interval is better or worse than the naive score: yes, worse or unclear.

    Empty without an interval or a naive score.
    """
    low, high, naive = row["low"], row["high"], row["baseline"]
    if low is None or high is None or naive is None:
        return ""
    better, worse = low > naive, high < naive
    if row["metric"] in LOWER_IS_BETTER:
        better, worse = worse, better
    return "yes" if better else "worse" if worse else "unclear"
