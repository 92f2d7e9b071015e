"""What a backfill leaves in MLflow about its models."""

from options_platform.adapters.mlflow_client import open_client
from options_platform.adapters.model_store import FAMILY_TAG
from options_platform.models.promotion import DEFAULT


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
        stored = simulated_home.home / "dagster" / "history" / "runs"
        assert (stored / f"{parent.data.tags['dagster_run_id']}.db").exists()
