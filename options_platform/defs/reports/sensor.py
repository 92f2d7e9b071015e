"""The sensor that rebuilds the marts and the report after a daily run or a backtest."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)


def make_reports_sensor(
    jobs: Sequence[UnresolvedAssetJobDefinition], reporting: UnresolvedAssetJobDefinition
) -> dg.SensorDefinition:
    """The sensor that requests one run of `reporting` after each successful run of `jobs`."""

    @dg.run_status_sensor(
        name="reports_after_daily",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=list(jobs),
        request_job=reporting,
        description="Rebuilds the marts and the report after each daily run and each backtest.",
    )
    def reports_after_daily(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    return reports_after_daily
