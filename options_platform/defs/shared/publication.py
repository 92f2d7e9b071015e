"""The resource `platform`, which publishes what a run has changed when the run ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.services.market_data.platform import Platform


def make_platform_resource(platform: Platform) -> dg.ResourceDefinition:
    """The resource of all assets and sensors, whoever starts the run.

    Dagster ends it once for a run, after the last step, whether or not all steps succeeded.
    """

    @contextmanager
    def for_a_run(_context: dg.InitResourceContext) -> Iterator[Platform]:
        try:
            yield platform
        finally:
            publish_changes(platform.settings.home)

    return dg.ResourceDefinition(for_a_run, description="Stores, sources and clock.")
