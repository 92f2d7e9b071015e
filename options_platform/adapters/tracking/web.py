"""MLflow's server for a home, which opens on the newest scores; `options-platform mlflow` runs it.

uvicorn imports `app` from here, with the home and MLflow's stores in the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlflow.server import REL_STATIC_DIR
from mlflow.server import app as flask_app
from mlflow.server.fastapi_app import app
from starlette.responses import HTMLResponse
from starlette.routing import Route

from options_platform.adapters.tracking.first_page import with_first_page

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ("app",)

START = Path(flask_app.root_path, REL_STATIC_DIR, "index.html")


def start_page(request: Request) -> HTMLResponse:  # noqa: ARG001 (the same page for all)
    """MLflow's start page, with the script of the first page."""
    home = Path(os.environ["OPTIONS_HOME"])
    return HTMLResponse(with_first_page(START.read_text(), home))


# Before the routes of MLflow, since the first that fits answers.
app.router.routes.insert(0, Route("/", start_page))
