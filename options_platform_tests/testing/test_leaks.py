"""Four kinds of leak, each caught by a check that the platform runs."""

from dataclasses import dataclass, replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

from options_platform.models.base import from_json, to_json
from options_platform.models.baselines import PriorDirection
from options_platform.models.dataset import make_dataset
from options_platform.models.direction import ScaledDirection, prediction_rows
from options_platform.models.linear import fit_logit, predict_logit
from options_platform.models.memory_store import MemoryStore
from options_platform.models.monitoring.alarms import direction_alarms, volatility_alarms
from options_platform.models.parts.blend import DirectionBlend
from options_platform.models.parts.logits import Logit
from options_platform.models.training import walk_forward
from options_platform.models.walk_forward import Fold, LeakError
from options_platform.testing.leaks import batch_differences, future_differences
from options_platform.testing.look_ahead import truncation_differences
from options_platform.testing.market import random_market
from options_platform_tests.models.rows import POOL, features_and_labels, random_rows, walk

START, CUT, END = date(2017, 1, 3), date(2017, 6, 14), date(2017, 9, 29)
HONEST = DirectionBlend("logit", (Logit(inputs=("returns_1d",), logs=("vix", "hv_20")),))


def predict_with(model, prepare=lambda data: data):
    """A whole pipeline from tables to predictions, for `future_differences`."""

    def predict(features, labels, end):
        data = prepare(make_dataset(features, labels, pool=POOL, end=end))
        results = walk_forward(model, data, start=START, end=end, store=MemoryStore())
        return prediction_rows(results, data, model.name)

    return predict


def leaky_rows(rows=None, since=date(2000, 1, 3), until=END):
    """Features whose past return is replaced by a future one between two dates."""
    features, labels = rows or random_rows()
    later = labels.select("date", "ticker", later="fwd_return_5d")
    features = features.join(later, on=["date", "ticker"], how="left", maintain_order="left")
    leaks = pl.col("date").is_between(since, until)
    return features.with_columns(
        returns_1d=pl.when(leaks).then(pl.col("later").fill_null(0.0)).otherwise("returns_1d")
    ).drop("later"), labels


def test_deleting_the_future_changes_no_prediction_of_an_honest_model():
    changed = future_differences(predict_with(HONEST), *random_rows(), cut=CUT, end=END)
    assert changed.is_empty()


def test_an_honest_model_raises_no_alarm():
    features, labels = random_rows()
    predictions = walk(HONEST, features, labels, start=START, end=END)
    alarms = direction_alarms(predictions, labels)
    assert [alarm.metric for alarm in alarms] == ["macro AUC", "bull-versus-bear AUC"]
    assert not any(alarm.fires for alarm in alarms), list(map(str, alarms))


def test_a_label_among_the_features_is_caught_by_truncation():
    def compute(bars, vix):
        features, labels = features_and_labels(bars, vix)
        return features.join(
            labels.select("date", "ticker", leak="fwd_return_5d"), on=["date", "ticker"]
        )

    changed = truncation_differences(compute, date(2016, 3, 1), *random_market(POOL))
    assert changed["column"].unique().to_list() == ["leak"]
    assert changed.height == 10  # five sessions of two tickers


@pytest.mark.parametrize("end", [END, date(2017, 2, 28)])
def test_a_label_among_the_features_is_too_good_to_be_true(end):
    features, labels = leaky_rows()
    alarms = direction_alarms(walk(HONEST, features, labels, start=START, end=end), labels)
    assert all(alarm.fires for alarm in alarms), list(map(str, alarms))


def test_a_rank_forecast_that_uses_the_future_is_too_good_to_be_true():
    _, labels = random_rows()
    labelled = labels.drop_nulls("fwd_iv_rank_5d")
    today = features_today(labelled)
    oracle = today.with_columns(iv_rank_pred=pl.col("iv_rank") + 0.7 * pl.col("change"))
    assert all(alarm.fires for alarm in volatility_alarms(oracle, labels))
    honest = today.with_columns(iv_rank_pred=pl.col("iv_rank") * 0.9 + 0.05)
    assert not any(alarm.fires for alarm in volatility_alarms(honest, labels))


def features_today(labels):
    features, _ = random_rows()
    joined = labels.join(features.select("date", "ticker", "iv_rank"), on=["date", "ticker"])
    return joined.drop_nulls("iv_rank").with_columns(
        change=pl.col("fwd_iv_rank_5d") - pl.col("iv_rank")
    )


@cache
def twelve_years():
    bars, vix = random_market(("AAA",), start=date(2006, 1, 3), end=END)
    return features_and_labels(bars, vix)


@pytest.mark.parametrize(
    ("since", "until", "period"),
    [
        (date(2011, 1, 3), date(2011, 12, 30), "the year 2011"),
        (date(2016, 9, 29), END, "the newest 12 months"),
    ],
)
def test_a_leak_in_one_year_is_detected_among_honest_years(since, until, period):
    features, labels = leaky_rows(twelve_years(), since, until)
    data = make_dataset(features, labels, pool=("AAA",), end=END)
    results = walk_forward(HONEST, data, start=date(2008, 1, 2), end=END, store=MemoryStore())
    rows = prediction_rows(results, data, HONEST.name)
    firing = {alarm.period for alarm in direction_alarms(rows, labels) if alarm.fires}
    assert period in firing
    assert "all time" not in firing


def folded_forest(data, *, shuffle):
    """Probabilities of a random forest, each fold predicted by a fit on the other four."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import KFold, cross_val_predict

    rows = np.flatnonzero(data.sample.direction >= 0)[-1250:]
    forest = RandomForestClassifier(20, min_samples_leaf=3, random_state=0)
    p = cross_val_predict(
        forest,
        np.nan_to_num(data.sample.inputs[rows]),
        data.sample.direction[rows],
        cv=KFold(5, shuffle=shuffle, random_state=0 if shuffle else None),
        method="predict_proba",
    )
    names = ("p_bearish", "p_neutral", "p_bullish")
    return data.keys[rows].with_columns(pl.Series(n, p[:, k]) for k, n in enumerate(names))


def test_shuffled_folds_raise_an_alarm_and_chronological_folds_do_not():
    features, labels = twelve_years()
    data = make_dataset(features, labels, pool=("AAA",), end=END)
    shuffled = direction_alarms(folded_forest(data, shuffle=True), labels)
    assert "bull-versus-bear AUC" in {alarm.name for alarm in shuffled if alarm.fires}
    ordered = direction_alarms(folded_forest(data, shuffle=False), labels)
    assert not any(alarm.fires for alarm in ordered), list(map(str, ordered))


@pytest.mark.parametrize("sessions_seen", [10, 21, 60, 250, 2500])
def test_slowly_changing_guesses_raise_no_alarm_on_any_number_of_rows(sessions_seen):
    _, labels = twelve_years()
    labelled = labels.drop_nulls("direction").head(sessions_seen)
    for seed in range(20):
        random = np.random.default_rng(seed)
        walk_ = np.cumsum(random.normal(0.0, 0.25, (labelled.height, 3)), axis=0)
        p = np.exp(walk_ - np.log(np.exp(walk_).sum(axis=1, keepdims=True)))
        names = ("p_bearish", "p_neutral", "p_bullish")
        guesses = labelled.with_columns(pl.Series(n, p[:, k]) for k, n in enumerate(names))
        alarms = direction_alarms(guesses, labels)
        assert not any(alarm.fires for alarm in alarms), list(map(str, alarms))


def test_three_lucky_rows_raise_no_alarm():
    _, labels = random_rows()
    few = labels.filter((pl.col("ticker") == "AAA") & pl.col("direction").is_not_null()).head(3)
    right = few.with_columns(
        pl.when(pl.col("direction") == name).then(0.8).otherwise(0.1).alias(f"p_{name}")
        for name in ("bearish", "neutral", "bullish")
    )
    assert not any(alarm.fires for alarm in direction_alarms(right, labels))
    assert direction_alarms(right, labels.head(0)) == []


def test_a_walk_forward_without_purge_is_refused_before_training():
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    first = np.datetime64("2017-03-01")
    rows = np.arange(len(data.sample))
    unpurged = Fold("2017-03", rows[(data.dates < first) & (data.sample.direction >= 0)],
                    rows[data.dates >= first])  # fmt: skip
    with pytest.raises(LeakError, match="10 rows whose label is known only on"):
        walk_forward(HONEST, data, start=START, end=END, store=MemoryStore(), folds=[unpurged])


def test_a_walk_forward_over_shuffled_folds_is_refused_before_training():
    from sklearn.model_selection import KFold

    data = make_dataset(*random_rows(), pool=POOL, end=END)
    rows = np.flatnonzero(HONEST.trainable(data.sample) >= 0)
    split = KFold(5, shuffle=True, random_state=0).split(rows)
    folds = [Fold(str(k), rows[train], rows[test]) for k, (train, test) in enumerate(split)]
    with pytest.raises(LeakError):
        walk_forward(HONEST, data, start=START, end=END, store=MemoryStore(), folds=folds)


def test_a_scaler_fitted_on_all_rows_is_caught_by_truncation():
    def standardised(data):
        inputs = data.sample.inputs
        filled = np.nan_to_num(inputs)
        positive = np.exp((inputs - filled.mean(axis=0)) / (filled.std(axis=0) + 1e-9))
        return replace(data, sample=replace(data.sample, inputs=positive))

    changed = future_differences(
        predict_with(HONEST, standardised), *random_rows(), cut=CUT, end=END
    )
    assert set(changed["column"]) >= {"p_bearish", "p_neutral", "p_bullish"}


@dataclass(frozen=True)
class BatchScaler(PriorDirection):
    """Standardises inputs with the mean of the rows it predicts, which is a leak."""

    name: str = "batch_scaler"

    def fit(self, sample):
        inputs = sample.matrix(self.needs)
        fit = fit_logit(inputs - inputs.mean(axis=0), sample.direction, classes=3,
                        inverse_penalty=1.0)  # fmt: skip
        return {"fit.json": to_json(fit)}

    def predict(self, artifacts, sample):
        inputs = sample.matrix(self.needs)
        p = predict_logit(from_json(artifacts["fit.json"]), inputs - inputs.mean(axis=0))
        return {
            f"{self.name}:p_{n}": p[:, k] for k, n in enumerate(("bearish", "neutral", "bullish"))
        }


def test_a_scaler_fitted_on_the_test_rows_is_caught_by_predicting_single_rows():
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    model = BatchScaler()
    train = model.trainable(data.sample)[:600]
    rows = data.sample.take(np.arange(1000, 1040))
    assert len(batch_differences(model, model.fit(data.sample.take(train)), rows)) == 40


@pytest.mark.parametrize("model", [HONEST, ScaledDirection(), PriorDirection()])
def test_an_honest_model_predicts_a_row_independently_of_the_others(model):
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    fitted = model.fit(data.sample.take(model.trainable(data.sample)[:600]))
    assert not len(batch_differences(model, fitted, data.sample.take(np.arange(1000, 1040))))


def test_a_calibration_on_test_rows_is_caught_by_truncation():
    def predict(features, labels, end):
        raw = predict_with(HONEST)(features, labels, end)
        labelled = raw.join(labels, on=["date", "ticker"], suffix="_label")
        # Class frequencies of the same rows that are predicted: the leak.
        share = {
            name: (labelled["direction"] == name).mean()
            for name in ("bearish", "neutral", "bullish")
        }
        return raw.with_columns(pl.col(f"p_{name}") * share[name] for name in share)

    changed = future_differences(predict, *random_rows(), cut=CUT, end=END)
    assert set(changed["column"]) == {"p_bearish", "p_neutral", "p_bullish"}


@dataclass(frozen=True)
class Peek(PriorDirection):
    """Predicts the target in its sample, if the sample contains it."""

    name: str = "peek"

    def predict(self, artifacts, sample):
        happened = [(sample.direction == k).astype(float) for k in range(3)]
        names = ("bearish", "neutral", "bullish")
        return {f"{self.name}:p_{n}": happened[k] for k, n in enumerate(names)}


def test_a_model_gets_no_targets_at_prediction_time():
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    results = walk_forward(Peek(), data, start=START, end=END, store=MemoryStore())
    assert (data.sample.direction[results.rows] >= 0).any()
    assert all((values == 0.0).all() for values in results.columns.values())
