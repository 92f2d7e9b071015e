"""`ui`: serves Dagster's web UI and daemon for this home, on this machine only."""

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
    _require_free(args.port)
    say(f"Dagster UI: http://{HOST}:{args.port}  (home {settings.home}; stop with Ctrl+C)")
    command = [sys.executable, "-m", "dagster", "dev", "-m", "options_platform.definitions"]
    os.execv(sys.executable, [*command, "-h", HOST, "-p", str(args.port)])  # noqa: S606


def _require_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"port {port} of {HOST} cannot be used ({error}); choose another: --port 3001"
            ) from error
