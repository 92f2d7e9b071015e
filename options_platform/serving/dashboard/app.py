"""The dashboard as a web application: its pages, the state that they poll, three actions."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from options_platform.errors import PlatformError
from options_platform.reporting.dashboard.pages import PAGES, render_answer
from options_platform.serving.dashboard.actions import ACTIONS, carry_out, refusal
from options_platform.serving.dashboard.made_pages import ASKED, MadePages
from options_platform.serving.metrics import PATH, Scrapes

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
LONGEST_FORM = 10_000
STATIC = ("dashboard.css", "dashboard.js", "ground.js")


def make_app(pages: MadePages) -> Starlette:
    """The dashboard of a home for those whom its access lets in."""
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

    access = pages.access

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
        done, lines = await run_in_threadpool(
            carry_out, pages.settings, action, form.get("reason", "")
        )
        return HTMLResponse(
            render_answer(action.capitalize(), lines, succeeded=done), 200 if done else 409, HEADERS
        )

    return Starlette(
        routes=[
            Route("/", enter, methods=["GET"]),
            Route("/state/{name}", guarded(state), methods=["GET"]),
            Route("/static/{file}", guarded(static), methods=["GET"]),
            Route("/actions/{action}", act, methods=["POST"]),
            Route(PATH, Scrapes(pages.settings, pages.as_stored).answer, methods=["GET"]),
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
