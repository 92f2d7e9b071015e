"""What Dagster loads: the assets, checks, job, schedule and resources, assembled."""

from __future__ import annotations

from typing import Any

import dagster as dg

from options_platform.defs.assets import make_assets
from options_platform.defs.checks import make_checks
from options_platform.defs.jobs import make_job
from options_platform.defs.resources import make_platform
from options_platform.defs.schedules import make_schedule
from options_platform.settings import Settings, load_settings


def build_defs(settings: Settings | None = None, **overrides: Any) -> dg.Definitions:
    """The definitions of `settings` (default: those of the environment).

    Keyword arguments replace parts of :class:`~options_platform.defs.resources.Platform`.
    """
    settings = settings or load_settings()
    return dg.Definitions(
        assets=make_assets(settings),
        asset_checks=make_checks(settings),
        jobs=[make_job()],
        schedules=[make_schedule(settings)],
        resources={"platform": make_platform(settings, **overrides)},
        executor=dg.in_process_executor,
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions of the environment's settings."""
    return build_defs()
