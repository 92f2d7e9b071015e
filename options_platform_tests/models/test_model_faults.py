"""Shipped models on bad inputs, and identical bits from any run and any number of threads."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from options_platform.models.direction import ScaledDirection
from options_platform.models.memory_store import MemoryStore
from options_platform.models.selection.candidates import CANDIDATES
from options_platform.models.training import walk_forward
from options_platform.models.volatility import ChangeVolatility
from options_platform_tests.models.rows import OpenStore, random_dataset

START, END = date(2017, 3, 1), date(2017, 6, 30)
SHIPPED = [ScaledDirection(), ChangeVolatility()]


def digest(workers):
    """A hash of all folds and predictions of both shipped models."""
    total = hashlib.sha256()
    for model in SHIPPED:
        store = OpenStore()
        walk = walk_forward(
            model, random_dataset(END), start=START, end=END, store=store, workers=workers
        )
        total.update(repr(sorted(store.folds.items())).encode())
        for name in sorted(walk.columns):
            total.update(walk.columns[name].tobytes())
    return total.hexdigest()


@pytest.mark.long
def test_another_process_with_another_number_of_threads_gives_the_same_bits():
    here = digest(workers=1)
    code = "from options_platform_tests.models.test_model_faults import digest; print(digest(1))"
    for threads in ("1", "3"):
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": threads,
            "OPENBLAS_NUM_THREADS": threads,
            "PYTHONHASHSEED": threads,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }
        completed = subprocess.run(
            [sys.executable, "-c", code],
            env=environment, capture_output=True, text=True, check=True, timeout=200,
        )  # fmt: skip
        assert completed.stdout.strip() == here


@pytest.mark.long
def test_two_worker_processes_give_the_same_bits():
    assert digest(workers=2) == digest(workers=1)


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.name)
def test_three_rows_train_no_model(model):
    store = OpenStore()
    data = random_dataset(date(2015, 12, 31))
    walk = walk_forward(model, data, start=date(2015, 12, 1), end=date(2015, 12, 31), store=store)
    assert store.folds == {}
    assert set(walk.model_ids) == {None}
    assert not walk.columns


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.name)
def test_rows_with_missing_inputs_get_no_prediction_and_are_not_trained_on(model):
    data = random_dataset(END)
    inputs = data.sample.inputs.copy()
    hole = (data.dates >= np.datetime64("2017-05-01")) & (data.keys["ticker"] == "AAA").to_numpy()
    inputs[hole] = np.nan
    blank = replace(data, sample=replace(data.sample, inputs=inputs))
    walk = walk_forward(model, blank, start=START, end=END, store=MemoryStore())
    missing = hole[walk.rows]
    for name, values in walk.columns.items():
        assert np.isnan(values[missing]).all(), name
        assert np.isfinite(values[~missing]).all(), name
    assert not set(np.flatnonzero(hole)) & set(model.trainable(blank.sample))


def constant(sample):
    inputs = sample.inputs.copy()
    inputs[:] = np.nanmedian(np.where(np.isfinite(inputs), inputs, 0.0), axis=0)
    return replace(
        sample,
        inputs=inputs,
        direction=np.ones(len(sample), np.int64),
        fwd_return=np.zeros(len(sample)),
        fwd_rv=np.zeros(len(sample)),
        fwd_iv_rank=np.full(len(sample), 0.5),
        regime_differs=np.zeros(len(sample)),
    )


@pytest.mark.parametrize("model", SHIPPED, ids=lambda model: model.name)
def test_a_constant_market_gives_finite_predictions(model):
    sample = constant(random_dataset(END).sample)
    fitted = model.fit(sample.take(model.trainable(sample)[:600]))
    for name, values in model.predict(fitted, sample.take(np.arange(700, 720))).items():
        assert np.isfinite(values).all(), name
        assert len(np.unique(values)) == 1, name


@pytest.mark.parametrize("only", [0, 1, 2])
def test_a_fold_with_one_class_still_predicts_three_probabilities(only):
    data = random_dataset(END)
    model = ScaledDirection()
    trainable = model.trainable(data.sample)[:600]
    single = replace(data.sample, direction=np.full(len(data.sample), only))
    fitted = model.fit(single.take(trainable))
    predictions = model.predict(fitted, data.sample.take(np.arange(700, 760)))
    for name in ("direction", "vix_logit", "prior"):
        p = np.column_stack(
            [predictions[f"{name}:p_{k}"] for k in ("bearish", "neutral", "bullish")]
        )
        assert p.sum(axis=1) == pytest.approx(np.ones(60), abs=1e-12)
        assert (p >= 0).all()


def every_candidate():
    return [
        pytest.param(
            candidate.model,
            id=f"{target}-{candidate.model.name}",
            marks=pytest.mark.skipif(bool(candidate.missing), reason="needs an extra"),
        )
        for target, candidates in CANDIDATES.items()
        for candidate in candidates
        if not {"trees_5_seeds", "logit_trees_calibrated_2y"} & {candidate.model.name}
    ]


@pytest.mark.long
@pytest.mark.parametrize("model", every_candidate())
def test_every_candidate_copes_with_a_missing_class_and_is_reproducible(model):
    data = random_dataset(END)
    two = replace(
        data.sample, direction=np.where(data.sample.direction == 0, 1, data.sample.direction)
    )
    two = replace(two, direction=np.where(data.sample.direction < 0, -1, two.direction))
    rows = two.take(model.trainable(two)[:700])
    fitted = model.fit(rows)
    assert fitted == model.fit(rows)
    ahead = data.sample.take(np.arange(900, 930))
    columns = model.predict(fitted, ahead)
    assert all(np.isfinite(values).all() for values in columns.values())
    probabilities = [values for name, values in columns.items() if ":p_" in name]
    if probabilities:
        assert sum(probabilities) == pytest.approx(np.ones(30), abs=1e-6)
