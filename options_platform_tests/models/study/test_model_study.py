"""Study of models after a backfill: all slices are scored, the newest folds analysed, trials
recorded."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.contracts import MODEL_IMPORTANCE, MODEL_SCORES, TRIAL_FOLDS, TRIALS
from options_platform.models.direction import predict_direction
from options_platform.models.promotion import DEFAULT
from options_platform.models.selection.candidates import CANDIDATES
from options_platform.models.study import model_study as module
from options_platform.models.study.backfill_trials import backfill_trials
from options_platform.models.study.model_study import NAIVE, SHIPPED, Tables, study
from options_platform.models.volatility import predict_volatility
from options_platform_tests.models.rows import POOL, OpenStore, random_rows

NOW = datetime(2026, 1, 2, tzinfo=UTC)
START, END = date(2017, 3, 1), date(2017, 6, 30)


@pytest.mark.parametrize("target", ["direction", "iv_rank"])
def test_a_study_scores_every_slice_and_analyses_the_newest_folds(target, monkeypatch):
    monkeypatch.setattr(module, "NEWEST_FOLDS", 2)
    features, labels = random_rows()
    features, labels = (frame.filter(pl.col("date") <= END) for frame in (features, labels))
    # GARCH has separate tests; here its forecast is replaced by last month's volatility.
    features = features.with_columns(garch_forecast="hv_20")
    store = OpenStore()
    span = {"start": START, "end": END, "pool": POOL, "store": store}
    volatility, ranks = predict_volatility(features, labels, tickers=POOL, **span)
    predictions = ranks
    if target == "direction":
        _, predictions = predict_direction(features, labels, tickers=POOL, **span)
    trained = len(store.folds)
    tables = Tables(features, labels, predictions, volatility)
    result = study(target, tables, champion=DEFAULT[target], **span)
    assert len(store.folds) == trained
    MODEL_SCORES.validate(result.scores)
    MODEL_IMPORTANCE.validate(result.importance)
    shipped_scores = result.scores.filter(
        (pl.col("model") == SHIPPED[target]) & (pl.col("ticker") == "ALL")
    )
    periods = set(shipped_scores["period"])
    assert {"all", "2017", "sessions 1-21", "sessions 22-42", "sessions 43-63"} <= periods
    assert any(period.startswith("regime ") for period in periods)
    assert result.importance["fold"].unique().sort().to_list() == ["2017-05", "2017-06"]
    assert result.calibration.is_empty() == (target == "iv_rank")


@pytest.fixture(scope="module", params=["direction", "iv_rank"])
def backfill(request):
    """A target, its stored predictions (the seed baseline included) and labels of four months."""
    features, labels = random_rows()
    predict = predict_direction if request.param == "direction" else predict_volatility
    _, predictions = predict(
        features.filter(pl.col("date") <= END), labels.filter(pl.col("date") <= END),
        start=START, end=END, tickers=POOL, pool=POOL, store=OpenStore(), baselines=("seed",),
    )  # fmt: skip
    return request.param, predictions, labels


def trials_of(backfill, *, start=START, end=END, tickers=POOL):
    target, predictions, labels = backfill
    trials = backfill_trials(
        target, predictions, labels, champion=DEFAULT[target], data_hash="d", tickers=tickers,
        start=start, end=end, tried_at=NOW,
    )  # fmt: skip
    rows = pl.concat([trial.row for trial in trials])
    folds = pl.concat([trial.folds for trial in trials])
    TRIALS.validate(rows)
    TRIAL_FOLDS.validate(folds)
    return rows, folds


def test_a_backfill_is_a_trial_of_each_of_its_models(backfill):
    target, predictions, _ = backfill
    rows, _ = trials_of(backfill)
    baselines = set(predictions["model"]) - {SHIPPED[target]}
    assert set(rows["model"]) == baselines | {DEFAULT[target]}
    assert {NAIVE[target], f"seed_{target.replace('iv_rank', 'volatility')}"} <= baselines
    assert rows["purpose"].unique().to_list() == ["backfill"]
    assert rows["parameters"].n_unique() == rows["trial_id"].n_unique() == rows.height
    naive = rows.filter(model=NAIVE[target]).row(0, named=True)
    assert naive["naive_loss"] == pytest.approx(naive["loss"])


def test_a_trial_scores_exactly_its_months_and_tickers(backfill):
    target, *_ = backfill
    whole, _ = trials_of(backfill)
    rows, folds = trials_of(backfill, start=date(2017, 5, 1), end=date(2017, 6, 15))
    assert folds["fold"].unique().sort().to_list() == ["2017-05", "2017-06"]
    for row in rows.iter_rows(named=True):
        trial_folds = folds.filter(trial_id=row["trial_id"])
        assert trial_folds["rows"].sum() == row["rows"]
        for name in ("loss", "naive_loss"):
            mean = (trial_folds[name] * trial_folds["rows"]).sum() / row["rows"]
            assert mean == pytest.approx(row[name] if target == "direction" else row[name] ** 2)
    one_ticker, _ = trials_of(backfill, tickers=POOL[:1])
    assert one_ticker["rows"].sum() * 2 == whole["rows"].sum()
    assert not set(one_ticker["trial_id"]) & set(whole["trial_id"])


def test_a_repeated_backfill_is_the_same_trial(backfill):
    first, folds = trials_of(backfill)
    again, same_folds = trials_of(backfill, tickers=POOL[::-1])
    assert again.equals(first)
    assert same_folds.equals(folds)
    assert not set(trials_of(backfill, start=date(2017, 4, 3))[0]["trial_id"]) & set(
        first["trial_id"]
    )


def test_a_baseline_that_is_also_a_candidate_counts_once(backfill):
    target, *_ = backfill
    rows, _ = trials_of(backfill)
    candidates = {
        json.dumps({**c.model.parameters, "pooled": c.pooled}, sort_keys=True): c.model.name
        for c in reversed(CANDIDATES[target])  # with a family it has the parameters of its blend
    }
    shared = {candidates[text] for text in rows["parameters"] if text in candidates}
    wanted = {"direction": {"prior", "logit"}, "iv_rank": {"ar1"}}[target]
    assert shared == wanted | {DEFAULT[target]}
