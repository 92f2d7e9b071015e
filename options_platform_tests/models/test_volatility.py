from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import MODEL_PREDICTIONS, VOLATILITY_MODEL
from options_platform.models.base import from_json
from options_platform.models.volatility import ChangeVolatility, predict_volatility
from options_platform_tests.models.rows import (
    END,
    POOL,
    OpenStore,
    random_dataset,
    random_rows,
)

START = date(2017, 12, 1)


def predict(store=None, features=None, **options):
    default_features, labels = random_rows()
    options = {"start": START, "end": END, "tickers": POOL, "pool": POOL} | options
    rows = default_features if features is None else features
    return predict_volatility(rows, labels, store=store or OpenStore(), **options)


@pytest.fixture(scope="module")
def december():
    return predict()


def test_rows_fit_their_contracts_and_values_their_ranges(december):
    shipped, every = december
    VOLATILITY_MODEL.validate(shipped)
    MODEL_PREDICTIONS.validate(every)
    assert shipped.height == 20 * len(POOL)
    assert shipped["iv_rank_pred"].is_between(0, 1).all()
    assert shipped["p_regime_shift"].is_between(0, 1).all()
    assert (shipped["expected_rv"] > 0).all()


def test_the_predicted_change_is_the_prediction_less_todays_rank(december):
    shipped, _ = december
    today = random_rows()[0].select("date", "ticker", today="iv_rank")
    rows = shipped.join(today, on=["date", "ticker"])
    assert (rows["iv_rank"] == rows["today"]).all()
    assert (rows["iv_rank_change_pred"] == rows["iv_rank_pred"] - rows["today"]).all()


def test_persistence_predicts_todays_rank(december):
    shipped, every = december
    naive = every.filter(pl.col("model") == "persistence").join(
        shipped.select("date", "ticker", "iv_rank"), on=["date", "ticker"]
    )
    assert naive.height == shipped.height
    assert (naive["iv_rank_pred"] == naive["iv_rank"]).all()


def test_a_row_with_a_missing_input_has_null_predictions_and_keeps_its_rank():
    features, _ = random_rows()
    hidden = (pl.col("date") == date(2017, 12, 14)) & (pl.col("ticker") == "AAA")
    features = features.with_columns(hv_5=pl.when(~hidden).then("hv_5"))
    shipped, every = predict(features=features)
    row = shipped.filter(hidden).row(0, named=True)
    assert row["iv_rank"] is not None
    unknown = ("iv_rank_pred", "iv_rank_change_pred", "expected_rv", "p_regime_shift")
    assert [row[name] for name in unknown] == [None] * 4
    assert shipped.filter(~hidden).select(unknown).null_count().row(0) == (0,) * 4
    assert every.filter(hidden)["model"].to_list() == ["volatility"]


def test_the_seed_baseline_is_stored_beside_the_shipped_model():
    store = OpenStore()
    _, every = predict(store, baselines=("seed",))
    assert set(every["model"]) == {
        "volatility", "persistence", "ar1", "rolling_mean", "seed_volatility",
    }  # fmt: skip
    assert {model for model, _ in store.records} == {"volatility", "seed_volatility"}


def test_a_fold_without_regime_shifts_predicts_none():
    sample = random_dataset().sample
    calm = replace(sample, regime_differs=np.where(np.isnan(sample.regime_differs), np.nan, 0.0))
    model = ChangeVolatility()
    rows = model.trainable(calm)
    predictions = model.predict(model.fit(calm.take(rows)), calm.take(rows[-20:]))
    np.testing.assert_array_equal(predictions["volatility:p_regime_shift"], 0.0)
    assert np.isfinite(predictions["volatility:iv_rank_pred"]).all()


def test_expected_volatility_is_the_mean_of_a_log_normal_variable():
    sample = random_dataset().sample
    model = ChangeVolatility()
    rows = model.trainable(sample)
    artifacts = model.fit(sample.take(rows))
    spread = from_json(artifacts["linear.json"])["rv"]["residual_std"]
    expected_rv = model.predict(artifacts, sample.take(rows))["volatility:expected_rv"]
    # The regression is unbiased on logs; exp(s^2 / 2) converts its median to the mean.
    logs = np.log(expected_rv) - 0.5 * spread**2
    assert np.mean(np.log(sample.fwd_rv[rows]) - logs) == pytest.approx(0.0, abs=1e-9)
    assert expected_rv.mean() == pytest.approx(sample.fwd_rv[rows].mean(), rel=0.05)
