"""Scores against scikit-learn on fixed vectors, and against a hand-worked example."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import (
    accuracy_score,
    log_loss,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
)

from options_platform.contracts import DIRECTIONS, LABELS, MODEL_PREDICTIONS
from options_platform.domain.calendar import sessions
from options_platform.models.direction import PROBABILITIES
from options_platform.models.evaluation import (
    SCORES_SCHEMA,
    calibration_curve,
    evaluate_direction,
    evaluate_volatility,
    headline,
    targets,
)

DAYS = sessions(date(2019, 6, 3), date(2022, 6, 30))
RANDOM = np.random.default_rng(8)
TICKERS = ("AAA", "BBB")
CLASSES = RANDOM.integers(0, 3, (len(DAYS), 2))
PRIOR = np.array([0.25, 0.45, 0.30])


def probabilities(skill):
    noise = RANDOM.dirichlet([2, 2, 2], CLASSES.shape)
    return (1 - skill) * noise + skill * np.eye(3)[CLASSES]


SHIPPED = probabilities(0.15)
RANK = RANDOM.uniform(0, 1, CLASSES.shape)
LATER = np.clip(RANK + RANDOM.normal(0, 0.1, CLASSES.shape), 0, 1)
PREDICTED = np.clip(0.5 * RANK + 0.5 * LATER + RANDOM.normal(0, 0.02, CLASSES.shape), 0, 1)


def labels():
    return pl.concat(
        pl.DataFrame(
            {
                "date": DAYS,
                "ticker": ticker,
                "direction": np.array(DIRECTIONS)[CLASSES[:, at]],
                "fwd_iv_rank_5d": LATER[:, at],
            }
        )
        for at, ticker in enumerate(TICKERS)
    ).select(
        pl.col(name).cast(dtype)
        if name in ("date", "ticker", "direction", "fwd_iv_rank_5d")
        else pl.lit(None, dtype).alias(name)
        for name, dtype in LABELS.schema.items()
    )


def of_model(model, target, **columns):
    frames = [
        pl.DataFrame(
            {
                "date": DAYS,
                "ticker": ticker,
                "model": model,
                "target": target,
                "fold": [f"{day:%Y-%m}" for day in DAYS],
                **{name: values[:, at] for name, values in columns.items()},
            }
        )
        for at, ticker in enumerate(TICKERS)
    ]
    return pl.concat(frames).select(
        pl.col(name).cast(dtype) if name in frames[0].columns else pl.lit(None, dtype).alias(name)
        for name, dtype in MODEL_PREDICTIONS.schema.items()
    )


def direction_rows(model="direction", p=SHIPPED):
    return of_model(
        model, "direction", **{name: p[..., at] for at, name in enumerate(PROBABILITIES)}
    )


PRIOR_ROWS = direction_rows("prior", np.broadcast_to(PRIOR, SHIPPED.shape))
DIRECTION_ROWS = pl.concat([direction_rows(), PRIOR_ROWS])
VOLATILITY_ROWS = pl.concat(
    [
        of_model("volatility", "iv_rank", iv_rank_pred=PREDICTED),
        of_model("persistence", "iv_rank", iv_rank_pred=RANK),
    ]
)


@pytest.fixture(scope="module")
def direction():
    return evaluate_direction(DIRECTION_ROWS, labels())


@pytest.fixture(scope="module")
def volatility():
    return evaluate_volatility(VOLATILITY_ROWS, labels())


def score(scores, metric, model="direction", ticker="ALL", period="all"):
    row = scores.filter(
        (pl.col("model") == model)
        & (pl.col("ticker") == ticker)
        & (pl.col("period") == period)
        & (pl.col("metric") == metric)
    )
    return row.row(0, named=True)


EARLY = np.array([day.year <= 2020 for day in DAYS])


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
    for metric, value, baseline in [
        ("auc_macro", roc_auc_score(y, p, multi_class="ovr"), 0.5),
        ("auc_neutral", roc_auc_score(y == 1, p[:, 1]), 0.5),
        ("auc_bull_vs_bear", roc_auc_score(y[moved] == 2, share), 0.5),
        ("log_loss", log_loss(y, p), log_loss(y, prior)),
        ("accuracy", accuracy_score(y, p.argmax(axis=1)), (y == 1).mean()),
        ("neutral_share", (p.argmax(axis=1) == 1).mean(), None),
    ]:
        row = score(direction, metric, ticker=ticker, period=period)
        assert row["n"] == len(y)
        assert row["value"] == pytest.approx(value, abs=1e-12)
        assert row["baseline"] == (baseline if baseline is None else pytest.approx(baseline))


@pytest.mark.parametrize(("ticker", "columns"), [("ALL", slice(None)), ("AAA", 0)])
def test_scores_of_volatility_equal_scikit_learns(volatility, ticker, columns):
    actual, predicted = LATER[:, columns].ravel(), PREDICTED[:, columns].ravel()
    today = RANK[:, columns].ravel()
    rmse = score(volatility, "rmse", "volatility", ticker)
    assert rmse["value"] == pytest.approx(root_mean_squared_error(actual, predicted))
    assert rmse["baseline"] == pytest.approx(root_mean_squared_error(actual, today))
    mae = score(volatility, "mae", "volatility", ticker)
    assert mae["value"] == pytest.approx(mean_absolute_error(actual, predicted))
    assert mae["baseline"] == pytest.approx(mean_absolute_error(actual, today))
    signs = score(volatility, "change_sign", "volatility", ticker)
    moved = actual != today
    right = np.sign(predicted - today)[moved] == np.sign(actual - today)[moved]
    up = (actual > today)[moved].mean()
    assert signs["value"] == pytest.approx(right.mean())
    assert signs["baseline"] == pytest.approx(max(up, 1 - up))


def test_the_interval_holds_the_score_and_narrows_with_more_sessions(direction):
    for metric in ("auc_macro", "log_loss", "accuracy"):
        whole = score(direction, metric)
        half = score(direction, metric, period="to 2020")
        assert whole["low"] < whole["value"] < whole["high"]
        assert whole["high"] - whole["low"] < half["high"] - half["low"]


def test_frames_have_the_declared_schema(direction, volatility):
    assert direction.schema == SCORES_SCHEMA
    assert volatility.schema == SCORES_SCHEMA
    nothing = MODEL_PREDICTIONS.empty()
    assert evaluate_direction(nothing, labels()).schema == SCORES_SCHEMA
    assert evaluate_volatility(nothing, labels()).height == 0


def test_persistence_is_its_own_baseline_and_has_no_sign_of_change(volatility):
    row = score(volatility, "rmse", "persistence")
    assert row["value"] == pytest.approx(row["baseline"], rel=1e-12)
    metrics = volatility.filter(pl.col("model") == "persistence")["metric"].unique().to_list()
    assert sorted(metrics) == ["mae", "rmse"]


def test_a_row_without_its_baseline_is_not_scored():
    """A baseline is scored on the very rows of the model: neither on fewer nor on more."""
    late = pl.col("date") >= date(2021, 1, 4)
    rows = pl.concat([direction_rows(), PRIOR_ROWS.filter(late)])
    found = score(evaluate_direction(rows, labels()), "log_loss")
    y, p = CLASSES[~EARLY].ravel(), SHIPPED[~EARLY].reshape(-1, 3)
    assert found["n"] == len(y)
    assert found["value"] == pytest.approx(log_loss(y, p))
    assert found["baseline"] == pytest.approx(log_loss(y, np.broadcast_to(PRIOR, p.shape)))
    ranks = VOLATILITY_ROWS.filter(late | (pl.col("model") == "volatility"))
    assert score(evaluate_volatility(ranks, labels()), "mae", "volatility")["n"] == len(y)


def test_rows_without_a_known_label_are_left_out():
    known = labels().with_columns(direction=pl.when(pl.col("date") < DAYS[-5]).then("direction"))
    found = score(evaluate_direction(DIRECTION_ROWS, known), "accuracy")
    assert found["n"] == 2 * (len(DAYS) - 5)


def test_the_surest_fifth_are_the_calls_of_the_highest_probability(direction):
    p, y = SHIPPED.transpose(1, 0, 2).reshape(-1, 3), CLASSES.T.ravel()
    surest = np.argsort(-p.max(axis=1))[: round(0.2 * len(p))]
    found = score(direction, "accuracy_top")["value"]
    assert found == pytest.approx((p.argmax(axis=1) == y)[surest].mean(), abs=0.005)
    assert found > score(direction, "accuracy")["value"]


def test_the_mean_of_the_months_is_scikit_learns_over_the_folds(direction):
    scores = []
    months = np.array([f"{day:%Y-%m}" for day in DAYS])
    for month in np.unique(months):
        rows = months == month
        y, p = CLASSES[rows].ravel(), SHIPPED[rows].reshape(-1, 3)
        scores.append(roc_auc_score(y, p, multi_class="ovr"))
    assert score(direction, "fold_mean_auc")["value"] == pytest.approx(np.mean(scores))


def test_a_target_is_met_or_missed_by_the_shipped_model_alone(direction, volatility):
    rows = {row["target"]: row for row in targets(direction, volatility).iter_rows(named=True)}
    assert len(rows) == 6
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
    assert found["met"].to_list() == [False] * 6
    assert found["better"].to_list() == [False] * 6
    assert found["wanted"].to_list() == ["> 0.55", "> 0.4", "> 0.55", "< 0.15", "< 0.1", "> 0.55"]


def test_a_target_without_predictions_is_not_listed(direction):
    found = targets(direction, evaluate_volatility(MODEL_PREDICTIONS.empty(), labels()))
    assert found.height == 3


def test_the_calibration_curve_worked_by_hand():
    days = DAYS[:4]
    known = labels().filter((pl.col("ticker") == "AAA") & pl.col("date").is_in(days))
    known = known.with_columns(direction=pl.Series(["bullish", "bullish", "bearish", "bullish"]))
    p_bullish = [0.71, 0.75, 0.79, 1.0]
    rows = known.select(
        "date",
        "ticker",
        model=pl.lit("direction"),
        target=pl.lit("direction"),
        p_bearish=1 - pl.Series(p_bullish),
        p_neutral=0.0,
        p_bullish=pl.Series(p_bullish),
    )
    curve = calibration_curve(rows, known).filter(pl.col("class") == "bullish")
    assert curve.select("bin", "n").rows() == [(7, 3), (9, 1)]  # 1.0 belongs to the last bin
    assert curve["mean_p"].to_list() == pytest.approx([0.75, 1.0])
    assert curve["frequency"].to_list() == pytest.approx([2 / 3, 1.0])


def test_the_headline_has_each_score_with_its_baseline(direction):
    found = headline(direction, "direction")
    assert found["log_loss"] == score(direction, "log_loss")["value"]
    assert found["log_loss baseline"] == score(direction, "log_loss")["baseline"]
    assert "neutral_share baseline" not in found
