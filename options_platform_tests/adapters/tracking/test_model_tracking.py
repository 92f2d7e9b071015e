"""MLflow as its users expect it: nested runs, a model with its signature, and nothing pickled."""

import os
import shutil
import subprocess
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import options_platform
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.client import open_client
from options_platform.adapters.tracking.model_store import FAMILY_TAG, PARENT_TAG, ModelStore
from options_platform.adapters.tracking.run_details import (
    checkout_commit,
    code_version,
    flattened,
    grouped,
)
from options_platform.contracts import MODEL_FOLDS
from options_platform.domain.features.registry import feature_version
from options_platform.errors import ModelStoreError
from options_platform.models.dataset import input_table, model_inputs
from options_platform.models.direction import ScaledDirection
from options_platform.models.promotion import DEFAULT
from options_platform.models.study.model_study import OUTPUTS
from options_platform.models.training import dataset_hash, walk_forward
from options_platform_tests.mlflow_store import give_store
from options_platform_tests.models.rows import random_dataset, random_rows

START, END = date(2017, 4, 3), date(2017, 6, 30)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A home whose direction model was trained for three months and logged."""
    home = tmp_path_factory.mktemp("home")
    before = os.umask(0o077)
    give_store(home)
    store = ModelStore(home, Warehouse(home / "warehouse.duckdb"))
    walk_forward(ScaledDirection(), random_dataset(END), start=START, end=END, store=store)
    store.log_walk(
        "direction", scores={"auc_macro": 0.6}, tags={"variant": "v"}, plots={"plot.png": b"png"}
    )
    newest = store.warehouse.read(MODEL_FOLDS).filter(fold="2017-06")["model_id"].item()
    store.log_model(
        "direction", newest, target="direction", variant=DEFAULT["direction"],
        inputs=model_inputs(), outputs=OUTPUTS["direction"],
        example=input_table(random_rows()[0].tail(2)),
    )  # fmt: skip
    os.umask(before)
    return store


def runs(store, kind):
    client = open_client(store.home)
    experiment = client.get_experiment_by_name("direction")
    found = client.search_runs([experiment.experiment_id])
    return [run for run in found if run.data.tags.get(FAMILY_TAG) == kind]


def test_logged_files_are_private(store):
    files = [path for path in store.home.rglob("*") if path.is_file()]
    assert "served_fold.py" in {path.name for path in files}
    assert {oct(path.stat().st_mode & 0o777) for path in files} == {"0o600"}


def test_a_backfill_is_one_run_and_its_folds_are_its_children(store):
    (parent,) = runs(store, "backfill")
    folds = runs(store, "fold")
    assert sorted(run.data.tags["fold"] for run in folds) == ["2017-04", "2017-05", "2017-06"]
    assert {run.data.tags[PARENT_TAG] for run in folds} == {parent.info.run_id}
    assert parent.data.metrics["folds_trained"] == 3
    assert parent.data.metrics["auc_macro"] == 0.6
    assert {run.info.status for run in (parent, *folds)} == {"FINISHED"}


def test_runs_have_parameters_data_hash_and_code_version(store):
    (parent,) = runs(store, "backfill")
    fold = runs(store, "fold")[0]
    assert parent.data.params["parts.calm_trees.max_depth"] == "2"
    for run in (parent, fold):
        assert run.data.tags["data_hash"] == dataset_hash(random_dataset(END))
        assert run.data.tags["feature_version"] == feature_version()
        assert run.data.tags["code_version"] == code_version()["code_version"]
    assert len(fold.data.tags["input_hash"]) == 32
    assert fold.data.metrics["train_rows"] > 500
    folder = Path(parent.info.artifact_uri.removeprefix("file://"))
    assert (folder / "plot.png").read_bytes() == b"png"


def test_a_fold_says_on_what_and_with_which_parameters_it_was_trained(store):
    (parent,) = runs(store, "backfill")
    (fold,) = (run for run in runs(store, "fold") if run.data.tags["fold"] == "2017-06")
    params = fold.data.params
    assert params["train_end"] == fold.data.tags["train_end"] < "2017-06-01"
    assert int(params["purged_sessions"]) >= 4
    assert params["features"] == feature_version()
    assert "max_depth 2" in params["parts.calm_trees"]
    (given,) = fold.inputs.dataset_inputs
    assert given == parent.inputs.dataset_inputs[0]
    assert given.dataset.digest == dataset_hash(random_dataset(END))
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "training"}
    assert "2017-06-30" in given.dataset.source


@pytest.fixture
def fresh_commit():
    checkout_commit.cache_clear()
    yield
    checkout_commit.cache_clear()


def git(folder, *command):
    done = subprocess.run(
        ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@t", *command),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.mark.usefixtures("fresh_commit")
def test_the_code_of_a_checkout_is_known_by_its_commit(tmp_path, monkeypatch):
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.setattr(options_platform, "__file__", str(package / "__init__.py"))
    git(tmp_path, "init")
    (tmp_path / "other").write_text("")
    git(tmp_path, "add", "other")
    git(tmp_path, "commit", "-m", "without the package")
    # Installed within a checkout of something else.
    assert code_version()["code_version"] == options_platform.__version__
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "with it")
    checkout_commit.cache_clear()
    commit = git(tmp_path, "rev-parse", "--short=12", "HEAD")
    assert code_version()["code_version"] == f"{options_platform.__version__}+{commit}"
    (package / "__init__.py").write_text("changed")
    checkout_commit.cache_clear()
    assert code_version()["code_version"].endswith(f"+{commit}-dirty")


def test_the_logged_model_predicts_the_same_bits_and_holds_no_pickle(store):
    import mlflow

    (parent,) = runs(store, "backfill")
    mlflow.set_tracking_uri(f"sqlite:///{store.home / 'mlflow.db'}")
    try:
        model = mlflow.pyfunc.load_model(f"runs:/{parent.info.run_id}/model")
        kept = Path(mlflow.artifacts.download_artifacts(f"runs:/{parent.info.run_id}/model"))
    finally:
        mlflow.set_tracking_uri("")
    assert [column.name for column in model.metadata.signature.inputs] == list(model_inputs())
    data = random_dataset(END)
    rows = data.sample.take(np.flatnonzero(data.dates >= np.datetime64("2017-06-01")))
    table = pl.DataFrame(rows.inputs, schema=list(rows.names)).to_pandas()
    found = model.predict(table)
    assert [column.name for column in model.metadata.signature.outputs] == list(found)
    example = model.metadata.load_input_example(str(kept))
    assert model.predict(example).shape == (2, len(OUTPUTS["direction"]))
    index = store.warehouse.read(MODEL_FOLDS).filter(pl.col("fold") == "2017-06")
    stored = store.load("direction", {"2017-06": index["input_hash"].item()})["2017-06"]
    wanted = ScaledDirection().predict(stored, rows)
    for name, values in wanted.items():
        assert np.array_equal(found[name].to_numpy(), values), name
    suffixes = {file.suffix for file in kept.rglob("*") if file.is_file()}
    assert not suffixes & {".pkl", ".pickle", ".joblib", ".cloudpickle"}
    assert "scikit-learn==" in (kept / "requirements.txt").read_text()


def test_stored_folds_are_not_trained_again(store):
    again = ModelStore(store.home, store.warehouse)
    walk = walk_forward(
        ScaledDirection(), random_dataset(END), start=START, end=END, store=again, may_train=False
    )
    assert len(walk.artifacts) == 3
    assert len(runs(again, "backfill")) == 1
    again.log_walk("direction", scores={"auc_macro": 0.1}, tags={}, plots={})
    assert runs(again, "backfill")[0].data.metrics["auc_macro"] == 0.6


def folds_on_disk(tmp_path, change):
    home = tmp_path / "home"
    give_store(home)
    store = ModelStore(home, Warehouse(home / "warehouse.duckdb"))
    walk_forward(
        ScaledDirection(), random_dataset(END), start=date(2017, 6, 1), end=END, store=store
    )
    row = store.warehouse.read(MODEL_FOLDS).row(0, named=True)
    change(home / row["path"])
    return store, {row["fold"]: row["input_hash"]}


def test_registered_models_of_a_former_version_still_load():
    # MLflow keeps a copy of served_fold.py with each model; these are the imports of the first one.
    from options_platform.models.dataset import Sample, model_inputs
    from options_platform.models.direction import shipped_direction
    from options_platform.models.promotion import blend_of
    from options_platform.models.volatility import shipped_volatility

    assert "inputs" in Sample.__dataclass_fields__
    assert len(model_inputs()) > 0
    assert shipped_direction(blend_of("direction", "scaled_trees")).name == "direction"
    assert shipped_volatility(blend_of("iv_rank", "calm_trees")).name == "volatility"


def add_pickle(folder):
    import pickle

    (folder / "model.pkl").write_bytes(pickle.dumps({"harmless": True}))


def disguise_pickle(folder):
    import pickle

    (folder / "scaled.json").write_bytes(pickle.dumps({"harmless": True}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (add_pickle, "holds model.pkl, which is not JSON, NPZ or UBJSON"),
        (disguise_pickle, "holds scaled.json, which is not JSON, NPZ or UBJSON"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_pickle_among_the_files_of_a_model_is_refused(tmp_path, change, message):
    store, hashes = folds_on_disk(tmp_path, change)
    with pytest.raises(ModelStoreError, match=message):
        store.load("direction", hashes)


def test_nested_parameters_become_dotted_names():
    assert flattened({"a": {"b": 1, "c": {"d": (2,)}}, "e": None}) == {
        "a.b": "1",
        "a.c.d": "(2,)",
        "e": "None",
    }


def test_the_parameters_of_a_group_become_one_text():
    assert grouped({"a": {"b": {"c": 1, "d": (2,)}}, "e": None}) == {
        "parameters": "e None",
        "a.b": "c 1, d (2,)",
    }


def test_a_moved_home_keeps_its_models_and_their_addresses(store, tmp_path):
    home = tmp_path / "moved"
    shutil.copytree(store.home, home)
    moved = ModelStore(home, Warehouse(home / "warehouse.duckdb"))
    end = date(2017, 7, 31)
    walk = walk_forward(ScaledDirection(), random_dataset(end), start=START, end=end, store=moved)
    assert sorted(walk.artifacts) == ["2017-04", "2017-05", "2017-06", "2017-07"]
    client = open_client(home)
    experiment = client.get_experiment_by_name("direction")
    assert experiment.artifact_location == (home / "mlartifacts" / "direction").as_uri()
    for run in client.search_runs([experiment.experiment_id]):
        assert run.info.artifact_uri.startswith(home.as_uri())
    # The home that it was copied from keeps its own.
    old = open_client(store.home).get_experiment_by_name("direction")
    assert old.artifact_location == (store.home / "mlartifacts" / "direction").as_uri()
