"""The champion in MLflow's registry loads anywhere and predicts the stored values."""

import shutil
from datetime import UTC, date, datetime

import mlflow
import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.client import open_client
from options_platform.adapters.tracking.model_registry import ModelRegistry
from options_platform.adapters.tracking.model_store import PARENT_TAG, ModelStore
from options_platform.contracts import MODEL_FOLDS, MODEL_PREDICTIONS, TRIAL_FOLDS, TRIALS
from options_platform.models.dataset import input_table, make_dataset
from options_platform.models.direction import PROBABILITIES, predict_direction
from options_platform.models.promotion import DEFAULT, blend_of
from options_platform.models.volatility import predict_volatility
from options_platform_tests.mlflow_store import give_store
from options_platform_tests.models.rows import POOL, random_rows
from options_platform_tests.models.test_promotion import FOLDS, trial

NOW = datetime(2026, 1, 2, tzinfo=UTC)
START, END = date(2017, 5, 1), date(2017, 6, 30)
PREDICT = {"direction": predict_direction, "iv_rank": predict_volatility}
COLUMNS = {
    "direction": {f"direction:{name}": name for name in PROBABILITIES},
    "iv_rank": {"volatility:iv_rank_pred": "iv_rank_pred"},
}


@pytest.fixture
def registry(tmp_path):
    give_store(tmp_path)
    return ModelRegistry(tmp_path, Warehouse(tmp_path / "warehouse.duckdb"))


def backfill(registry, target, *, start=START, end=END):
    """Train, predict, store and publish, as the asset does."""
    store = ModelStore(registry.home, registry.warehouse)
    features, labels = (frame.filter(pl.col("date") <= end) for frame in random_rows())
    shipped, every = PREDICT[target](
        features, labels, start=start, end=end, tickers=POOL, pool=POOL, store=store,
        champion=blend_of(target, registry.champion(target)),
    )  # fmt: skip
    registry.warehouse.write([(MODEL_PREDICTIONS, every)])
    published = registry.publish(
        target, shipped, store=store, example=input_table(features.tail(2))
    )
    if published is not None:
        registry.describe(target, published.number, model="predicts", version=published.variant)


def stored_and_served(registry, target, alias="champion"):
    """The stored predictions of the newest session, and those of the registry's model."""
    own = pl.col("model") == next(iter(COLUMNS[target])).partition(":")[0]
    stored = registry.warehouse.read(MODEL_PREDICTIONS).filter(own).sort("date", "ticker")
    newest = stored.filter(pl.col("date") == pl.col("date").max())
    data = make_dataset(*random_rows(), pool=POOL, end=newest["date"][0])
    rows = data.sample.take(np.flatnonzero(data.dates == data.dates.max()))
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{registry.home / 'mlflow.db'}")
    try:
        model = mlflow.pyfunc.load_model(f"models:/{target}@{alias}")
    finally:
        mlflow.set_tracking_uri(before)
    served = model.predict(pl.DataFrame(rows.inputs, schema=list(rows.names)).to_pandas())
    return (
        newest.select(COLUMNS[target].values()).to_numpy(),
        served[list(COLUMNS[target])].to_numpy(),
    )


def versions(registry, target):
    found = open_client(registry.home).search_model_versions(f"name = '{target}'")
    return {int(each.version): each.tags["variant"] for each in found}


def aliases(registry, target):
    registered = open_client(registry.home).get_registered_model(target)
    return {alias: int(number) for alias, number in registered.aliases.items()}


@pytest.mark.parametrize("target", ["direction", "iv_rank"])
def test_the_registered_champion_predicts_the_stored_values(registry, target):
    backfill(registry, target)
    stored, served = stored_and_served(registry, target)
    assert np.isfinite(stored).all()
    assert np.array_equal(stored, served)
    assert versions(registry, target) == {1: DEFAULT[target]}
    # The same again, and months before the newest session, are no new version.
    backfill(registry, target)
    backfill(registry, target, end=date(2017, 5, 31))
    assert versions(registry, target) == {1: DEFAULT[target]}
    assert aliases(registry, target) == {"champion": 1}
    client = open_client(registry.home)
    (version,) = client.search_model_versions(f"name = '{target}'")
    fold = registry.warehouse.read(MODEL_FOLDS).filter(model_id=version.tags["model_id"])
    assert fold["fold"].to_list() == ["2017-06"]
    assert version.run_id == client.get_run(fold["run_id"].item()).data.tags[PARENT_TAG]


@pytest.mark.long
def test_a_recreated_store_registers_the_stored_folds(registry, tmp_path):
    backfill(registry, "direction")
    # MLflow keeps a store open, so that one process cannot lose it and make it anew.
    home = tmp_path / "another"
    shutil.copytree(registry.home, home, ignore=lambda *_: ["another", "mlflow.db"])
    other = ModelRegistry(home, Warehouse(home / "warehouse.duckdb"))
    backfill(other, "direction")
    stored, served = stored_and_served(other, "direction")
    assert np.array_equal(stored, served)
    assert aliases(other, "direction") == {"champion": 1}


def test_the_aliases_follow_promotion_and_rollback(registry):
    champion = DEFAULT["direction"]
    backfill(registry, "direction")
    random = np.random.default_rng(0)
    naive = random.normal(1.10, 0.10, len(FOLDS))
    losses = naive - 0.04 + random.normal(0, 0.05, len(FOLDS))
    better = losses - 0.02 + random.normal(0, 0.03, len(FOLDS))
    for name, each in ((champion, losses), ("logit_wide", better)):
        row, folds = trial(name, each, naive)
        registry.warehouse.upsert(TRIALS, row)
        registry.warehouse.upsert(TRIAL_FOLDS, folds)
    registry.promote("direction", "logit_wide", now=NOW)
    # It has no model before its first backfill.
    assert aliases(registry, "direction") == {"champion": 1, "previous": 1}
    backfill(registry, "direction")
    assert versions(registry, "direction") == {1: champion, 2: "logit_wide"}
    assert aliases(registry, "direction") == {"champion": 2, "previous": 1}
    stored, served = stored_and_served(registry, "direction")
    assert np.array_equal(stored, served)
    _, before = stored_and_served(registry, "direction", "previous")
    assert not np.array_equal(before, served)
    registry.rollback("direction", now=NOW)
    assert aliases(registry, "direction") == {"champion": 1, "previous": 2}
    backfill(registry, "direction")
    assert aliases(registry, "direction") == {"champion": 1, "previous": 2}
    stored, served = stored_and_served(registry, "direction")
    assert np.array_equal(stored, served)
