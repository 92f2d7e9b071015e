"""The MLflow run of a Dagster run, apart from the platform's assets."""

import dagster as dg
import pytest

from options_platform.adapters.tracking.client import open_client
from options_platform.adapters.tracking.experiments import DAGSTER_RUNS
from options_platform.adapters.tracking.first_page import first_page, run_page
from options_platform.defs.models.mlflow_run import RUN_TAG, make_mlflow
from options_platform_tests.platform import make_platform_settings


@pytest.fixture
def settings(tmp_path):
    return make_platform_settings(tmp_path / "home")


def materialized(settings, *assets):
    with dg.DagsterInstance.ephemeral() as instance:
        outcome = dg.materialize(
            assets,
            resources={"mlflow": make_mlflow(settings)},
            instance=instance,
            raise_on_error=False,
        )
        return outcome.run_id, instance.get_run_by_id(outcome.run_id).tags


def test_a_run_that_trains_nothing_opens_no_store(settings):
    @dg.asset
    def untrained(mlflow: dg.ResourceParam[object]):
        assert mlflow.metadata() == {}

    _, tags = materialized(settings, untrained)
    assert RUN_TAG not in tags
    assert first_page(settings.home) == "#/experiments?workflowType=machine_learning"
    assert not (settings.home / "mlflow.db").exists()


def test_a_failed_run_of_dagster_is_a_failed_one_in_mlflow(settings):
    @dg.asset
    def trained(mlflow: dg.ResourceParam[object]):
        assert mlflow.run_id() == mlflow.run_id()

    @dg.asset(deps=[trained])
    def fails_later():
        raise ValueError("later")

    run_id, tags = materialized(settings, trained, fails_later)
    client = open_client(settings.home)
    experiment = client.get_experiment_by_name(DAGSTER_RUNS)
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert run.info.run_id == tags[RUN_TAG]
    assert run.data.tags["dagster_run_id"] == run_id
    assert first_page(settings.home) == run_page(experiment.experiment_id, run.info.run_id)
    assert run.info.artifact_uri.startswith((settings.home / "mlartifacts").as_uri())
