from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import DIRECTION_MODEL, MODEL_PREDICTIONS
from options_platform.errors import IncompleteDataError
from options_platform.models.direction import (
    DIRECTION_PARTS,
    PROBABILITIES,
    ScaledDirection,
    normalised,
    predict_direction,
    with_call,
)
from options_platform.models.promotion import DEFAULT, blend_of
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
    return predict_direction(rows, labels, store=store or OpenStore(), **options)


@pytest.fixture(scope="module")
def december():
    store = OpenStore()
    return (*predict(store), store)


def test_probabilities_sum_to_one_and_rows_fit_their_contracts(december):
    shipped, every, _ = december
    DIRECTION_MODEL.validate(shipped)
    MODEL_PREDICTIONS.validate(every)
    assert shipped.height == 20 * len(POOL)
    assert shipped["variant"].unique().to_list() == [DEFAULT["direction"]]
    for frame in (shipped, every):
        total = frame.select(pl.sum_horizontal(PROBABILITIES))
        np.testing.assert_allclose(total.to_series().to_numpy(), 1.0, atol=1e-12)
        assert frame.select(pl.min_horizontal(PROBABILITIES).min()).item() >= 0


def test_the_shipped_direction_model_is_the_mean_of_its_different_parts(december):
    _, every, store = december
    assert set(every["model"]) == {"direction", "vix_logit", "prior"}
    data = random_dataset()
    sample = data.sample.take(np.flatnonzero(data.dates >= np.datetime64(START)))
    artifacts = next(iter(store.folds.values()))
    scaled, trees = (
        part.predict(artifacts[f"{part.name}.{part.suffix}"], sample) for part in DIRECTION_PARTS
    )
    shipped = every.filter(pl.col("model") == "direction").select(PROBABILITIES).to_numpy()
    np.testing.assert_allclose(shipped, (scaled + trees) / 2, rtol=1e-12)
    assert np.abs(scaled - trees).max() > 0.01


def test_the_prior_is_the_frequency_of_the_classes_in_training(december):
    _, every, store = december
    record = store.records["direction", "2017-12"]
    data = random_dataset()
    model = ScaledDirection()
    rows = model.trainable(data.sample)
    training_rows = rows[data.known_on[rows] < np.datetime64("2017-12-01")]
    assert len(training_rows) == record.train_rows
    counts = np.bincount(data.sample.direction[training_rows], minlength=3)
    prior = every.filter(pl.col("model") == "prior").select(PROBABILITIES).row(0)
    np.testing.assert_allclose(prior, counts / counts.sum(), rtol=1e-15)


def test_a_row_without_volatility_has_null_predictions():
    features, _ = random_rows()
    day = date(2017, 12, 14)
    hidden = (pl.col("date") == day) & (pl.col("ticker") == "AAA")
    features = features.with_columns(vix=pl.when(~hidden).then("vix"))
    shipped, every = predict(features=features)
    row = shipped.filter(hidden).row(0, named=True)
    assert [row[name] for name in (*PROBABILITIES, "direction", "confidence")] == [None] * 5
    assert row["fold"] == "2017-12"
    assert shipped.filter(~hidden)["direction"].null_count() == 0
    assert every.filter(hidden)["model"].to_list() == ["direction"]


def test_only_the_requested_tickers_are_returned_and_the_whole_pool_is_trained_on(december):
    whole, every, store = december
    shipped, some = predict(store, tickers=("BBB",))
    assert shipped.equals(whole.filter(pl.col("ticker") == "BBB"))
    assert some.equals(every.filter(pl.col("ticker") == "BBB"))


def test_an_incomplete_pool_is_refused():
    with pytest.raises(IncompleteDataError, match="CCC"):
        predict(pool=(*POOL, "CCC"))


def test_the_seed_baseline_is_trained_on_request_and_read_afterwards(december):
    store = OpenStore()
    _, every = predict(store, baselines=("seed",))
    assert "seed_direction" in set(every["model"])
    trained = dict(store.folds)
    _, again = predict(store)
    assert again.equals(every)
    assert store.folds == trained
    assert "seed_direction" not in set(december[1]["model"])


def test_a_fold_without_one_class_still_predicts():
    sample = random_dataset().sample
    model = ScaledDirection()
    rows = model.trainable(sample)
    rows = rows[sample.direction[rows] != 2]
    artifacts = model.fit(sample.take(rows))
    predictions = model.predict(artifacts, sample.take(rows[-30:]))
    total = sum(predictions[f"direction:{name}"] for name in PROBABILITIES)
    np.testing.assert_allclose(total, 1.0, atol=1e-12)
    np.testing.assert_array_equal(predictions["vix_logit:p_bullish"], 0.0)
    np.testing.assert_array_equal(predictions["prior:p_bullish"], 0.0)
    # Scaled returns give the missing class some probability; the trees do not.
    trees = DIRECTION_PARTS[1]
    assert trees.predict(artifacts["calm_trees.ubj"], sample.take(rows))[:, 2].max() < 0.001
    scaled = DIRECTION_PARTS[0].predict(artifacts["scaled.json"], sample.take(rows[-30:]))
    np.testing.assert_allclose(predictions["direction:p_bullish"], scaled[:, 2] / 2, atol=0.001)


@pytest.mark.parametrize(
    ("p", "direction", "confidence"),
    [
        ((0.2, 0.3, 0.5), "bullish", 0.25),  # (1/2 - 1/3) / (2/3)
        ((0.0, 1.0, 0.0), "neutral", 1.0),
        ((1 / 3, 1 / 3, 1 / 3), "bearish", 0.0),  # the first class wins a tie
        ((0.25, 0.375, 0.375), "neutral", 0.0625),
        ((None, None, None), None, None),
    ],
)
def test_direction_and_confidence_worked_by_hand(p, direction, confidence):
    frame = pl.DataFrame([p], schema=dict.fromkeys(PROBABILITIES, pl.Float64), orient="row")
    row = with_call(frame).row(0, named=True)
    assert row["direction"] == direction
    assert row["confidence"] == (confidence if confidence is None else pytest.approx(confidence))


def test_normalised_rows_sum_to_one_and_keep_their_proportions():
    raw = np.array([[0.2, 0.3, 0.50001], [0.1, 0.1, 0.2]])
    probabilities = normalised(raw)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-15)
    np.testing.assert_allclose(probabilities[1], [0.25, 0.25, 0.5])


def test_each_row_names_the_champion_that_predicted_it():
    start = date(2017, 12, 22)
    shipped, _ = predict(start=start, champion=blend_of("direction", "scaled"))
    assert shipped["variant"].unique().to_list() == ["scaled"]
    default, _ = predict(start=start, champion=blend_of("direction", DEFAULT["direction"]))
    assert default.equals(predict(start=start)[0])
