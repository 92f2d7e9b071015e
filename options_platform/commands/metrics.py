"""`metrics`: prints the figures of a home for Prometheus, or serves them on this machine."""

from __future__ import annotations

import argparse
import logging
from datetime import UTC, datetime

from options_platform.commands.common import (
    of_stored_source,
    reading_settings,
    ready_settings,
    say,
)
from options_platform.commands.ui import HOST, require_free
from options_platform.settings import Settings


def metrics(args: argparse.Namespace) -> int:
    """Print once, or serve until interrupted.

    Raises :class:`UsageError` if the port is taken.
    """
    if not args.serve:
        from options_platform.reporting.metrics.scrape import scrape

        print(scrape(as_stored(reading_settings()), datetime.now(UTC)), end="")
        return 0
    settings = ready_settings()
    require_free(args.port)

    import uvicorn

    from options_platform.adapters.storage.page_secret import METRICS, secret_of
    from options_platform.serving.metrics import PATH, Scrapes, make_app

    secret_of(settings.home, METRICS)
    say(f"Metrics: http://{HOST}:{args.port}{PATH} (home {settings.home}; stop with Ctrl+C)")
    say(f"Prometheus needs the token: credentials_file: {(settings.home / METRICS).resolve()}")
    logging.getLogger("uvicorn.access").disabled = True
    config = uvicorn.Config(
        make_app(Scrapes(settings, as_stored)), host=HOST, port=args.port, log_level="warning",
        lifespan="off", ws="none", proxy_headers=False, server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()
    return 0


def as_stored(settings: Settings) -> Settings:
    """The settings with the source of the stored bars, by which a home is shown."""
    from options_platform.services.trading.home_copy import home_copy

    return of_stored_source(settings, home_copy(settings).warehouse)
