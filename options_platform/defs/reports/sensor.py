"""The sensors that rebuild the marts and the report after a daily run or a backtest."""

from collections.abc import Sequence

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition,
)

from options_platform.defs.market_data.answers import left_out_only


def make_reports_sensors(
    jobs: Sequence[UnresolvedAssetJobDefinition], reporting: UnresolvedAssetJobDefinition
) -> list[dg.SensorDefinition]:
    """The sensors that request a run of `reporting` after each run of `jobs` that has ended.

    One follows runs that succeeded, the other those that failed only because a source did not give
    what a ticker needs: the others are computed and traded, and belong into the report.
    """

    @dg.run_status_sensor(
        name="reports_after_daily",
        run_status=dg.DagsterRunStatus.SUCCESS,
        monitored_jobs=list(jobs),
        request_job=reporting,
        description="Rebuilds the marts and the report after each daily run and each backtest.",
    )
    def reports_after_daily(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    @dg.run_failure_sensor(
        name="reports_after_failed_ticker",
        monitored_jobs=list(jobs),
        request_job=reporting,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Rebuilds them as well after a run from which a source left out a ticker.",
    )
    def reports_after_failed_ticker(
        context: dg.RunFailureSensorContext,
    ) -> dg.RunRequest | dg.SkipReason:
        run_id = context.dagster_run.run_id
        if not left_out_only(context.instance, run_id):
            return dg.SkipReason("the run did not compute everything")
        return dg.RunRequest(run_key=run_id)

    return [reports_after_daily, reports_after_failed_ticker]
