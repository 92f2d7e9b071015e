"""The dashboard as a web application: its pages, the state that they poll, three actions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from options_platform.errors import PlatformError
from options_platform.reporting.dashboard.pages import (
    PAGES,
    Frame,
    render,
    render_answer,
    view_of,
)
from options_platform.services.trading.home_copy import home_copy
from options_platform.serving.dashboard.access import Access
from options_platform.serving.dashboard.actions import ACTIONS, carry_out, refusal
from options_platform.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
KEPT_PAGES = 48
LONGEST_FORM = 10_000
SHOW_RUNS = ("today", "system")
"""The pages that show the state of Dagster's runs, up to a minute old."""

MINUTES = 5
"""How long a page may be shown whose home has not changed: alerts come with time alone, too."""

ASKED = ("account", "search", "ticker", "strategy", "rule_set", "exit_reason", "result")
STATIC = ("dashboard.css", "dashboard.js", "ground.js")


@dataclass
class Pages:
    """The pages of a home, each made once for a state of it; one at a time, on one core."""

    settings: Settings
    access: Access
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    _made: OrderedDict[tuple[str, ...], str] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def state(self, name: str) -> str:
        """What changes with anything that a page may show: the copy, halts, runs, and time."""
        settings, now = self.settings, self.now()
        copy = home_copy(settings)
        notices = [notice.stat().st_mtime_ns for notice in settings.home.glob("*.duckdb.halt")]
        runs = 0
        if name in SHOW_RUNS:
            files = (
                settings.dagster_home / "history" / each for each in ("runs.db", "runs.db-wal")
            )
            # A run writes all the time.
            runs = int(max((f.stat().st_mtime for f in files if f.exists()), default=0.0) // 60)
        parts = (copy.published_at, copy.behind, *sorted(notices), runs)
        return " ".join(map(str, (*parts, int(now.timestamp() // (60 * MINUTES)))))

    def page(self, name: str, query: dict[str, str]) -> str:
        """A page as HTML."""
        with self._lock:
            state = self.state(name)
            key = (state, name, *(query.get(each, "") for each in ASKED))
            if key not in self._made:
                view = view_of(self.settings, query, self.now())
                self._made[key] = render(name, view, Frame(state, self.access.form_token))
                while len(self._made) > KEPT_PAGES:
                    self._made.popitem(last=False)
            return self._made[key]


def make_app(settings: Settings, access: Access) -> Starlette:
    """The dashboard of the settings' home for those whom `access` lets in."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import (
        FileResponse,
        HTMLResponse,
        PlainTextResponse,
        RedirectResponse,
    )
    from starlette.routing import Route

    pages = Pages(settings, access)

    def refused(request: Request) -> Response | None:
        if reason := access.refusal(request.headers):
            status, text = reason
            asks = {"WWW-Authenticate": 'Basic realm="options-platform"'} if status == 401 else {}
            return PlainTextResponse(f"{text}\n", status, HEADERS | asks)
        if not access.has_token(request.cookies.get(access.cookie)):
            text = "Open the address that options-platform dashboard has printed.\n"
            return PlainTextResponse(text, 403, HEADERS)
        return None

    def guarded(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def guard(request: Request) -> Response:
            return refused(request) or answer(request)

        return guard

    def enter(request: Request) -> Response:
        if access.refusal(request.headers) is None and access.has_token(
            request.query_params.get("token")
        ):
            entered = RedirectResponse("/today", 303, headers=HEADERS)
            entered.set_cookie(
                access.cookie, access.secret, httponly=True, samesite="strict",
                secure=access.public is not None, max_age=31_536_000,
            )  # fmt: skip
            return entered
        return refused(request) or RedirectResponse("/today", 303, headers=HEADERS)

    def page(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in PAGES:
            return PlainTextResponse("There is no such page; begin at /today\n", 404, HEADERS)
        query = {each: request.query_params.get(each, "")[:100] for each in ASKED}
        try:
            return HTMLResponse(pages.page(name, query), headers=HEADERS)
        except PlatformError as error:
            return PlainTextResponse(f"{error}\n", 503, HEADERS)

    def state(request: Request) -> Response:
        return PlainTextResponse(pages.state(request.path_params["name"]), headers=HEADERS)

    def static(request: Request) -> Response:
        name = request.path_params["file"]
        if name == "plotly.min.js":
            return FileResponse(
                plotly_script(), headers=HEADERS | {"Cache-Control": "max-age=3600"}
            )
        if name not in STATIC:
            return PlainTextResponse("There is no such file.\n", 404, HEADERS)
        folder = Path(str(files("options_platform.reporting.dashboard"))) / "static"
        return FileResponse(folder / name, headers=HEADERS)

    async def act(request: Request) -> Response:
        from starlette.concurrency import run_in_threadpool

        if (denied := refused(request)) is not None:
            return denied
        action = request.path_params["action"]
        form = await form_of(request)
        if action not in ACTIONS or not access.has_form_token(form.get("token")):
            text = "Nothing was done: the form is not of this dashboard. Load the page again.\n"
            return PlainTextResponse(text, 403, HEADERS)
        if why := refusal(action, form):
            answer = render_answer(action.capitalize(), [why], succeeded=False)
            return HTMLResponse(answer, 400, HEADERS)
        done, lines = await run_in_threadpool(carry_out, settings, action, form.get("reason", ""))
        return HTMLResponse(
            render_answer(action.capitalize(), lines, succeeded=done), 200 if done else 409, HEADERS
        )

    return Starlette(
        routes=[
            Route("/", enter, methods=["GET"]),
            Route("/state/{name}", guarded(state), methods=["GET"]),
            Route("/static/{file}", guarded(static), methods=["GET"]),
            Route("/actions/{action}", act, methods=["POST"]),
            Route("/{name}", guarded(page), methods=["GET"]),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=access.hosts, www_redirect=False),
            Middleware(GZipMiddleware, minimum_size=2000, compresslevel=3),
        ],
    )


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form that a page of the dashboard sends; empty for anything longer."""
    sent = b""
    async for part in request.stream():
        sent += part
        if len(sent) > LONGEST_FORM:
            return {}
    return dict(parse_qsl(sent.decode(errors="replace"), keep_blank_values=True))


def plotly_script() -> Path:
    """The script that draws the figures, as the package plotly brings it."""
    return Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
