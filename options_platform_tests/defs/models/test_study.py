"""The records of a backfill's models in MLflow and in the UI."""

from datetime import date

import dagster as dg
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.client import open_client
from options_platform.adapters.tracking.experiments import DAGSTER_RUNS
from options_platform.adapters.tracking.first_page import first_page, run_page
from options_platform.adapters.tracking.model_store import FAMILY_TAG, PARENT_TAG
from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.defs.models.mlflow_run import RUN_TAG
from options_platform.defs.shared.partitions import partition_key
from options_platform.models.promotion import DEFAULT
from options_platform.models.study.model_study import NAIVE


def test_the_mlflow_run_of_a_backfill_leads_to_its_dagster_run(simulated_home):
    client = open_client(simulated_home.home)
    for model, target in (("direction", "direction"), ("volatility", "iv_rank")):
        experiment = client.get_experiment_by_name(model)
        (parent,) = (
            run
            for run in client.search_runs([experiment.experiment_id])
            if run.data.tags.get(FAMILY_TAG) == "backfill"
        )
        assert parent.data.tags["variant"] == DEFAULT[target]
        champion = client.get_model_version_by_alias(target, "champion")
        assert champion.run_id == parent.info.run_id
        assert champion.tags["variant"] == DEFAULT[target]
        stored = simulated_home.home / "dagster" / "history" / "runs"
        assert (stored / f"{parent.data.tags['dagster_run_id']}.db").exists()


def test_the_run_of_dagster_is_the_parent_in_mlflow_and_each_leads_to_the_other(simulated_home):
    client = open_client(simulated_home.home)
    experiment = client.get_experiment_by_name(DAGSTER_RUNS)
    (parent,) = client.search_runs([experiment.experiment_id])
    assert parent.info.status == "FINISHED"
    run_id = parent.data.tags["dagster_run_id"]
    assert f"/runs/{run_id})" in parent.data.tags["mlflow.note.content"]
    assert first_page(simulated_home.home) == run_page(experiment.experiment_id, parent.info.run_id)
    for model in ("direction", "volatility"):
        experiment = client.get_experiment_by_name(model)
        kinds = {FAMILY_TAG: "backfill", PARENT_TAG: parent.info.run_id}
        runs = client.search_runs([experiment.experiment_id], max_results=1000)
        (child,) = (run for run in runs if kinds.items() <= run.data.tags.items())
        assert child.info.status == "FINISHED"
        folds = [run for run in runs if run.data.tags.get(PARENT_TAG) == child.info.run_id]
        assert len(folds) > 1
    with dg.DagsterInstance.from_config(str(simulated_home.home / "dagster")) as instance:
        assert instance.get_run_by_id(run_id).tags[RUN_TAG] == parent.info.run_id
        newest = metadata_of(instance, "volatility_model", partition_key(simulated_home.end, "SPY"))
    assert f"/runs/{parent.info.run_id}?" in newest["mlflow_run"].value


@pytest.mark.parametrize(
    ("model", "target", "metric"),
    [("direction", "direction", "log_loss"), ("volatility", "iv_rank", "rmse")],
)
def test_a_backfill_has_its_scores_by_month_and_year_beside_the_naive_ones(
    simulated_home, model, target, metric
):
    client = open_client(simulated_home.home)
    run = client.get_run(client.get_model_version_by_alias(target, "champion").run_id)
    losses, naive, skill = (
        client.get_metric_history(run.info.run_id, f"fold/{name}")
        for name in ("loss", "naive_loss", "skill")
    )
    assert [each.step for each in losses] == list(range(1, len(losses) + 1))
    assert losses[-1].timestamp > losses[0].timestamp
    assert len(losses) == len(naive)
    assert skill[0].value == pytest.approx(1 - losses[0].value / naive[0].value)
    years = client.get_metric_history(run.info.run_id, f"year/{metric} baseline")
    assert [each.step for each in years] == sorted({each.step for each in years})
    assert years[-1].step == simulated_home.end.year
    metrics = run.data.metrics
    assert metrics[f"{metric} low"] <= metrics[metric] <= metrics[f"{metric} high"]
    contexts = {
        tag.value: given.dataset for given in run.inputs.dataset_inputs for tag in given.tags
    }
    assert set(contexts) == {"training", "evaluation"}
    assert {each.digest for each in contexts.values()} == {run.data.tags["data_hash"]}


@pytest.mark.parametrize("target", ["direction", "iv_rank"])
def test_registered_models_and_versions_say_what_they_are_and_how_they_scored(
    simulated_home, target
):
    client = open_client(simulated_home.home)
    assert "champion" in client.get_registered_model(target).description
    version = client.get_model_version_by_alias(target, "champion")
    assert DEFAULT[target] in version.description
    assert "Naive" in version.description
    assert version.tags["fold"] in version.description


@pytest.mark.parametrize(
    ("asset", "metric"), [("direction_model", "auc_macro"), ("volatility_model", "rmse")]
)
def test_a_models_scores_are_on_its_newest_session_and_as_one_line_on_all_others(
    simulated_home, asset, metric
):
    with dg.DagsterInstance.from_config(str(simulated_home.home / "dagster")) as instance:
        newest = metadata_of(instance, asset, partition_key(simulated_home.end, "SPY"))
        older = metadata_of(instance, asset, partition_key(date(2016, 12, 30), "QQQ"))
        shown = instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert shown.asset_materialization.partition.startswith(str(simulated_home.end))
    assert metric in newest["scores"].value
    assert "regime neutral" in newest["by_regime"].value
    assert "vix" in newest["importance"].value
    assert ("calibration" in newest) == (asset == "direction_model")
    code = ["prediction"] if asset == "direction_model" else []
    assert list(older) == ["summary", *code, "details"]
    assert older["summary"] == newest["summary"]
    assert f"{metric} 0." in older["summary"].value
    assert "(naive 0." in older["summary"].value


def metadata_of(instance, asset, partition):
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[str(partition)])
    (newest,) = instance.fetch_materializations(wanted, limit=1).records
    return newest.asset_materialization.metadata


def test_a_backfill_counts_its_models_as_trials(simulated_home):
    warehouse = Warehouse(simulated_home.warehouse_path, wait_seconds=30.0)
    trials = warehouse.read(TRIALS).filter(purpose="backfill")
    for target, naive in NAIVE.items():
        assert {DEFAULT[target], naive} <= set(trials.filter(target=target)["model"])
    folds = warehouse.read(TRIAL_FOLDS)
    assert set(trials["trial_id"]) == set(folds["trial_id"])
