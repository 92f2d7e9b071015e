"""Four kinds of leak, each caught by a check of the platform itself."""

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
    """What `future_differences` asks: a whole pipeline from tables to predictions."""

    def predict(features, labels, end):
        data = prepare(make_dataset(features, labels, pool=POOL, end=end))
        found = walk_forward(model, data, start=START, end=end, store=MemoryStore())
        return prediction_rows(found, data, model.name)

    return predict


def leaky_rows(rows=None, since=date(2000, 1, 3), until=END):
    """Features among which a return of the past is, between two dates, one of the future."""
    features, labels = rows or random_rows()
    later = labels.select("date", "ticker", later="fwd_return_5d")
    features = features.join(later, on=["date", "ticker"], how="left", maintain_order="left")
    leaks = pl.col("date").is_between(since, until)
    return features.with_columns(
        returns_1d=pl.when(leaks).then(pl.col("later").fill_null(0.0)).otherwise("returns_1d")
    ).drop("later"), labels


def test_an_honest_model_changes_nothing_when_the_future_is_deleted():
    found = future_differences(predict_with(HONEST), *random_rows(), cut=CUT, end=END)
    assert found.is_empty()


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

    found = truncation_differences(compute, date(2016, 3, 1), *random_market(POOL))
    assert found["column"].unique().to_list() == ["leak"]
    assert found.height == 10  # five sessions of two tickers


@pytest.mark.parametrize("end", [END, date(2017, 2, 28)])
def test_a_label_among_the_features_is_too_good_to_be_true(end):
    features, labels = leaky_rows()
    alarms = direction_alarms(walk(HONEST, features, labels, start=START, end=end), labels)
    assert all(alarm.fires for alarm in alarms), list(map(str, alarms))


def test_a_rank_that_is_known_beforehand_is_too_good_to_be_true():
    _, labels = random_rows()
    known = labels.drop_nulls("fwd_iv_rank_5d")
    today = features_today(known)
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
def test_a_label_among_the_features_of_one_year_does_not_drown_in_honest_ones(since, until, period):
    features, labels = leaky_rows(twelve_years(), since, until)
    data = make_dataset(features, labels, pool=("AAA",), end=END)
    found = walk_forward(HONEST, data, start=date(2008, 1, 2), end=END, store=MemoryStore())
    rows = prediction_rows(found, data, HONEST.name)
    firing = {alarm.period for alarm in direction_alarms(rows, labels) if alarm.fires}
    assert period in firing
    assert "all time" not in firing


def folded_forest(data, *, shuffle):
    """A forest's probabilities over the rows, each fold predicted by the four others."""
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


def test_shuffled_folds_are_too_good_to_be_true_and_folds_in_order_are_not():
    features, labels = twelve_years()
    data = make_dataset(features, labels, pool=("AAA",), end=END)
    shuffled = direction_alarms(folded_forest(data, shuffle=True), labels)
    assert "bull-versus-bear AUC" in {alarm.name for alarm in shuffled if alarm.fires}
    ordered = direction_alarms(folded_forest(data, shuffle=False), labels)
    assert not any(alarm.fires for alarm in ordered), list(map(str, ordered))


@pytest.mark.parametrize("sessions_seen", [10, 21, 60, 250, 2500])
def test_guesses_that_move_slowly_are_no_alarm_however_few_the_rows(sessions_seen):
    _, labels = twelve_years()
    known = labels.drop_nulls("direction").head(sessions_seen)
    for seed in range(20):
        random = np.random.default_rng(seed)
        walk_ = np.cumsum(random.normal(0.0, 0.25, (known.height, 3)), axis=0)
        p = np.exp(walk_ - np.log(np.exp(walk_).sum(axis=1, keepdims=True)))
        names = ("p_bearish", "p_neutral", "p_bullish")
        guesses = known.with_columns(pl.Series(n, p[:, k]) for k, n in enumerate(names))
        found = direction_alarms(guesses, labels)
        assert not any(alarm.fires for alarm in found), list(map(str, found))


def test_three_lucky_rows_are_no_alarm():
    _, labels = random_rows()
    few = labels.filter((pl.col("ticker") == "AAA") & pl.col("direction").is_not_null()).head(3)
    right = few.with_columns(
        pl.when(pl.col("direction") == name).then(0.8).otherwise(0.1).alias(f"p_{name}")
        for name in ("bearish", "neutral", "bullish")
    )
    assert not any(alarm.fires for alarm in direction_alarms(right, labels))
    assert direction_alarms(right, labels.head(0)) == []


def test_a_walk_without_purge_is_refused_before_it_trains():
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    first = np.datetime64("2017-03-01")
    rows = np.arange(len(data.sample))
    unpurged = Fold("2017-03", rows[(data.dates < first) & (data.sample.direction >= 0)],
                    rows[data.dates >= first])  # fmt: skip
    with pytest.raises(LeakError, match="10 rows whose label is known only on"):
        walk_forward(HONEST, data, start=START, end=END, store=MemoryStore(), folds=[unpurged])


def test_a_walk_over_shuffled_folds_is_refused_before_it_trains():
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

    found = future_differences(predict_with(HONEST, standardised), *random_rows(), cut=CUT, end=END)
    assert set(found["column"]) >= {"p_bearish", "p_neutral", "p_bullish"}


@dataclass(frozen=True)
class BatchScaler(PriorDirection):
    """Standardises with the mean of the rows that it predicts."""

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


def test_a_scaler_that_sees_the_test_rows_is_caught_row_by_row():
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    model = BatchScaler()
    train = model.trainable(data.sample)[:600]
    rows = data.sample.take(np.arange(1000, 1040))
    assert len(batch_differences(model, model.fit(data.sample.take(train)), rows)) == 40


@pytest.mark.parametrize("model", [HONEST, ScaledDirection(), PriorDirection()])
def test_an_honest_model_predicts_each_row_from_itself_alone(model):
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    fitted = model.fit(data.sample.take(model.trainable(data.sample)[:600]))
    assert not len(batch_differences(model, fitted, data.sample.take(np.arange(1000, 1040))))


def test_a_calibration_on_test_rows_is_caught_by_truncation():
    def predict(features, labels, end):
        raw = predict_with(HONEST)(features, labels, end)
        known = raw.join(labels, on=["date", "ticker"], suffix="_label")
        # The share of each class over the very rows that are predicted.
        share = {
            name: (known["direction"] == name).mean() for name in ("bearish", "neutral", "bullish")
        }
        return raw.with_columns(pl.col(f"p_{name}") * share[name] for name in share)

    found = future_differences(predict, *random_rows(), cut=CUT, end=END)
    assert set(found["column"]) == {"p_bearish", "p_neutral", "p_bullish"}


@dataclass(frozen=True)
class Peek(PriorDirection):
    """Predicts what its sample says has happened."""

    name: str = "peek"

    def predict(self, artifacts, sample):
        happened = [(sample.direction == k).astype(float) for k in range(3)]
        names = ("bearish", "neutral", "bullish")
        return {f"{self.name}:p_{n}": happened[k] for k, n in enumerate(names)}


def test_a_model_that_looks_for_the_targets_when_it_predicts_finds_none():
    data = make_dataset(*random_rows(), pool=POOL, end=END)
    found = walk_forward(Peek(), data, start=START, end=END, store=MemoryStore())
    assert (data.sample.direction[found.rows] >= 0).any()
    assert all((values == 0.0).all() for values in found.columns.values())
