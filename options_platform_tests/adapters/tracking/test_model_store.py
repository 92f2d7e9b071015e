"""The model store on a real home: DuckDB index, MLflow on SQLite, files, other processes."""

import os
import signal
import subprocess
import sys
import textwrap
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.model_store import FLUSH_EVERY, PARENT_TAG, ModelStore
from options_platform.contracts import MODEL_FOLDS
from options_platform.errors import ModelStoreError
from options_platform.models.fold_records import DataRange, FoldRecord
from options_platform.models.training import walk_forward
from options_platform_tests.mlflow_store import give_store
from options_platform_tests.models.rows import random_dataset
from options_platform_tests.models.test_training import DIRECTION, LAST_MONTHS

ROWS = DataRange(
    "of all rows", ("QQQ", "SPY"), date(2014, 1, 2), date(2017, 12, 29), 2014, ("vix", "hv_20")
)
ARTIFACTS = {"linear.json": b'{"a": 1}', "trees.ubj": bytes(range(256))}


def record(fold="2017-10", model="direction", **changes):
    values = {
        "input_hash": f"{model}-{fold}".encode().hex()[:32],
        "data": ROWS,
        "train_rows": 1000,
        "train_start": date(2014, 1, 2),
        "train_end": date(2017, 9, 22),
        "purged_sessions": 5,
        "trained_seconds": 0.25,
        "parameters": {"rounds": 8, "name": model},
    }
    return FoldRecord(model=model, fold=fold, **(values | changes))


def open_store(home):
    return ModelStore(home, Warehouse(home / "warehouse.duckdb", wait_seconds=30))


def new_store(home):
    give_store(home)
    return open_store(home)


def save(store, *records, artifacts=ARTIFACTS):
    with store.training(records[0].model):
        for one in records:
            store.save(one, artifacts)


def index(home):
    return Warehouse(home / "warehouse.duckdb", wait_seconds=30).read(MODEL_FOLDS)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    home = tmp_path_factory.mktemp("stored")
    save(new_store(home), record("2017-10"), record("2017-11"))
    return home


def hashes(*records):
    return {one.fold: one.input_hash for one in records}


def test_a_stored_fold_is_read_byte_for_byte_by_another_store(stored):
    found = open_store(stored).load("direction", hashes(record("2017-10"), record("2017-11")))
    assert found == {"2017-10": ARTIFACTS, "2017-11": ARTIFACTS}


def test_only_folds_with_the_same_inputs_are_found(stored):
    store = open_store(stored)
    assert store.load("direction", {"2017-10": "another"}) == {}
    assert store.load("volatility", hashes(record("2017-10"))) == {}
    assert store.load("direction", hashes(record("2017-12"))) == {}


def test_an_empty_home_has_no_folds(tmp_path):
    assert open_store(tmp_path).load("direction", hashes(record())) == {}


def test_reading_a_fold_does_not_import_mlflow(stored):
    code = """
        import sys
        from pathlib import Path
        from options_platform_tests.adapters.tracking.test_model_store import (
            hashes,
            open_store,
            record,
        )
        assert open_store(Path(sys.argv[1])).load("direction", hashes(record("2017-10")))
        assert "mlflow" not in sys.modules
    """
    run(code, stored).check_returncode()


def test_a_changed_file_is_refused_by_its_hash(tmp_path):
    save(new_store(tmp_path), record("2017-10"), record("2017-11"))
    path = tmp_path / index(tmp_path)["path"][0] / "trees.ubj"
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelStoreError, match="hash differs") as error:
        open_store(tmp_path).load("direction", hashes(record("2017-10")))
    assert "model_folds" in str(error.value)
    # The other fold is untouched.
    assert open_store(tmp_path).load("direction", hashes(record("2017-11")))


@pytest.mark.parametrize("change", ["a file more", "a file less", "a file renamed"])
def test_other_files_than_those_stored_are_refused(tmp_path, change):
    save(new_store(tmp_path), record())
    folder = tmp_path / index(tmp_path)["path"][0]
    if change == "a file more":
        (folder / "more.json").write_bytes(b"")
    elif change == "a file less":
        (folder / "trees.ubj").unlink()
    else:
        (folder / "trees.ubj").rename(folder / "wood.ubj")
    with pytest.raises(ModelStoreError, match="hash differs"):
        open_store(tmp_path).load("direction", hashes(record()))


def test_a_fold_with_missing_files_is_named_with_advice(tmp_path):
    save(new_store(tmp_path), record())
    folder = tmp_path / index(tmp_path)["path"][0]
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    with pytest.raises(ModelStoreError, match="is missing in the home; restore mlartifacts"):
        open_store(tmp_path).load("direction", hashes(record()))


def test_folds_are_runs_of_their_models_experiment_below_the_backfills_run(tmp_path):
    from mlflow import MlflowClient

    store = new_store(tmp_path)
    save(store, record("2017-10"), record("2017-11"))
    scores = {"rmse": 0.12, "AUC > 0.5 (95%)": 0.6}
    store.log_walk("direction", scores=scores, tags={"variant": "v"}, plots={"p.png": b"png"})
    save(store, record("2017-10", "volatility"))
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiments = {e.name: e.experiment_id for e in client.search_experiments()}
    assert {"direction", "volatility"} <= set(experiments)
    runs = {run.info.run_name: run for run in client.search_runs([experiments["direction"]])}
    folds = {record("2017-10").model_id, record("2017-11").model_id}
    assert set(runs) == folds | {"backfill from 2017-10"}
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    run_of = runs[record("2017-11").model_id]
    assert run_of.data.metrics == {"train_rows": 1000.0, "trained_seconds": 0.25}
    assert run_of.data.tags["fold"] == "2017-11"
    assert run_of.data.tags["train_end"] == "2017-09-22"
    files = {file.path for file in client.list_artifacts(run_of.info.run_id)}
    assert files == set(ARTIFACTS)
    kept = index(tmp_path).filter(pl.col("model") == "direction")
    assert set(kept["run_id"]) == {runs[name].info.run_id for name in folds}
    backfill = runs["backfill from 2017-10"]
    assert backfill.data.params == {"rounds": "8", "name": "direction"}
    assert backfill.data.metrics["rmse"] == 0.12
    assert 0.6 in backfill.data.metrics.values()
    assert {run_of.data.tags[PARENT_TAG]} == {backfill.info.run_id}


def test_the_home_can_be_moved_and_its_folds_are_still_read(tmp_path):
    home = tmp_path / "first place"  # a space is escaped in addresses, not in paths
    home.mkdir()
    save(new_store(home), record())
    moved = home.rename(tmp_path / "second")
    assert open_store(moved).load("direction", hashes(record())) == {"2017-10": ARTIFACTS}


def test_an_error_in_the_middle_keeps_the_folds_before_it(tmp_path):
    def fail_after_two(store):
        with store.training("direction"):
            store.save(record("2017-10"), ARTIFACTS)
            store.save(record("2017-11"), ARTIFACTS)
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk"):
        fail_after_two(new_store(tmp_path))
    assert index(tmp_path)["fold"].to_list() == ["2017-10", "2017-11"]


WALK = """
    import os, signal, sys
    from pathlib import Path
    from options_platform.models.training import walk_forward
    from options_platform_tests.adapters.tracking.test_model_store import DIRECTION, open_store
    from options_platform_tests.models.rows import random_dataset
    from options_platform_tests.models.test_training import LAST_MONTHS

    store = open_store(Path(sys.argv[1]))
    trained = []
    def progress(what, done, total):
        trained.append(done)
        if len(sys.argv) > 2 and done == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
    found = walk_forward(DIRECTION, random_dataset(), store=store, progress=progress, **LAST_MONTHS)
    print(len(trained), float(found.columns["direction:p_neutral"].sum()).hex())
"""


def start(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )


def run(code, *arguments):
    process = start(code, *arguments)
    output, _ = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, output)


@pytest.mark.long
def test_of_three_processes_that_need_the_same_folds_one_trains_and_two_read(tmp_path):
    processes = [start(WALK, tmp_path) for _ in range(3)]
    output = [process.communicate(timeout=240)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(int(count) for count, _ in output) == [0, 0, 3]
    assert len({total for _, total in output}) == 1
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("direction")
    runs = client.search_runs([experiment.experiment_id])
    assert len([run for run in runs if PARENT_TAG in run.data.tags]) == 3
    assert index(tmp_path)["fold"].to_list() == ["2017-10", "2017-11", "2017-12"]


@pytest.mark.long
def test_after_a_kill_in_training_the_lock_is_free_and_the_folds_are_the_same(tmp_path):
    assert run(WALK, tmp_path, 2).returncode == -signal.SIGKILL
    # The index is written every so many folds: these two are trained again, under the same ids.
    assert index(tmp_path).height == 0
    store = open_store(tmp_path)
    found = walk_forward(DIRECTION, random_dataset(), store=store, **LAST_MONTHS)
    assert index(tmp_path).height == 3
    again = walk_forward(
        DIRECTION, random_dataset(), store=open_store(tmp_path), may_train=False, **LAST_MONTHS
    )
    assert (again.columns["direction:p_neutral"] == found.columns["direction:p_neutral"]).all()
    assert set(found.model_ids) == set(index(tmp_path)["model_id"])


def test_the_index_is_written_every_so_many_folds(tmp_path):
    store = new_store(tmp_path)
    months = [f"{2001 + n // 12}-{n % 12 + 1:02d}" for n in range(FLUSH_EVERY + 1)]
    with store.training("direction"):
        for at, month in enumerate(months, start=1):
            store.save(record(month), ARTIFACTS)
            assert index(tmp_path).height == (0 if at < FLUSH_EVERY else FLUSH_EVERY)
    assert index(tmp_path).height == len(months)
