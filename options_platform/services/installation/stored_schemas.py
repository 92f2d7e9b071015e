"""Checks the stored tables against those of this version, as after an upgrade."""

from __future__ import annotations

from collections.abc import Iterator

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.errors import PlatformError
from options_platform.services.market_data.diagnosis import WAIT_SECONDS, Diagnosis
from options_platform.settings import Settings


def schema_findings(settings: Settings) -> Iterator[Diagnosis]:
    """Each table that the next run would refuse, before it does; nothing of a warehouse that is
    busy or damaged, which has a finding of its own."""
    if not settings.warehouse_path.exists():
        return
    try:
        refused = Warehouse(settings.warehouse_path, wait_seconds=WAIT_SECONDS).other_schemas()
    except PlatformError:
        return
    for error in refused:
        yield Diagnosis("schema", Diagnosis.BROKEN, str(error))
