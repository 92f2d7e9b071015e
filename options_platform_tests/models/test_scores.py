"""Scores of stored predictions: against scikit-learn, by slice, and with honest baselines."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn import metrics as peer

from options_platform.contracts import DIRECTIONS, MODEL_PREDICTIONS
from options_platform.domain.calendar import sessions
from options_platform.models.evaluation import (
    SCORES_SCHEMA,
    calibration_curve,
    evaluate_direction,
    evaluate_realised,
    evaluate_shift,
    evaluate_volatility,
    targets,
)

RANDOM = np.random.default_rng(7)
DAYS = sessions(date(2019, 1, 2), date(2022, 12, 30))
COUNT = len(DAYS)
TARGET = RANDOM.integers(0, 3, COUNT)
P = RANDOM.dirichlet([3, 3, 3], COUNT) * 0.7 + 0.3 * np.eye(3)[TARGET]
PRIOR = np.tile([0.3, 0.45, 0.25], (COUNT, 1))
TODAY = RANDOM.random(COUNT)
LATER = np.clip(TODAY + RANDOM.normal(0, 0.1, COUNT), 0, 1)
FORECAST = np.clip(0.7 * LATER + 0.3 * TODAY + RANDOM.normal(0, 0.02, COUNT), 0, 1)
REGIMES = pl.DataFrame(
    {"date": DAYS, "ticker": "SPY", "regime": np.where(TODAY > 0.5, "high_vol", "low_vol")}
)


def labels():
    return pl.DataFrame(
        {
            "date": DAYS,
            "ticker": "SPY",
            "direction": np.array(DIRECTIONS)[TARGET],
            "fwd_iv_rank_5d": LATER,
        }
    )


def rows(model, target, **columns):
    base = {"date": DAYS, "ticker": "SPY", "model": model, "target": target}
    base |= dict.fromkeys(("p_bearish", "p_neutral", "p_bullish", "iv_rank_pred"))
    base |= {"fold": [f"{day:%Y-%m}" for day in DAYS], "model_id": "m"} | columns
    return (
        pl.DataFrame(base)
        .cast(dict(MODEL_PREDICTIONS.schema))
        .select(MODEL_PREDICTIONS.schema.names())
    )


def direction_rows(model, p):
    return rows(model, "direction", p_bearish=p[:, 0], p_neutral=p[:, 1], p_bullish=p[:, 2])


def value(scores, model, metric, period="all", column="value"):
    found = scores.filter(
        (pl.col("model") == model)
        & (pl.col("metric") == metric)
        & (pl.col("period") == period)
        & (pl.col("ticker") == "ALL")
    )
    return found[column].item()


DIRECTION = pl.concat([direction_rows("direction", P), direction_rows("prior", PRIOR)])
RANK = pl.concat(
    [rows("volatility", "iv_rank", iv_rank_pred=FORECAST),
     rows("persistence", "iv_rank", iv_rank_pred=TODAY)]
)  # fmt: skip


def test_direction_scores_equal_scikit_learns():
    scores = evaluate_direction(DIRECTION, labels())
    assert scores.schema == SCORES_SCHEMA
    call = P.argmax(axis=1)
    moved = TARGET != 1
    wanted = {
        "auc_macro": peer.roc_auc_score(TARGET, P, multi_class="ovr"),
        "auc_bullish": peer.roc_auc_score(TARGET == 2, P[:, 2]),
        "auc_bull_vs_bear": peer.roc_auc_score(
            TARGET[moved] == 2, P[moved, 2] / (P[moved, 0] + P[moved, 2])
        ),
        "log_loss": peer.log_loss(TARGET, P),
        "brier": peer.brier_score_loss(TARGET, P, scale_by_half=False),
        "accuracy": peer.accuracy_score(TARGET, call),
        "balanced_accuracy": peer.balanced_accuracy_score(TARGET, call),
        "neutral_share": (call == 1).mean(),
    }
    for metric, number in wanted.items():
        assert value(scores, "direction", metric) == pytest.approx(number), metric
        low, high = (value(scores, "direction", metric, column=c) for c in ("low", "high"))
        assert low <= number <= high, metric
    assert value(scores, "direction", "log_loss", column="baseline") == pytest.approx(
        peer.log_loss(TARGET, PRIOR)
    )


def test_the_surest_fifth_is_counted_with_its_neutral_calls():
    scores = evaluate_direction(DIRECTION, labels())
    top = np.argsort(-P.max(axis=1), kind="stable")[: round(COUNT / 5)]
    call = P.argmax(axis=1)
    assert value(scores, "direction", "accuracy_top") == pytest.approx((call == TARGET)[top].mean())
    share = value(scores, "direction", "neutral_share_top")
    assert share == pytest.approx((call[top] == 1).mean())


def test_slices_by_year_and_regime_cover_every_row_once():
    scores = evaluate_direction(DIRECTION, labels(), regimes=REGIMES, by=("year", "regime"))
    one = scores.filter(
        (pl.col("metric") == "log_loss") & (pl.col("model") == "direction")
        & (pl.col("ticker") == "SPY")
    )  # fmt: skip
    years = one.filter(pl.col("period").str.len_chars() == 4)
    assert years["period"].to_list() == ["2019", "2020", "2021", "2022"]
    assert years["n"].sum() == COUNT
    regimes = one.filter(pl.col("period").str.starts_with("regime"))
    assert regimes["period"].to_list() == ["regime high_vol", "regime low_vol"]
    assert regimes["n"].sum() == COUNT
    high = TODAY > 0.5
    assert regimes["value"][0] == pytest.approx(peer.log_loss(TARGET[high], P[high]))


def test_years_that_choose_stand_apart_from_years_that_score():
    scores = evaluate_volatility(RANK, labels())
    early = np.array([day.year <= 2020 for day in DAYS])
    for period, part in (("to 2020", early), ("2021 on", ~early)):
        wanted = peer.root_mean_squared_error(LATER[part], FORECAST[part])
        assert value(scores, "volatility", "rmse", period) == pytest.approx(wanted)


def test_rank_scores_equal_scikit_learns_and_a_count_of_signs():
    scores = evaluate_volatility(RANK, labels())
    assert value(scores, "volatility", "mae") == pytest.approx(
        peer.mean_absolute_error(LATER, FORECAST)
    )
    mse, naive = peer.mean_squared_error(LATER, FORECAST), peer.mean_squared_error(LATER, TODAY)
    assert value(scores, "volatility", "skill") == pytest.approx(1 - mse / naive)
    moved = (LATER != TODAY) & (FORECAST != TODAY)
    right = np.sign(FORECAST - TODAY) == np.sign(LATER - TODAY)
    assert value(scores, "volatility", "change_sign") == pytest.approx(right[moved].mean())
    reverting = np.sign(0.5 - TODAY) == np.sign(LATER - TODAY)
    baseline = value(scores, "volatility", "change_sign", column="baseline")
    assert baseline == pytest.approx(reverting[moved].mean())


def test_realised_volatility_is_scored_by_qlike_on_common_rows():
    realised = RANDOM.uniform(0.05, 0.4, COUNT)
    garch = realised * np.exp(RANDOM.normal(0, 0.3, COUNT))
    keys = {"date": DAYS, "ticker": "SPY"}
    volatility = pl.DataFrame({**keys, "expected_rv": realised})
    features = pl.DataFrame({**keys, "garch_forecast": garch, "hv_20": 0.2, "regime": "neutral"})
    outcome = pl.DataFrame({**keys, "fwd_rv_5d": realised})
    features = features.with_columns(
        garch_forecast=pl.when(pl.col("date") > DAYS[9]).then("garch_forecast")
    )
    scores = evaluate_realised(volatility, features, outcome)
    assert value(scores, "har", "qlike") == pytest.approx(0.0, abs=1e-12)
    ratio = (realised / garch)[10:] ** 2
    assert value(scores, "garch", "qlike") == pytest.approx((ratio - np.log(ratio) - 1).mean())
    assert value(scores, "garch", "qlike", column="n") == COUNT - 10


def test_the_base_rate_of_a_regime_shift_knows_nothing_of_its_month():
    regime = np.where(np.arange(COUNT) // 40 % 2 == 0, "low_vol", "high_vol")
    keys = {"date": DAYS, "ticker": "SPY"}
    features = pl.DataFrame({**keys, "regime": regime})
    differs = regime[5:] != regime[:-5]
    volatility = pl.DataFrame({**keys, "p_regime_shift": 0.1})
    scores = evaluate_shift(volatility, features)
    months = np.array([day.replace(day=1) for day in DAYS])
    known = np.array([*DAYS[5:], *[DAYS[-1] + timedelta(days=9)] * 5])
    losses, ours = [], []
    for at in range(COUNT - 5):
        before = np.flatnonzero(known[:-5] < months[at])
        if len(before) >= 63:
            losses.append((differs[before].mean() - differs[at]) ** 2)
            ours.append((0.1 - differs[at]) ** 2)
    assert value(scores, "volatility", "shift_brier") == pytest.approx(np.mean(ours))
    baseline = value(scores, "volatility", "shift_brier", column="baseline")
    assert baseline == pytest.approx(np.mean(losses))


def test_the_reliability_curve_counts_every_row_in_each_class():
    curve = calibration_curve(DIRECTION, labels()).filter(pl.col("model") == "direction")
    assert curve.group_by("class").agg(pl.col("n").sum())["n"].to_list() == [COUNT] * 3
    assert curve["frequency"].is_between(0, 1).all()


def test_targets_say_met_or_missed_beside_the_naive_score():
    found = targets(evaluate_direction(DIRECTION, labels()), evaluate_volatility(RANK, labels()))
    assert found.height == 8
    rmse = found.filter(pl.col("target") == "IV rank: RMSE").row(0, named=True)
    assert rmse["wanted"] == "< 0.15"
    assert rmse["met"] == (rmse["value"] < 0.15)
    assert rmse["better"] == (rmse["value"] < rmse["baseline"])


def test_predictions_without_known_labels_give_no_scores():
    assert evaluate_direction(DIRECTION, labels().head(0)).is_empty()
    assert evaluate_volatility(RANK, labels().head(0)).is_empty()
