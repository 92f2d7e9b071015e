"""One scrape of a home: all its figures, as far as each part of it can be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime

from options_platform import __version__
from options_platform.errors import PlatformError
from options_platform.reporting.metrics.account import account_metrics
from options_platform.reporting.metrics.exposition import Metric, exposition
from options_platform.reporting.metrics.platform import alert_metrics, data_metrics, run_metrics
from options_platform.services.trading.home_copy import home_copy
from options_platform.settings import Settings


def scrape(settings: Settings, now: datetime) -> str:
    """The figures of the home in Prometheus' text format.

    A part that cannot be read is missing, and `part_readable` says so.
    """
    began = time.perf_counter()
    info = Metric("info", "The platform, always 1.").add(
        1, version=__version__, source=settings.source, broker=settings.broker,
        account=settings.account,
    )  # fmt: skip
    metrics, readable = [info], Metric("part_readable", "1 if the part of the home can be read.")
    parts: dict[str, Callable[[], Iterable[Metric]]] = {"runs": lambda: run_metrics(settings)}
    try:
        copy = home_copy(settings)
    except PlatformError:
        readable.add(0, part="copy")
    else:
        parts |= {
            "account": lambda: account_metrics(settings, copy),
            "alerts": lambda: alert_metrics(settings, copy, now),
            "data": lambda: data_metrics(settings, copy, now),
        }
    for name, part in parts.items():
        try:
            metrics += part()
            readable.add(1, part=name)
        except PlatformError:
            readable.add(0, part=name)
    took = Metric("scrape_duration_seconds", "How long reading the home took.")
    took.add(round(time.perf_counter() - began, 6))
    return exposition([*metrics, readable, took])
