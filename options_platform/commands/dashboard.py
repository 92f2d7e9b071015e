"""`dashboard`: serves the pages of the account, the trades and the data, on this machine only."""

from __future__ import annotations

import argparse
import logging

from options_platform.commands.common import of_stored_source, ready_settings, say
from options_platform.commands.ui import require_free
from options_platform.settings import Settings


def dashboard(args: argparse.Namespace) -> int:
    """Serve until interrupted.

    Raises :class:`UsageError` for an address that other hosts reach, and if the port is taken.
    """
    from options_platform.serving.dashboard.access import HOST, make_access, require_this_machine

    require_this_machine(args.host)
    settings = ready_settings()
    access = make_access(settings.home, args.public, args.password_file)
    require_free(args.port)

    import uvicorn

    from options_platform.serving.dashboard.app import make_app
    from options_platform.serving.dashboard.made_pages import MadePages

    app = make_app(MadePages(settings, access, _as_stored))
    say(f"Dashboard: http://{HOST}:{args.port}/?token={access.secret}")
    say(f"Home {settings.home}; stop with Ctrl+C. The address is a key to the account: keep it.")
    if access.public:
        say(f"Through the proxy: https://{access.public}/?token={access.secret}, with the password")
    logging.getLogger("uvicorn.access").disabled = True
    config = uvicorn.Config(
        app, host=HOST, port=args.port, log_level="warning", lifespan="off", ws="none",
        proxy_headers=False, server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run()
    return 0


def _as_stored(settings: Settings) -> Settings:
    from options_platform.services.trading.home_copy import home_copy

    return of_stored_source(settings, home_copy(settings).warehouse)
