"""Targets are judged on the shipped models only, and shown with the naive score."""

import polars as pl
import pytest

from options_platform.contracts import MODEL_PREDICTIONS
from options_platform.models.evaluation import evaluate_direction, evaluate_volatility, targets
from options_platform_tests.models.evaluation.rows import (
    DIRECTION_ROWS,
    PRIOR_ROWS,
    RANK,
    SHIPPED,
    VOLATILITY_ROWS,
    direction_rows,
    labels,
    of_model,
    score,
)


@pytest.fixture(scope="module")
def direction():
    return evaluate_direction(DIRECTION_ROWS, labels())


@pytest.fixture(scope="module")
def volatility():
    return evaluate_volatility(VOLATILITY_ROWS, labels())


def test_a_target_is_judged_on_the_shipped_model_only(direction, volatility):
    judged = targets(direction, volatility)
    assert judged["period"].unique().sort().to_list() == ["2021 on", "to 2020"]
    rows = {(row["target"], row["period"]): row for row in judged.iter_rows(named=True)}
    assert len(rows) == 16
    for text, metric, model in [
        ("direction: AUC, one versus rest", "auc_macro", "direction"),
        ("IV rank: RMSE", "rmse", "volatility"),
    ]:
        for period in ("to 2020", "2021 on"):
            scored = score(
                direction if model == "direction" else volatility, metric, model, period=period
            )
            assert rows[text, period]["value"] == scored["value"]
            assert rows[text, period]["met"]
            assert rows[text, period]["better"]


def test_a_missed_target_and_a_score_worse_than_naive_are_reported():
    backwards = pl.concat([direction_rows(p=SHIPPED[..., ::-1]), PRIOR_ROWS])
    unskilled = of_model("volatility", "iv_rank", iv_rank_pred=1 - RANK)
    naive = of_model("persistence", "iv_rank", iv_rank_pred=RANK)
    judged = targets(
        evaluate_direction(backwards, labels()),
        evaluate_volatility(pl.concat([unskilled, naive]), labels()),
    )
    assert judged["met"].to_list() == [False] * 16
    assert judged["better"].to_list() == [False] * 16
    assert judged.filter(period="to 2020")["wanted"].to_list() == [
        "> 0.55", "> 0.52", "> 0.4", "> 0.55", "< 0.15", "< 0.2", "< 0.1", "> 0.55",
    ]  # fmt: skip


def test_a_target_without_predictions_is_not_listed(direction):
    judged = targets(direction, evaluate_volatility(MODEL_PREDICTIONS.empty(), labels()))
    assert judged["target"].n_unique() == 4


def test_a_short_history_is_judged_as_a_whole(direction, volatility):
    whole = targets(direction.filter(period="all"), volatility)
    assert (
        whole.filter(pl.col("target").str.starts_with("direction"))["period"].unique().item()
        == "all"
    )
