"""Walk-forward training with small versions of the real models and a store in memory."""

import hashlib
from dataclasses import replace
from datetime import date
from importlib.metadata import version

import numpy as np
import polars as pl
import pytest

from options_platform.models import training
from options_platform.models.base import MIN_SESSIONS, to_json
from options_platform.models.dataset import make_dataset
from options_platform.models.direction import ScaledDirection, SeedDirection
from options_platform.models.parts.boosted import Boosted
from options_platform.models.training import NotStoredError, walk_forward
from options_platform.models.volatility import ChangeVolatility, SeedVolatility
from options_platform.models.walk_forward import monthly_folds
from options_platform_tests.models.rows import (
    END,
    POOL,
    OpenStore,
    random_dataset,
    random_rows,
)


def small(model):
    """The same model with eight rounds of trees only."""
    parts = [replace(p, rounds=8) if isinstance(p, Boosted) else p for p in model.parts]
    return replace(model, parts=tuple(parts))


DIRECTION = small(ScaledDirection())
VOLATILITY = small(ChangeVolatility())
MODELS = (
    DIRECTION,
    VOLATILITY,
    SeedDirection(rounds=8),
    SeedVolatility(rounds=8),
)
HASH_OF_THE_FILES = "98b3e299b86c9ab6f45e18d05c9047e304dc55fed6b3302ee3d4ec2d14c94b4e"
"""Digest in the hashes of folds stored while source files were hashed."""
LAST_MONTHS = {"start": date(2017, 10, 2), "end": END}


def walk(store, model=DIRECTION, data=None, **options):
    span = LAST_MONTHS | options
    return walk_forward(model, data or random_dataset(), store=store, **span)


def assert_same(left, right):
    assert left.columns.keys() == right.columns.keys()
    for name, values in left.columns.items():
        np.testing.assert_array_equal(values, right.columns[name])


def test_a_stored_fold_is_not_trained_again_and_predicts_the_same():
    store = OpenStore()
    first = walk(store)
    assert sorted(fold for _, fold in store.records) == ["2017-10", "2017-11", "2017-12"]
    # The store refuses to store a fold twice.
    assert_same(first, walk(store))
    assert first.model_ids == walk(store).model_ids


def test_only_the_months_that_are_missing_are_trained():
    store, reports = OpenStore(), []
    walk(store, start=date(2017, 10, 2), end=date(2017, 10, 31))
    walk(store, progress=lambda *report: reports.append(report))
    assert reports == [("direction: monthly folds trained", done, 2) for done in (1, 2)]


def test_other_parameters_or_training_rows_make_another_fold():
    store = OpenStore()
    walk(store)
    scaled, trees = DIRECTION.parts
    walk(store, replace(DIRECTION, parts=(scaled, replace(trees, reg_lambda=21.0))))
    assert len(store.folds) == 6
    features, labels = random_rows()
    touched = features.with_columns(
        rsi_14=pl.when((pl.col("date") == date(2017, 11, 1)) & (pl.col("ticker") == "AAA"))
        .then(pl.col("rsi_14") + 1e-9)
        .otherwise("rsi_14")
    )
    walk(store, data=make_dataset(touched, labels, pool=POOL, end=END))
    # The row of 1 November is a training row of December only.
    assert len(store.folds) == 7


def test_a_run_that_must_not_train_reports_how_many_folds_are_not_stored():
    store = OpenStore()
    walk(store, start=date(2017, 12, 1))
    with pytest.raises(NotStoredError, match="direction: 2 folds are not stored"):
        walk(store, may_train=False)
    assert len(store.folds) == 1
    assert walk(store, start=date(2017, 12, 1), may_train=False).model_ids[0] is not None


def test_months_without_a_year_of_data_have_no_model():
    store = OpenStore()
    # The VIX rank starts with the 252nd session, in January 2016; a year of ranks ends in 2017.
    results = walk(store, VOLATILITY, start=date(2016, 12, 1), end=date(2017, 3, 31))
    trained = {fold for _, fold in store.records}
    assert "2016-12" not in trained
    assert "2017-03" in trained
    without = np.array([fold not in trained for fold in results.folds])
    assert without.any()
    assert [model_id is None for model_id in results.model_ids] == without.tolist()
    assert np.isnan(results.columns["volatility:iv_rank_pred"][without]).all()
    assert np.isfinite(results.columns["volatility:iv_rank_pred"][~without]).all()
    for record in store.records.values():
        assert record.train_rows >= MIN_SESSIONS * len(POOL)


def test_a_range_without_a_year_of_earlier_data_trains_nothing():
    store = OpenStore()
    results = walk(store, start=date(2015, 6, 1), end=date(2015, 7, 31))
    assert store.folds == {}
    assert results.columns == {}
    assert set(results.model_ids) == {None}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_the_same_rows_give_the_same_bytes(model):
    first, again = OpenStore(), OpenStore()
    walk(first, model)
    walk(again, model)
    assert first.folds == again.folds
    assert len(first.folds) == 3


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_a_prediction_does_not_depend_on_its_batch(model):
    store = OpenStore()
    results = walk(store, model)
    sample = random_dataset().sample
    for at in range(0, len(results.rows), 9):
        fold = store.records[model.name, results.folds[at]]
        artifacts = store.folds[model.name, fold.fold, fold.input_hash]
        alone = model.predict(artifacts, sample.take(results.rows[at : at + 1]))
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], results.columns[name][at])


def test_a_single_session_is_predicted_as_in_a_long_range():
    store = OpenStore()
    whole = walk(store)
    day = np.datetime64("2017-11-15")
    alone = walk(store, start=day.astype(date), end=day.astype(date))
    inside = np.isin(whole.rows, alone.rows)
    assert inside.sum() == len(POOL)
    for name, values in alone.columns.items():
        np.testing.assert_array_equal(values, whole.columns[name][inside])


def test_the_number_of_workers_changes_nothing():
    one_worker, two_workers = OpenStore(), OpenStore()
    span = {"start": date(2017, 9, 1)}
    assert_same(walk(one_worker, **span), walk(two_workers, **span, workers=2))
    assert one_worker.folds == two_workers.folds
    assert len(two_workers.folds) == 4


def test_data_after_a_month_do_not_change_its_fold():
    whole, short = OpenStore(), OpenStore()
    walk(whole)
    early = make_dataset(*random_rows(), pool=POOL, end=date(2017, 10, 31))
    walk(short, data=early, end=date(2017, 10, 31))
    assert set(short.folds) < set(whole.folds)


def test_no_label_known_only_in_the_month_is_trained_on():
    store = OpenStore()
    walk(store)
    data = random_dataset()
    for (_, month), record in store.records.items():
        newest = data.dates == np.datetime64(record.train_end)
        assert (data.known_on[newest] < np.datetime64(f"{month}-01")).all()
        later = data.dates > np.datetime64(record.train_end)
        assert (data.known_on[later] >= np.datetime64(f"{month}-01")).all()


def test_a_window_trains_on_its_last_sessions_only():
    store = OpenStore()
    walk(store, replace(MODELS[2], window_sessions=300))
    assert {record.train_rows for record in store.records.values()} == {300 * len(POOL)}


def test_an_embargo_leaves_out_the_newest_labels_of_a_fold():
    plain, with_embargo = OpenStore(), OpenStore()
    walk(plain)
    walk(with_embargo, replace(DIRECTION, embargo_sessions=21))
    days = np.unique(random_dataset().dates)
    for key, record in plain.records.items():
        end = with_embargo.records[key].train_end
        assert np.isin(days, np.arange(end, record.train_end)).sum() == 21


def test_a_fold_stored_under_the_former_source_hash_is_read_and_not_trained():
    store = OpenStore()
    walk(store, start=date(2017, 12, 1))
    record = store.records["direction", "2017-12"]
    data = random_dataset()
    (fold,) = monthly_folds(
        data.dates,
        data.known_on,
        np.isin(np.arange(len(data.sample)), DIRECTION.trainable(data.sample)),
        start=date(2017, 12, 1),
        end=END,
        window_sessions=DIRECTION.window_sessions,
        embargo_sessions=DIRECTION.embargo_sessions,
    )
    digest = hashlib.sha256(to_json({"model": "direction", **DIRECTION.parameters}))
    libraries = ("scikit-learn", "xgboost-cpu", "numpy")
    digest.update(repr([(name, version(name)) for name in libraries]).encode())
    digest.update(bytes.fromhex(HASH_OF_THE_FILES))
    digest.update(training._row_hashes(data)[fold.train].tobytes())
    assert record.input_hash == digest.hexdigest()[:32]


def test_another_fitting_version_needs_other_folds(monkeypatch):
    store = OpenStore()
    walk(store)
    monkeypatch.setattr(training, "FITTING_VERSION", "a version that never was")
    walk(store)
    assert len(store.folds) == 6


def test_every_row_of_the_range_has_its_month_as_fold():
    results = walk(OpenStore())
    months = random_dataset().dates[results.rows].astype("datetime64[M]").astype(str)
    assert results.folds == months.tolist()
    assert len(results.rows) == 63 * len(POOL)
