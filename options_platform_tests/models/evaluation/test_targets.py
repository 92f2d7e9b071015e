"""Targets are met or missed by the shipped models alone, and stand beside the naive score."""

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


def test_a_target_is_met_or_missed_by_the_shipped_model_alone(direction, volatility):
    rows = {row["target"]: row for row in targets(direction, volatility).iter_rows(named=True)}
    assert len(rows) == 8
    for text, metric, model in [
        ("direction: AUC, one versus rest", "auc_macro", "direction"),
        ("IV rank: RMSE", "rmse", "volatility"),
    ]:
        scored = score(direction if model == "direction" else volatility, metric, model)
        assert rows[text]["value"] == scored["value"]
        assert rows[text]["met"]
        assert rows[text]["better"]


def test_a_missed_target_is_missed_and_worse_than_naive_is_said():
    backwards = pl.concat([direction_rows(p=SHIPPED[..., ::-1]), PRIOR_ROWS])
    unskilled = of_model("volatility", "iv_rank", iv_rank_pred=1 - RANK)
    naive = of_model("persistence", "iv_rank", iv_rank_pred=RANK)
    found = targets(
        evaluate_direction(backwards, labels()),
        evaluate_volatility(pl.concat([unskilled, naive]), labels()),
    )
    assert found["met"].to_list() == [False] * 8
    assert found["better"].to_list() == [False] * 8
    assert found["wanted"].to_list() == [
        "> 0.55", "> 0.52", "> 0.4", "> 0.55", "< 0.15", "< 0.2", "< 0.1", "> 0.55",
    ]  # fmt: skip


def test_a_target_without_predictions_is_not_listed(direction):
    found = targets(direction, evaluate_volatility(MODEL_PREDICTIONS.empty(), labels()))
    assert found.height == 4
