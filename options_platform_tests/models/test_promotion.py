"""A variant becomes champion only if it is significantly better, and can be rolled back."""

import json
import sqlite3
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.model_registry import ModelRegistry
from options_platform.contracts import CHAMPIONS, TRIAL_FOLDS, TRIALS
from options_platform.errors import ModelStoreError, UsageError
from options_platform.models.direction import ScaledDirection, shipped_direction
from options_platform.models.promotion import DEFAULT, blend_of
from options_platform.models.selection.candidates import CANDIDATES
from options_platform.models.volatility import ChangeVolatility, shipped_volatility
from options_platform_tests.mlflow_store import give_store

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FOLDS = [f"{year}-{month:02d}" for year in range(2005, 2015) for month in range(1, 13)]
CHAMPION = DEFAULT["direction"]


def trial(name, losses, naive, data="same", *, purpose="choice", scores="{}"):
    trial_id = f"{name}-{data}"
    row = {
        "trial_id": trial_id, "target": "direction", "model": name, "purpose": purpose,
        "parameters": json.dumps({"name": name}), "data_hash": data, "first": date(2005, 1, 3),
        "last": date(2014, 12, 31), "rows": 2500, "loss": float(np.mean(losses)),
        "naive_loss": float(np.mean(naive)), "scores": scores, "tried_at": NOW,
    }  # fmt: skip
    folds = pl.DataFrame(
        {"trial_id": trial_id, "fold": FOLDS, "rows": 21, "loss": losses, "naive_loss": naive},
        schema=TRIAL_FOLDS.schema,
    )
    return pl.DataFrame([row], schema=TRIALS.schema), folds


@pytest.fixture
def registry(tmp_path):
    """Three trials on the same months: the champion, a better variant and an equal one."""
    random = np.random.default_rng(0)
    naive = random.normal(1.10, 0.10, len(FOLDS))
    champion = naive - 0.04 + random.normal(0, 0.05, len(FOLDS))
    warehouse = Warehouse(tmp_path / "warehouse.duckdb")
    for name, losses in (
        (CHAMPION, champion),
        ("logit_wide", champion - 0.02 + random.normal(0, 0.03, len(FOLDS))),
        ("two_stage", champion + random.normal(0, 0.03, len(FOLDS))),
        ("ordinal", naive + 0.01 + random.normal(0, 0.03, len(FOLDS))),
    ):
        row, folds = trial(name, losses, naive)
        warehouse.upsert(TRIALS, row)
        warehouse.upsert(TRIAL_FOLDS, folds)
    give_store(tmp_path)
    return ModelRegistry(tmp_path, warehouse)


def test_the_shipped_default_is_a_candidate_and_the_first_champion(registry):
    for target, name in DEFAULT.items():
        assert registry.champion(target) == name
        assert name in {c.model.name for c in CANDIDATES[target]}
    assert shipped_direction(blend_of("direction", CHAMPION)) == ScaledDirection()
    default = blend_of("iv_rank", DEFAULT["iv_rank"])
    assert shipped_volatility(default) == ChangeVolatility()


def test_a_better_variant_is_promoted_and_rolled_back(registry):
    contender = registry.promote("direction", "logit_wide", now=NOW)
    assert contender.wins
    assert contender.against_champion.gain == pytest.approx(0.02, abs=0.01)
    assert registry.champion("direction") == "logit_wide"
    assert registry.rollback("direction", now=NOW) == CHAMPION
    assert registry.champion("direction") == CHAMPION
    reasons = registry.warehouse.read(CHAMPIONS)["reason"].to_list()
    assert reasons == [f"promoted over {CHAMPION}", "rolled back from logit_wide"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("two_stage", "not better by more than chance"),
        ("ordinal", "not better by more than chance"),
        (CHAMPION, "is the champion of direction already"),
        ("trees", "have no trials on the same data; run: options-platform research"),
        ("prior", "compared with, not traded on"),
        ("logit_by_ticker", "compared with, not traded on"),
        ("nobody", "no candidate 'nobody'"),
    ],
)
def test_a_variant_not_significantly_better_is_refused(registry, name, message):
    with pytest.raises(UsageError, match=message):
        registry.promote("direction", name, now=NOW)
    assert registry.champion("direction") == CHAMPION


def test_a_trial_on_other_data_does_not_count(registry):
    row, folds = trial("trees", np.full(len(FOLDS), 0.5), np.full(len(FOLDS), 1.0), data="other")
    registry.warehouse.upsert(TRIALS, row)
    registry.warehouse.upsert(TRIAL_FOLDS, folds)
    with pytest.raises(UsageError, match="no trials on the same data"):
        registry.promote("direction", "trees", now=NOW)


def test_the_first_champion_cannot_be_rolled_back(registry):
    with pytest.raises(UsageError, match="nothing to go back to"):
        registry.rollback("direction", now=NOW)


def test_each_rollback_goes_one_champion_further_back(registry):
    registry.promote("direction", "logit_wide", now=NOW)
    random = np.random.default_rng(2)
    folds = registry.warehouse.read(TRIAL_FOLDS).filter(trial_id="logit_wide-same").sort("fold")
    naive = folds["naive_loss"].to_numpy()
    better = folds["loss"].to_numpy() - 0.02 + random.normal(0, 0.02, len(FOLDS))
    row, folds = trial("logit_scaled", better, naive)
    registry.warehouse.upsert(TRIALS, row)
    registry.warehouse.upsert(TRIAL_FOLDS, folds)
    registry.promote("direction", "logit_scaled", now=NOW)
    assert registry.rollback("direction", now=NOW) == "logit_wide"
    assert registry.rollback("direction", now=NOW) == CHAMPION
    with pytest.raises(UsageError, match="nothing to go back to"):
        registry.rollback("direction", now=NOW)
    assert registry.champion("direction") == CHAMPION
    registry.promote("direction", "logit_scaled", now=NOW)
    assert registry.rollback("direction", now=NOW) == CHAMPION


def test_a_variant_too_good_to_be_true_is_not_promoted(registry):
    folds = registry.warehouse.read(TRIAL_FOLDS).filter(trial_id="logit_wide-same").sort("fold")
    naive = folds["naive_loss"].to_numpy()
    scores = json.dumps({"auc_macro": 0.999, "auc_macro low": 0.998})
    row, folds = trial("logit_scaled", np.full(len(FOLDS), 0.05), naive, scores=scores)
    registry.warehouse.upsert(TRIALS, row)
    registry.warehouse.upsert(TRIAL_FOLDS, folds)
    with pytest.raises(UsageError, match="look for a leak in its inputs: auc_macro"):
        registry.promote("direction", "logit_scaled", now=NOW)


def test_a_store_that_is_no_database_is_reported_and_left_unchanged(registry):
    broken = registry.home / "mlflow.db"
    broken.write_bytes(b"this is no database, though it is long enough to look like one" * 20)
    with pytest.raises(ModelStoreError, match=r"MLflow store .*mlflow\.db failed"):
        registry.promote("direction", "logit_wide", now=NOW)
    assert registry.champion("direction") == CHAMPION
    assert broken.read_bytes().startswith(b"this is no database")


def test_a_store_deleted_while_open_is_reported(registry):
    registry.promote("direction", "logit_wide", now=NOW)
    (registry.home / "mlflow.db").unlink()
    with pytest.raises(ModelStoreError, match=r"MLflow store .*mlflow\.db failed"):
        registry.rollback("direction", now=NOW)
    assert registry.champion("direction") == "logit_wide"


@pytest.mark.long
def test_a_locked_store_is_reported(registry):
    registry.promote("direction", "logit_wide", now=NOW)
    holder = sqlite3.connect(registry.home / "mlflow.db")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(ModelStoreError, match=r"locked.*another program uses it"):
            registry.rollback("direction", now=NOW)
    finally:
        holder.rollback()
        holder.close()
    assert registry.champion("direction") == "logit_wide"
