"""`ui`: serves Dagster's web UI and daemon for this home, and its report, on this machine only."""

from __future__ import annotations

import argparse
import os
import socket
import sys

from options_platform.commands.common import ready_settings, say
from options_platform.errors import UsageError

HOST = "127.0.0.1"


def ui(args: argparse.Namespace) -> int:
    """Serve until interrupted; Dagster's daemon runs schedules, sensors and backfills.

    Raises :class:`UsageError` if the port is taken.
    """
    settings = ready_settings()
    require_free(args.port)
    say(f"Dagster UI: http://{HOST}:{args.port}  (home {settings.home}; stop with Ctrl+C)")
    command = [sys.executable, "-m", "options_platform.serving", "dev"]
    served = ["-m", "options_platform.definitions", "-h", HOST, "-p", str(args.port)]
    os.execv(sys.executable, [*command, *served])  # noqa: S606


def require_free(port: int, host: str = HOST) -> None:
    """Raise :class:`UsageError` if a server cannot listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"port {port} of {host} cannot be used ({error}); choose another: --port {port + 1}"
            ) from error
