"""Serves the report and the pages of sessions to a browser of this machine, beside the web UI.

Bound to 127.0.0.1. Only the files of the home's folder of reports are served, and a request that
names another host is refused, so that no page of the web can read them through the browser.
"""

from __future__ import annotations

import hmac
import logging
import socket
import threading
from datetime import date
from typing import TYPE_CHECKING

from options_platform.adapters.storage.page_secret import secret_of
from options_platform.errors import PlatformError
from options_platform.reporting.session.links import (
    HOST,
    REPORT,
    former_token,
    home_token,
    report_url,
)
from options_platform.settings import Settings

if TYPE_CHECKING:
    from starlette.applications import Starlette

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

COOKIE = "options_platform_pages"
FORMER_LINK = (
    "This link is of a former version. Open the report once by the address that options-platform "
    "ui prints; from then on this browser follows such links too.\n"
)


def make_app(settings: Settings) -> Starlette:
    """The pages of the settings' home, beneath its secret; everything else is not found.

    A link that was stored before there was a secret leads to its page in a browser that has opened
    the report since, which shows it by a cookie. It leads nobody else there: the path of a home,
    from which those links were made, is known to every user of the machine. A link with the secret
    in one piece, as they were stored until it had hyphens, leads to its page in any browser.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles

    from options_platform.reporting.session.page import session_page

    def session(request: Request) -> Response:
        try:
            day = date.fromisoformat(request.path_params["day"])
        except ValueError:
            return _missing()
        try:
            page = session_page(settings, day, request.path_params["ticker"])
        except PlatformError as error:
            return PlainTextResponse(f"{error}\n", 503, {**HEADERS, "Retry-After": "10"})
        return _missing() if page is None else HTMLResponse(page, headers=HEADERS)

    def _missing() -> Response:
        return PlainTextResponse("No such session or ticker in this home.\n", 404, HEADERS)

    class Reports(StaticFiles):
        async def get_response(self, path: str, scope: object) -> Response:
            response = await super().get_response(path, scope)  # type: ignore[arg-type]
            response.headers.update({**HEADERS, "Set-Cookie": cookie})
            return response

    def unwritten(_request: Request, _error: Exception) -> Response:
        text = "There is no such page. The report: options-platform report\n"
        return PlainTextResponse(text, 404, HEADERS)

    def former(request: Request) -> Response:
        if not hmac.compare_digest(request.cookies.get(COOKIE, ""), secret):
            return PlainTextResponse(FORMER_LINK, 403, HEADERS)
        rest = request.url.path.removeprefix(f"/{before}")
        return RedirectResponse(f"/{token}{rest}", headers=HEADERS)

    def without_hyphens(request: Request) -> Response:
        rest = request.url.path.removeprefix(f"/{secret}")
        return RedirectResponse(f"/{token}{rest}", headers=HEADERS)

    secret = secret_of(settings.home)
    token, before = home_token(settings.home), former_token(settings.home)
    cookie = f"{COOKIE}={secret}; Path=/{before}; Max-Age=31536000; HttpOnly; SameSite=Strict"
    return Starlette(
        routes=[
            Route(f"/{token}/", lambda _: RedirectResponse(f"/{token}/{REPORT}")),
            Route(f"/{token}/{{day}}/{{ticker}}", session, methods=["GET"]),
            Route(f"/{secret}/{{rest:path}}", without_hyphens, methods=["GET"]),
            Route(f"/{before}/{{rest:path}}", former, methods=["GET"]),
            Mount(f"/{token}", Reports(directory=settings.reports_path, check_dir=False)),
        ],
        middleware=[
            Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False)
        ],
        exception_handlers={404: unwritten},
    )


def serve_beside(settings: Settings) -> bool:
    """Serve the pages from a thread, as long as this process runs; False if the port is taken."""
    import uvicorn

    say = logging.getLogger("dagster")
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, settings.reports_port))
        listening.listen()
    except OSError as error:
        listening.close()
        say.warning(
            "The report is not served: port %s of %s cannot be used (%s); set OPTIONS_REPORTS_PORT "
            "to another. To open it: options-platform report",
            settings.reports_port, HOST, error.strerror,
        )  # fmt: skip
        return False
    config = uvicorn.Config(make_app(settings), log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([listening],), daemon=True, name="pages").start()
    say.info("The report is served at %s", report_url(settings))
    return True
