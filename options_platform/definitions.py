"""What Dagster loads: the assets, checks, job, schedule and resources, assembled."""

from __future__ import annotations

import warnings
from typing import Any

import dagster as dg

from options_platform.defs.assets import make_assets
from options_platform.defs.assets.marts import make_marts, make_report
from options_platform.defs.checks import make_checks
from options_platform.defs.jobs import make_job
from options_platform.defs.model_checks import make_model_checks
from options_platform.defs.resources import make_platform
from options_platform.defs.schedules import make_schedule
from options_platform.settings import Settings, load_settings


def build_defs(settings: Settings | None = None, **overrides: Any) -> dg.Definitions:
    """The definitions of `settings` (default: those of the environment).

    Keyword arguments replace parts of :class:`~options_platform.defs.resources.Platform`.
    """
    settings = settings or load_settings()
    with warnings.catch_warnings():
        # Backfill policies are marked beta, and a job of two policies is what is wanted: a run
        # of the job does everything at once, a backfill of the UI goes in two phases.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.filterwarnings("ignore", "Asset job .* materializes assets with varying")
        definitions = dg.Definitions(
            assets=[*make_assets(settings), make_marts(), make_report()],
            asset_checks=[*make_checks(settings), *make_model_checks(settings)],
            jobs=[make_job()],
            schedules=[make_schedule(settings)],
            resources={"platform": make_platform(settings, **overrides)},
            executor=dg.in_process_executor,
        )
        definitions.get_repository_def().get_all_jobs()
        return definitions


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the environment's settings."""
    return build_defs()
