"""What a backfill tells about its models: every cut is scored, the newest folds are looked into."""

import json
from datetime import UTC, date, datetime

import polars as pl
import pytest

from options_platform.contracts import MODEL_IMPORTANCE, MODEL_SCORES, TRIAL_FOLDS, TRIALS
from options_platform.models import study as module
from options_platform.models.backfill_trials import backfill_trials
from options_platform.models.candidates import CANDIDATES
from options_platform.models.direction import predict_direction
from options_platform.models.promotion import DEFAULT
from options_platform.models.study import NAIVE, SHIPPED, Tables, study
from options_platform.models.volatility import predict_volatility
from options_platform_tests.models.rows import POOL, OpenStore, random_rows

NOW = datetime(2026, 1, 2, tzinfo=UTC)
START, END = date(2017, 3, 1), date(2017, 6, 30)


@pytest.mark.parametrize("target", ["direction", "iv_rank"])
def test_a_study_scores_every_cut_and_looks_into_the_newest_folds(target, monkeypatch):
    monkeypatch.setattr(module, "NEWEST_FOLDS", 2)
    features, labels = random_rows()
    features, labels = (frame.filter(pl.col("date") <= END) for frame in (features, labels))
    # GARCH has its own tests; here it forecasts what the last month was.
    features = features.with_columns(garch_forecast="hv_20")
    store = OpenStore()
    span = {"start": START, "end": END, "pool": POOL, "store": store}
    volatility, ranks = predict_volatility(features, labels, tickers=POOL, **span)
    predictions = ranks
    if target == "direction":
        _, predictions = predict_direction(features, labels, tickers=POOL, **span)
    trained = len(store.folds)
    tables = Tables(features, labels, predictions, volatility)
    found = study(target, tables, champion=DEFAULT[target], **span)
    assert len(store.folds) == trained
    MODEL_SCORES.validate(found.scores)
    MODEL_IMPORTANCE.validate(found.importance)
    own = found.scores.filter((pl.col("model") == SHIPPED[target]) & (pl.col("ticker") == "ALL"))
    periods = set(own["period"])
    assert {"all", "2017", "sessions 1-21", "sessions 22-42", "sessions 43-63"} <= periods
    assert any(period.startswith("regime ") for period in periods)
    assert found.importance["fold"].unique().sort().to_list() == ["2017-05", "2017-06"]
    assert found.calibration.is_empty() == (target == "iv_rank")
    trials = backfill_trials(
        target, found, tables, champion=DEFAULT[target], start=START, end=END, tried_at=NOW
    )
    rows = pl.concat([trial.row for trial in trials]).sort("model")
    TRIALS.validate(rows)
    TRIAL_FOLDS.validate(pl.concat([trial.folds for trial in trials]))
    assert {DEFAULT[target], NAIVE[target]} <= set(rows["model"])
    assert rows["purpose"].unique().to_list() == ["backfill"]
    assert rows["parameters"].n_unique() == rows.height == len(trials)
    champion = rows.filter(model=DEFAULT[target]).row(0, named=True)
    (candidate,) = (c for c in CANDIDATES[target] if c.model.name == DEFAULT[target])
    assert json.loads(champion["parameters"]) == json.loads(
        json.dumps({**candidate.model.parameters, "pooled": True})
    )
    naive = rows.filter(model=NAIVE[target])["loss"].item()
    assert champion["naive_loss"] == pytest.approx(naive)
