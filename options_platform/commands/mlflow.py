"""`mlflow`: serves MLflow's UI for this home, opened on the newest scores of the models."""

from __future__ import annotations

import argparse
import os
import sys

from options_platform.commands.common import ready_settings, say
from options_platform.commands.ui import require_free


def mlflow(args: argparse.Namespace) -> int:
    """Serve until interrupted.

    Raises :class:`UsageError` if the port is taken, :class:`ModelStoreError` if the store cannot
    be opened.
    """
    settings = ready_settings()
    require_free(args.port, args.host)
    from options_platform.adapters.tracking.client import artifacts_of, open_client

    # Created here as by a run, so that a server and a run do not create it at once.
    open_client(settings.home)
    say(f"MLflow: http://{args.host}:{args.port}  (home {settings.home}; stop with Ctrl+C)")
    home = settings.home.absolute()
    served = {
        "OPTIONS_HOME": str(home),
        "_MLFLOW_SERVER_FILE_STORE": f"sqlite:///{home / 'mlflow.db'}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": artifacts_of(home),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Its jobs judge the answers of language models.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    os.environ.update(served)
    command = [sys.executable, "-m", "uvicorn", "options_platform.adapters.tracking.web:app"]
    options = ["--host", args.host, "--port", str(args.port), "--log-level", "warning"]
    os.execv(sys.executable, [*command, *options])  # noqa: S606
