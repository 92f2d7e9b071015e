"""Checks the published copy of the home, which all readers read."""

from __future__ import annotations

from collections.abc import Iterator

from options_platform.adapters.storage.published.refreshing import last_failure, open_copy
from options_platform.services.market_data.diagnosis import WAIT_SECONDS, Diagnosis
from options_platform.settings import Settings

WHAT = "published copy"
NOTHING_YET = "none yet; the first run makes it"


def copy_findings(settings: Settings) -> Iterator[Diagnosis]:
    """Whether readers have the newest state of the stores, and why not; nothing without a home."""
    if not settings.home.is_dir():
        return
    copy = open_copy(settings.home, wait_seconds=WAIT_SECONDS)
    if copy.version is None or copy.version.number == 0:
        yield Diagnosis(WHAT, Diagnosis.NOTE, copy.behind or NOTHING_YET)
        return
    made = f"version {copy.version.number} of {copy.version.published_at:%Y-%m-%d %H:%M} UTC"
    if copy.behind is not None:
        yield Diagnosis(WHAT, Diagnosis.NOTE, f"version {copy.version.number} {copy.behind}")
    elif (failure := last_failure(settings.home)) is not None:
        detail = f"{made}; at {failure.at:%Y-%m-%d %H:%M} UTC it could not be made: {failure.why}"
        yield Diagnosis(WHAT, Diagnosis.NOTE, detail)
    else:
        size = f"{copy.version.bytes / 1e6:.1f} MB"
        yield Diagnosis(WHAT, Diagnosis.OK, f"{made}, {size}; as the stores are")
