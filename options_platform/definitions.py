"""The definitions that Dagster loads: assets, checks, jobs, schedules, sensors and resources."""

from __future__ import annotations

import warnings
from typing import Any

import dagster as dg

from options_platform.adapters.storage.home import make_files_private
from options_platform.adapters.storage.tables import (
    ASSET_TABLES,
    CHAIN_TABLES,
    EVENT_TABLES,
    REPORT_TABLES,
)
from options_platform.defs.alerts.heartbeat import make_heartbeat_sensor
from options_platform.defs.alerts.sensors import make_alert_sensors
from options_platform.defs.assets import make_assets
from options_platform.defs.backtest.assets import make_backtest
from options_platform.defs.backtest.checks import make_backtest_checks
from options_platform.defs.chains.assets import make_chains
from options_platform.defs.chains.snapshot import make_snapshot_job, make_snapshot_schedule
from options_platform.defs.chains.surface import make_surface_error
from options_platform.defs.contract_checks import make_checks
from options_platform.defs.earnings.assets import make_earnings_moves
from options_platform.defs.features.families import make_families
from options_platform.defs.forward.assets import make_forward_checks, make_forward_record
from options_platform.defs.jobs import make_backtest_job, make_job, make_reporting_job
from options_platform.defs.models.checks import make_model_checks
from options_platform.defs.models.mlflow_run import make_mlflow
from options_platform.defs.reports.assets import make_marts, make_report
from options_platform.defs.reports.sensor import make_reports_sensors
from options_platform.defs.schedules import make_backtest_schedule, make_schedule
from options_platform.defs.shared.publication import make_platform_resource
from options_platform.defs.trading.intraday import make_intraday_job, make_intraday_schedule
from options_platform.defs.trading.portfolio import make_portfolio_views
from options_platform.defs.trading.portfolio_checks import make_portfolio_checks
from options_platform.domain.calendar.sessions import set_closures
from options_platform.domain.features.table import FAMILY_TABLES
from options_platform.services.forward.recorded_exits import with_recorded_exits
from options_platform.services.market_data.family_inputs import companies
from options_platform.services.market_data.platform import make_platform, source_gives
from options_platform.settings import Settings, load_settings


def build_defs(settings: Settings | None = None, **overrides: Any) -> dg.Definitions:
    """The definitions for `settings` (default: the settings of the environment).

    Keyword arguments replace parts of
    :class:`~options_platform.services.market_data.platform.Platform`.
    """
    settings = with_recorded_exits(settings or load_settings())
    set_closures(settings.unplanned_closures)
    platform = make_platform(settings, **overrides)
    has_chains = source_gives(platform, "chain")
    has_companies = bool(companies(settings))
    tables = (
        *ASSET_TABLES,
        *EVENT_TABLES,
        *((*FAMILY_TABLES, *REPORT_TABLES) if has_companies else ()),
        *(CHAIN_TABLES if has_chains else ()),
    )
    with warnings.catch_warnings():
        # Backfill policies are marked beta. The job mixes two of them on purpose: a run of the
        # job does everything at once, a backfill from the UI goes in two phases.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.filterwarnings("ignore", "Asset job .* materializes assets with varying")
        chains = [make_chains(settings), make_surface_error(settings)] if has_chains else []
        families = make_families(settings, with_chains=has_chains) if has_companies else []
        moves = make_earnings_moves(settings, with_chains=has_chains) if has_companies else []
        assets = [
            *make_assets(settings, with_chains=has_chains),
            *chains,
            *families,
            *moves,
            make_forward_record(settings),
            make_backtest(),
        ]
        names = {key.to_user_string() for asset in assets for key in asset.keys}
        daily, backtest, reporting = (
            make_job(settings, tables),
            make_backtest_job(),
            make_reporting_job(),
        )
        definitions = dg.Definitions(
            assets=[*assets, make_portfolio_views(), make_marts(names), make_report()],
            asset_checks=[
                *make_checks(settings, tables),
                *make_model_checks(settings),
                *make_backtest_checks(),
                *make_portfolio_checks(),
                *make_forward_checks(),
            ],
            jobs=[
                daily,
                backtest,
                reporting,
                make_intraday_job(settings),
                *([make_snapshot_job(settings)] if has_chains else []),
            ],
            schedules=[
                make_schedule(settings),
                make_backtest_schedule(backtest),
                make_intraday_schedule(),
                *([make_snapshot_schedule(settings)] if has_chains else []),
            ],
            sensors=[
                *make_reports_sensors([daily, backtest], reporting),
                *make_alert_sensors(settings),
                make_heartbeat_sensor(settings),
            ],
            resources={
                "platform": make_platform_resource(platform),
                "mlflow": make_mlflow(settings),
            },
            executor=dg.in_process_executor,
        )
        definitions.get_repository_def().get_all_jobs()
        return definitions


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions for the environment's settings; only the user may read files they create."""
    make_files_private()
    return build_defs()
