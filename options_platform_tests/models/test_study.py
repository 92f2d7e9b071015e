"""What a backfill tells about its models: every cut is scored, the newest folds are looked into."""

from datetime import date

import polars as pl
import pytest

from options_platform.contracts import MODEL_IMPORTANCE, MODEL_SCORES
from options_platform.models import study as module
from options_platform.models.direction import predict_direction
from options_platform.models.promotion import DEFAULT
from options_platform.models.study import SHIPPED, Tables, study
from options_platform.models.volatility import predict_volatility
from options_platform_tests.models.rows import POOL, OpenStore, random_rows

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
