"""Direction scores, compared with scikit-learn on fixed vectors and with hand-worked values."""

from datetime import date
from functools import partial

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    log_loss,
    roc_auc_score,
)

from options_platform.contracts import MODEL_PREDICTIONS
from options_platform.models.evaluation import (
    SCORES_SCHEMA,
    calibration_curve,
    evaluate_direction,
)
from options_platform_tests.models.evaluation.rows import (
    CLASSES,
    DAYS,
    DIRECTION_ROWS,
    EARLY,
    PRIOR,
    PRIOR_ROWS,
    SHIPPED,
    direction_rows,
    labels,
    score,
)


@pytest.fixture(scope="module")
def direction():
    return evaluate_direction(DIRECTION_ROWS, labels())


@pytest.mark.parametrize(
    ("ticker", "period", "rows", "columns"),
    [
        ("ALL", "all", slice(None), slice(None)),
        ("BBB", "all", slice(None), 1),
        ("ALL", "to 2020", EARLY, slice(None)),
        ("AAA", "2021 on", ~EARLY, 0),
    ],
)
def test_scores_of_direction_equal_scikit_learns(direction, ticker, period, rows, columns):
    p = SHIPPED[rows][:, columns].reshape(-1, 3)
    y = CLASSES[rows][:, columns].reshape(-1)
    prior = np.broadcast_to(PRIOR, p.shape)
    moved = y != 1
    share = p[moved, 2] / (p[moved, 0] + p[moved, 2])
    brier = partial(brier_score_loss, scale_by_half=False)
    for metric, value, baseline in [
        ("auc_macro", roc_auc_score(y, p, multi_class="ovr"), 0.5),
        ("auc_neutral", roc_auc_score(y == 1, p[:, 1]), 0.5),
        ("auc_bull_vs_bear", roc_auc_score(y[moved] == 2, share), 0.5),
        ("log_loss", log_loss(y, p), log_loss(y, prior)),
        ("auc_bullish", roc_auc_score(y == 2, p[:, 2]), 0.5),
        ("brier", brier(y, p), brier(y, prior)),
        ("balanced_accuracy", balanced_accuracy_score(y, p.argmax(axis=1)), 1 / 3),
        ("accuracy", accuracy_score(y, p.argmax(axis=1)), (y == 1).mean()),
        ("neutral_share", (p.argmax(axis=1) == 1).mean(), None),
    ]:
        row = score(direction, metric, ticker=ticker, period=period)
        assert row["n"] == len(y)
        assert row["value"] == pytest.approx(value, abs=1e-12)
        assert row["baseline"] == (baseline if baseline is None else pytest.approx(baseline))


def test_the_interval_contains_the_score_and_narrows_with_more_sessions(direction):
    for metric in ("auc_macro", "log_loss", "accuracy", "brier"):
        whole = score(direction, metric)
        half = score(direction, metric, period="to 2020")
        assert whole["low"] < whole["value"] < whole["high"]
        assert whole["high"] - whole["low"] < half["high"] - half["low"]


def test_the_frame_has_the_declared_schema_with_and_without_rows(direction):
    assert direction.schema == SCORES_SCHEMA
    nothing = evaluate_direction(MODEL_PREDICTIONS.empty(), labels())
    assert nothing.schema == SCORES_SCHEMA
    assert nothing.is_empty()
    assert evaluate_direction(DIRECTION_ROWS, labels().head(0)).is_empty()


def test_a_row_without_the_prior_is_not_scored():
    """A baseline is scored on exactly the rows of the model, neither fewer nor more."""
    late = pl.col("date") >= date(2021, 1, 4)
    rows = pl.concat([direction_rows(), PRIOR_ROWS.filter(late)])
    log_loss_score = score(evaluate_direction(rows, labels()), "log_loss")
    y, p = CLASSES[~EARLY].ravel(), SHIPPED[~EARLY].reshape(-1, 3)
    assert log_loss_score["n"] == len(y)
    assert log_loss_score["value"] == pytest.approx(log_loss(y, p))
    assert log_loss_score["baseline"] == pytest.approx(log_loss(y, np.broadcast_to(PRIOR, p.shape)))


def test_rows_without_a_known_label_are_left_out():
    partly_labelled = labels().with_columns(
        direction=pl.when(pl.col("date") < DAYS[-5]).then("direction")
    )
    accuracy = score(evaluate_direction(DIRECTION_ROWS, partly_labelled), "accuracy")
    assert accuracy["n"] == 2 * (len(DAYS) - 5)


def test_the_most_confident_fifth_has_the_highest_probabilities(direction):
    p, y = SHIPPED.transpose(1, 0, 2).reshape(-1, 3), CLASSES.T.ravel()
    surest = np.argsort(-p.max(axis=1))[: round(0.2 * len(p))]
    accuracy_top = score(direction, "accuracy_top")["value"]
    assert accuracy_top == pytest.approx((p.argmax(axis=1) == y)[surest].mean(), abs=0.005)
    assert accuracy_top > score(direction, "accuracy")["value"]
    neutral = (p.argmax(axis=1) == 1)[surest].mean()
    assert score(direction, "neutral_share_top")["value"] == pytest.approx(neutral, abs=0.005)


def test_the_baseline_of_the_most_confident_fifth_is_the_best_one_without_a_model(direction):
    p, y = SHIPPED.reshape(-1, 3), CLASSES.ravel()  # by date, then ticker
    count = round(0.2 * len(p))
    surest = np.argsort(-p.max(axis=1), kind="stable")[:count]
    best_class = np.bincount(y[surest]).max() / count
    of_prior = (y[:count] == PRIOR.argmax()).mean()  # all its predictions are equally confident
    row = score(direction, "accuracy_top")
    assert row["baseline"] == pytest.approx(max(best_class, of_prior))
    constant = direction_rows().with_columns(p_bearish=0.1, p_neutral=0.8, p_bullish=0.1)
    accuracy_top = score(
        evaluate_direction(pl.concat([constant, PRIOR_ROWS]), labels()), "accuracy_top"
    )
    assert accuracy_top["value"] <= accuracy_top["baseline"]


def test_the_mean_auc_of_the_folds_equals_scikit_learns(direction):
    scores = []
    months = np.array([f"{day:%Y-%m}" for day in DAYS])
    for month in np.unique(months):
        rows = months == month
        y, p = CLASSES[rows].ravel(), SHIPPED[rows].reshape(-1, 3)
        scores.append(roc_auc_score(y, p, multi_class="ovr"))
    assert score(direction, "fold_mean_auc")["value"] == pytest.approx(np.mean(scores))


def test_the_calibration_curve_worked_by_hand():
    days = DAYS[:4]
    four_labels = labels().filter((pl.col("ticker") == "AAA") & pl.col("date").is_in(days))
    four_labels = four_labels.with_columns(
        direction=pl.Series(["bullish", "bullish", "bearish", "bullish"])
    )
    p_bullish = [0.71, 0.75, 0.79, 1.0]
    rows = four_labels.select(
        "date",
        "ticker",
        model=pl.lit("direction"),
        target=pl.lit("direction"),
        p_bearish=1 - pl.Series(p_bullish),
        p_neutral=0.0,
        p_bullish=pl.Series(p_bullish),
    )
    curve = calibration_curve(rows, four_labels).filter(pl.col("class") == "bullish")
    assert curve.select("bin", "n").rows() == [(7, 3), (9, 1)]  # 1.0 belongs to the last bin
    assert curve["mean_p"].to_list() == pytest.approx([0.75, 1.0])
    assert curve["frequency"].to_list() == pytest.approx([2 / 3, 1.0])


def test_the_reliability_curve_counts_every_row_in_each_class():
    curve = calibration_curve(DIRECTION_ROWS, labels()).filter(pl.col("model") == "direction")
    assert curve.group_by("class").agg(pl.col("n").sum())["n"].to_list() == [CLASSES.size] * 3
    assert curve["frequency"].is_between(0, 1).all()
