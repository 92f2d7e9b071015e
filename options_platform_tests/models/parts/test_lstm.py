"""The LSTM: sequences of the past only, the same bits everywhere, and no skill where none is."""

import hashlib
import importlib
import io
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.model_store import ModelStore
from options_platform.errors import PlatformError, UsageError
from options_platform.models.base import history_of, libraries_of
from options_platform.models.baselines import PriorDirection
from options_platform.models.dataset import NO_ROW, History, Sample, make_dataset
from options_platform.models.direction import prediction_rows, shipped_direction
from options_platform.models.memory_store import MemoryStore
from options_platform.models.parts import lstm, lstm_training
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.lstm import Lstm, Standard
from options_platform.models.parts.lstm_training import Network, Weights
from options_platform.models.training import FITTING_VERSION, walk_forward
from options_platform.models.volatility import shipped_volatility
from options_platform.models.walk_forward import month_of
from options_platform.testing.leaks import batch_differences, future_differences
from options_platform_tests.models.rows import (
    END,
    POOL,
    OpenStore,
    random_dataset,
    random_rows,
)

needs_keras = pytest.mark.skipif(not lstm_training.installed(), reason="needs the extra lstm")

SMALL = Lstm(
    inputs=("returns_1d", "vix_change_1d"),
    logs=("vix", "hv_20"),
    sessions=6,
    units=4,
    epochs=2,
    most_epochs=3,
    seeds=(1, 2),
)
DIRECTION = DirectionBlend("lstm", (SMALL,))
RANK = RankBlend("lstm", (replace(SMALL, target="rank_change", needs=("iv_rank",)),))
DECEMBER = {"start": date(2017, 12, 1), "end": END}


def random_fold(part=SMALL, seed=0):
    """The stored bytes of networks with random weights, made without Keras."""
    random = np.random.default_rng(seed)
    features, outputs = len(part.inputs) + len(part.logs), 3 if part.target == "direction" else 1

    def normal(*shape):
        return random.normal(size=shape).astype(np.float32)

    networks = [
        Weights(
            normal(features, 4 * part.units),
            normal(part.units, 4 * part.units),
            normal(4 * part.units),
            normal(part.units, outputs),
            normal(outputs),
        )
        for _ in part.seeds
    ]
    standard = Standard(normal(features), np.exp(normal(features)), 0.01, 0.1)
    return lstm._to_npz(standard, networks, {"epochs": 1, "platform": "cpu"})


def iid_sample(count, *, seed):
    """One ticker with independent normal inputs and a coin for the class."""
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(count, 2))
    days = np.datetime64("2000-01-03") + np.arange(count)
    numbers = np.zeros(count)
    return Sample(
        names=("signal", "noise"),
        dates=days,
        known_on=days + 7,
        inputs=inputs,
        direction=random.integers(0, 3, count),
        fwd_return=numbers,
        fwd_iv_rank=numbers,
        fwd_rv=numbers,
        regime_differs=numbers,
        history=History(inputs, np.arange(count) - 1, np.arange(count)),
    )


@pytest.mark.parametrize("part", [SMALL, RANK.parts[0]], ids=["direction", "rank"])
def test_a_row_is_predicted_alone_as_among_all_others_to_the_bit(part):
    sample = random_dataset().sample.take(np.arange(1000, 1090))
    blend = DIRECTION if part.target == "direction" else RANK
    artifacts = {"lstm.npz": random_fold(part)}
    assert not len(batch_differences(blend, artifacts, sample))
    backwards = blend.predict(artifacts, sample.take(np.arange(len(sample))[::-1]))
    for name, values in blend.predict(artifacts, sample).items():
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, backwards[name][::-1])


def test_a_prediction_reads_its_last_sessions_and_nothing_else():
    data = random_dataset()
    fitted, row = random_fold(), 1200
    before = SMALL.predict(fitted, data.sample.take(np.array([row])))
    reached = [row, *data.sample.history.take(np.array([row])).earlier(5)[0]]
    assert set(data.keys["ticker"][reached]) == {data.keys["ticker"][row]}

    def predicted_with(changed):
        inputs = data.sample.inputs.copy()
        inputs[changed] *= 1.5
        history = replace(data.sample.history, inputs=inputs)
        sample = replace(data.sample, inputs=inputs, history=history)
        return SMALL.predict(fitted, sample.take(np.array([row])))

    others = np.setdiff1d(np.arange(len(data.sample)), reached)
    np.testing.assert_array_equal(predicted_with(others), before)
    for one in reached:
        assert (predicted_with([one]) != before).any()


def test_a_missing_input_counts_as_the_mean_and_a_row_without_a_needed_one_is_not_predicted():
    sample = random_dataset().sample.take(np.arange(1000, 1004))
    standard, _ = lstm._from_npz(random_fold())
    inputs = sample.inputs.copy()
    inputs[0, sample.names.index("returns_1d")] = np.nan
    inputs[1, sample.names.index("vix")] = np.nan
    inputs[2, sample.names.index("returns_1d")] = standard.mean[2]
    predicted = SMALL.predict(random_fold(), replace(sample, inputs=inputs))
    assert np.isfinite(predicted[[0, 2, 3]]).all()
    assert np.isnan(predicted[1]).all()
    inputs[0, sample.names.index("returns_1d")] = standard.mean[2]
    np.testing.assert_allclose(
        SMALL.predict(random_fold(), replace(sample, inputs=inputs))[0], predicted[0], rtol=1e-12
    )
    inputs[0, sample.names.index("returns_1d")] = np.nan
    assert DIRECTION.trainable(replace(sample, inputs=inputs)).tolist() == [0, 2, 3]


def test_stored_bytes_are_arrays_without_pickle_and_read_back_as_they_were():
    fitted = random_fold()
    standard, networks = lstm._from_npz(fitted)
    assert lstm._to_npz(standard, networks, {"epochs": 1, "platform": "cpu"}) == fitted
    assert fitted[:2] == b"PK"
    assert b"pickle" not in fitted


def test_earlier_sessions_outside_the_training_rows_are_part_of_a_folds_hash(monkeypatch):
    """Rows before the first trainable one are read by sequences, so they make another fold."""
    monkeypatch.setattr(DIRECTION.parts[0].__class__, "fit", lambda *_: random_fold())
    data = random_dataset()
    first = DIRECTION.trainable(data.sample)[0]
    inputs = data.sample.inputs.copy()
    inputs[first - 2, data.sample.names.index("returns_1d")] = 0.5
    history = replace(data.sample.history, inputs=inputs)
    changed = replace(data, sample=replace(data.sample, inputs=inputs, history=history))
    hashes = {}
    for name, rows in (("as stored", data), ("changed", changed)):
        for model in (DIRECTION, replace(DIRECTION, parts=(Boosted(rounds=1),))):
            store = OpenStore()
            walk_forward(model, rows, store=store, **DECEMBER)
            hashes[name, type(model.parts[0])] = store.records["lstm", "2017-12"].input_hash
    assert hashes["as stored", Lstm] != hashes["changed", Lstm]
    assert hashes["as stored", Boosted] == hashes["changed", Boosted]


def test_a_champion_with_an_lstm_declares_its_history_and_packages_and_the_shipped_none():
    for champion in (shipped_direction(DIRECTION), shipped_volatility(RANK)):
        assert history_of(champion) == 6
        assert set(libraries_of(champion)) == {"jax", "jaxlib", "keras"}
    for shipped in (shipped_direction(None), shipped_volatility(None), PriorDirection()):
        assert history_of(shipped) == 1
        assert libraries_of(shipped) == ()


def test_single_rows_without_their_history_are_refused_with_a_sentence():
    single = replace(random_dataset().sample.take(np.arange(900, 902)), history=None)
    with pytest.raises(UsageError, match=r"reads the last 6 sessions.*model_predictions"):
        SMALL.predict(random_fold(), single)


def test_without_the_extra_training_is_refused_with_the_command_that_installs_it(monkeypatch):
    monkeypatch.setattr(lstm_training, "installed", lambda: False)
    lstm_training._libraries.cache_clear()
    data = random_dataset()
    part = replace(SMALL, units=3)
    with pytest.raises(PlatformError, match=r"pip install 'options-platform\[lstm\]'"):
        part.fit(data.sample.take(DIRECTION.trainable(data.sample)[:600]))


def test_an_accelerator_is_named_in_the_parameters_and_a_cpu_is_not(monkeypatch):
    monkeypatch.delenv(lstm_training.PLATFORM, raising=False)
    on_cpu = SMALL.parameters
    monkeypatch.setenv(lstm_training.PLATFORM, "cpu")
    assert SMALL.parameters == on_cpu
    assert "platform" not in on_cpu
    monkeypatch.setenv(lstm_training.PLATFORM, "cuda,cpu")
    assert SMALL.parameters == {**on_cpu, "platform": "cuda"}


@needs_keras
@pytest.mark.long
@pytest.mark.parametrize("outputs", [1, 3])
def test_predictions_are_those_of_the_network_in_keras(outputs):
    keras, _ = lstm_training._libraries()
    network = Network(6, 4, outputs, 5, 0.2, 0.001, 0.0, 32)
    random = np.random.default_rng(0)
    sequences = random.normal(size=(70, 6, 4)).astype(np.float32)
    target = random.integers(0, 3, 70).astype(np.float64)
    weights = next(lstm_training.train(network, sequences, target, seed=1))
    model, _ = lstm_training._built(keras, network, 0)
    model.set_weights(list(weights.__dict__.values()))
    np.testing.assert_allclose(
        lstm._forward(weights, sequences.astype(np.float64)),
        np.asarray(model(sequences, training=False)),
        atol=2e-6,
    )


def digest():
    """A hash of a trained fold of both targets."""
    data = random_dataset()
    total = hashlib.sha256()
    for blend in (DIRECTION, RANK):
        total.update(blend.fit(data.sample.take(blend.trainable(data.sample)))["lstm.npz"])
    return total.hexdigest()


@needs_keras
@pytest.mark.long
def test_another_process_with_another_number_of_threads_gives_the_same_bytes():
    code = "from options_platform_tests.models.parts.test_lstm import digest; print(digest())"
    environment = {
        **os.environ,
        "NPROC": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONHASHSEED": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    completed = subprocess.run(
        [sys.executable, "-c", code],
        env=environment, capture_output=True, text=True, check=True, timeout=250,
    )  # fmt: skip
    assert completed.stdout.strip() == digest()


RECORDED = {"1": [0.322266, 0.062687, 0.321171, 0.028711]}
"""By fitting version: mean and standard deviation of p_bearish and p_bullish in December 2017."""


@needs_keras
@pytest.mark.long
def test_a_changed_fit_needs_a_new_fitting_version():
    walk = walk_forward(DIRECTION, random_dataset(), store=MemoryStore(), **DECEMBER)
    columns = [walk.columns[f"lstm:p_{name}"] for name in ("bearish", "bullish")]
    moments = [of(values) for values in columns for of in (np.mean, np.std)]
    # Other processors round differently, which training enlarges.
    assert moments == pytest.approx(RECORDED.get(FITTING_VERSION), abs=2e-3), (
        "the fits have changed: raise FITTING_VERSION in models/training.py, so that stored folds "
        "are trained again, and record the new numbers under that version"
    )


@needs_keras
@pytest.mark.long
@pytest.mark.parametrize("blend", [DIRECTION, RANK], ids=["direction", "rank"])
def test_deleting_the_future_changes_no_prediction(blend):
    def predict(features, labels, end):
        data = make_dataset(features, labels, pool=POOL, end=end)
        walk = walk_forward(blend, data, start=date(2017, 10, 2), end=end, store=MemoryStore())
        columns = {name.partition(":")[2]: pl.Series(v) for name, v in walk.columns.items()}
        return data.keys[walk.rows].with_columns(**columns)

    cut = date(2017, 11, 15)
    assert future_differences(predict, *random_rows(), cut=cut, end=END).is_empty()


@needs_keras
@pytest.mark.long
def test_a_day_alone_is_predicted_as_in_a_longer_range():
    data = random_dataset()
    store = OpenStore()
    months = walk_forward(DIRECTION, data, start=date(2017, 11, 1), end=END, store=store)
    whole = prediction_rows(months, data, "lstm")
    day = date(2017, 12, 1)
    alone = make_dataset(*random_rows(), pool=POOL, end=day)
    walk = walk_forward(DIRECTION, alone, start=day, end=day, store=store, may_train=False)
    assert prediction_rows(walk, alone, "lstm").equals(whole.filter(pl.col("date") == day))


@needs_keras
@pytest.mark.long
def test_it_learns_a_pattern_of_earlier_sessions_that_trees_without_lags_cannot_see():
    """The class is the sign of the signal three sessions ago; today's inputs say nothing."""
    sample = iid_sample(3000, seed=1)
    lagged = np.concatenate([np.zeros(3), sample.column("signal")[:-3]])
    sample = replace(sample, direction=np.where(lagged > 0, 2, 0))
    part = Lstm(
        inputs=sample.names, needs=("signal",), sessions=6, units=8, dropout=0.0,
        learning_rate=0.02, batch_rows=64, most_epochs=12, seeds=(1,),
    )  # fmt: skip
    trees = Boosted(needs=("signal",))
    train, unseen = sample.take(np.arange(2400)), sample.take(np.arange(2500, 3000))
    hit_rates = {
        type(each).__name__: float(
            (each.predict(each.fit(train), unseen).argmax(axis=1) == unseen.direction).mean()
        )
        for each in (part, trees)
    }
    assert hit_rates["Lstm"] > 0.9
    assert hit_rates["Boosted"] < 0.6


@needs_keras
@pytest.mark.long
def test_it_finds_nothing_in_noise():
    sample = iid_sample(3000, seed=2)
    part = Lstm(inputs=sample.names, needs=("signal",), sessions=6, units=8, seeds=(1, 2))
    train, unseen = sample.take(np.arange(2400)), sample.take(np.arange(2500, 3000))
    p = part.predict(part.fit(train), unseen)
    gain = np.log(p[np.arange(len(unseen)), unseen.direction] * 3.0)
    assert abs(gain.mean()) < 0.03
    assert p.max() < 0.5
    hits = (p.argmax(axis=1) == unseen.direction).mean()
    assert abs(hits - 1 / 3) < 3 * np.sqrt(2 / 9 / len(unseen))


@needs_keras
@pytest.mark.long
def test_early_stopping_reads_no_label_of_the_predicted_month(monkeypatch):
    """The tail that stops the training ends where the training rows end."""
    tails = []
    of_loss = Lstm._loss

    def noted(part, predicted, sample):
        tails.append((sample.dates.min(), sample.dates.max(), sample.known_on.max()))
        return of_loss(part, predicted, sample)

    monkeypatch.setattr(Lstm, "_loss", noted)
    data = random_dataset()
    walk = walk_forward(DIRECTION, data, store=MemoryStore(), **DECEMBER)
    assert tails
    first_predicted = data.dates[walk.rows].min()
    for first, last, known_on in tails:
        assert first < last < known_on < first_predicted
    assert month_of(data.dates[walk.rows]).min() == np.datetime64("2017-12")


@needs_keras
@pytest.mark.long
def test_a_fold_of_the_model_store_predicts_the_same_when_it_is_read(tmp_path):
    data = random_dataset()
    walks = [
        walk_forward(
            DIRECTION,
            data,
            store=ModelStore(tmp_path, Warehouse(tmp_path / "warehouse.duckdb")),
            may_train=may_train,
            **DECEMBER,
        )
        for may_train in (True, False)
    ]
    assert walks[0].artifacts == walks[1].artifacts
    for name, values in walks[0].columns.items():
        np.testing.assert_array_equal(values, walks[1].columns[name])
    prior = walk_forward(PriorDirection(), data, store=MemoryStore(), **DECEMBER)
    assert walks[0].columns.keys() != prior.columns.keys()
    assert (data.sample.history.previous[:2] == NO_ROW).all()


@needs_keras
@pytest.mark.long
def test_keras_closes_no_stream_of_ours(monkeypatch):
    lstm_training._libraries()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    handler = importlib.import_module("absl.logging").get_absl_handler()
    handler.close()
    assert handler.python_handler.stream is sys.__stderr__
    assert not sys.__stderr__.closed
