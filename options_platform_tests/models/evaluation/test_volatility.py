"""Scores of IV rank, realised volatility and regime shifts, with their baselines."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, root_mean_squared_error

from options_platform.contracts import MODEL_PREDICTIONS
from options_platform.models.evaluation import (
    SCORES_SCHEMA,
    evaluate_realised,
    evaluate_shift,
    evaluate_volatility,
)
from options_platform_tests.models.evaluation.rows import (
    CLASSES,
    DAYS,
    EARLY,
    LATER,
    PREDICTED,
    RANDOM,
    RANK,
    VOLATILITY_ROWS,
    labels,
    score,
)

COUNT = len(DAYS)
KEYS = {"date": DAYS, "ticker": "AAA"}


@pytest.fixture(scope="module")
def volatility():
    return evaluate_volatility(VOLATILITY_ROWS, labels())


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
    skill = score(volatility, "skill", "volatility", ticker)
    naive = mean_squared_error(actual, today)
    assert skill["value"] == pytest.approx(1 - mean_squared_error(actual, predicted) / naive)
    assert skill["baseline"] == 0.0
    signs = score(volatility, "change_sign", "volatility", ticker)
    moved = (actual != today) & (predicted != today)
    right = np.sign(predicted - today)[moved] == np.sign(actual - today)[moved]
    reverting = np.sign(0.5 - today)[moved] == np.sign(actual - today)[moved]
    assert signs["value"] == pytest.approx(right.mean())
    assert signs["baseline"] == pytest.approx(reverting.mean())


def test_years_of_choice_are_scored_separately_from_later_years(volatility):
    for period, part in (("to 2020", EARLY), ("2021 on", ~EARLY)):
        wanted = root_mean_squared_error(LATER[part].ravel(), PREDICTED[part].ravel())
        rmse = score(volatility, "rmse", "volatility", period=period)
        assert rmse["value"] == pytest.approx(wanted)


def test_the_frame_has_the_declared_schema_with_and_without_rows(volatility):
    assert volatility.schema == SCORES_SCHEMA
    nothing = evaluate_volatility(MODEL_PREDICTIONS.empty(), labels())
    assert nothing.schema == SCORES_SCHEMA
    assert nothing.is_empty()
    assert evaluate_volatility(VOLATILITY_ROWS, labels().head(0)).is_empty()


def test_a_row_without_persistence_is_not_scored():
    late = pl.col("date") >= date(2021, 1, 4)
    rows = VOLATILITY_ROWS.filter(late | (pl.col("model") == "volatility"))
    mae = score(evaluate_volatility(rows, labels()), "mae", "volatility")
    assert mae["n"] == CLASSES[~EARLY].size


def test_persistence_equals_its_baseline_and_has_no_change_sign(volatility):
    row = score(volatility, "rmse", "persistence")
    assert row["value"] == pytest.approx(row["baseline"], rel=1e-12)
    metrics = volatility.filter(pl.col("model") == "persistence")["metric"].unique().to_list()
    assert sorted(metrics) == ["mae", "rmse", "skill"]
    assert score(volatility, "skill", "persistence")["value"] == 0.0


def test_realised_volatility_is_scored_by_qlike_on_common_rows():
    realised = RANDOM.uniform(0.05, 0.4, COUNT)
    garch = realised * np.exp(RANDOM.normal(0, 0.3, COUNT))
    volatility = pl.DataFrame({**KEYS, "expected_rv": realised})
    features = pl.DataFrame({**KEYS, "garch_forecast": garch, "hv_20": 0.2, "regime": "neutral"})
    outcome = pl.DataFrame({**KEYS, "fwd_rv_5d": realised})
    features = features.with_columns(
        garch_forecast=pl.when(pl.col("date") > DAYS[9]).then("garch_forecast")
    )
    scores = evaluate_realised(volatility, features, outcome)
    assert score(scores, "qlike", "har")["value"] == pytest.approx(0.0, abs=1e-12)
    ratio = (realised / garch)[10:] ** 2
    assert score(scores, "qlike", "garch")["value"] == pytest.approx(
        (ratio - np.log(ratio) - 1).mean()
    )
    assert score(scores, "qlike", "garch")["n"] == COUNT - 10


def test_sessions_of_stocks_with_and_without_a_reaction_ahead_are_scored_apart():
    reacts = np.arange(COUNT) % 12 < 5
    volatility = pl.DataFrame({**KEYS, "expected_rv": np.where(reacts, 0.2, 0.3)})
    features = pl.DataFrame({**KEYS, "garch_forecast": 0.2, "hv_20": 0.2, "regime": "neutral"})
    outcome = pl.DataFrame({**KEYS, "fwd_rv_5d": 0.3, "reaction_in_5d": reacts})
    cuts = ("period", "reaction")
    scores = evaluate_realised(volatility, features, outcome, by=cuts).filter(
        pl.col("model") == "har", pl.col("metric") == "rv_rmse", pl.col("ticker") == "AAA"
    )
    found = {row["period"]: (row["value"], row["baseline"], row["n"]) for row in scores.to_dicts()}
    assert found["with a reaction"] == pytest.approx((0.1, 0.1, reacts.sum()))
    assert found["without a reaction"] == pytest.approx((0.0, 0.1, (~reacts).sum()))
    funds = evaluate_realised(volatility, features, outcome.drop("reaction_in_5d"), by=cuts)
    assert not funds["period"].str.contains("reaction").any()


def test_the_base_rate_of_a_regime_shift_uses_only_earlier_months():
    regime = np.where(np.arange(COUNT) // 40 % 2 == 0, "low_vol", "high_vol")
    features = pl.DataFrame({**KEYS, "regime": regime})
    differs = regime[5:] != regime[:-5]
    volatility = pl.DataFrame({**KEYS, "p_regime_shift": 0.1})
    scores = evaluate_shift(volatility, features)
    months = np.array([day.replace(day=1) for day in DAYS])
    known_on = np.array([*DAYS[5:], *[DAYS[-1] + timedelta(days=9)] * 5])
    losses, ours = [], []
    for at in range(COUNT - 5):
        before = np.flatnonzero(known_on[:-5] < months[at])
        if len(before) >= 63:
            losses.append((differs[before].mean() - differs[at]) ** 2)
            ours.append((0.1 - differs[at]) ** 2)
    assert score(scores, "shift_brier", "volatility")["value"] == pytest.approx(np.mean(ours))
    baseline = score(scores, "shift_brier", "volatility")["baseline"]
    assert baseline == pytest.approx(np.mean(losses))
