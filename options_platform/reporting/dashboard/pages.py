"""The list of pages, and how one is written: its content into its template."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from options_platform.errors import PlatformError
from options_platform.reporting.charts.style import GROUNDS, ground_paths, in_json, in_page
from options_platform.reporting.dashboard import words
from options_platform.reporting.dashboard.account import account
from options_platform.reporting.dashboard.backtests import backtests
from options_platform.reporting.dashboard.earnings import earnings
from options_platform.reporting.dashboard.models import models
from options_platform.reporting.dashboard.positions import positions
from options_platform.reporting.dashboard.system import system
from options_platform.reporting.dashboard.today import today
from options_platform.reporting.dashboard.trades import trades
from options_platform.reporting.dashboard.view import View, account_shown
from options_platform.reporting.report import environment
from options_platform.services.market_data.one_market import proxy_note
from options_platform.services.trading.home_copy import home_copy
from options_platform.settings import Settings


@dataclass(frozen=True)
class Page:
    """A page by its title, and the function that makes the content of its template."""

    title: str
    content: Callable[[View], dict[str, Any]]


PAGES = {
    "today": Page("Today", today),
    "account": Page("Account", account),
    "positions": Page("Positions", positions),
    "trades": Page("Trades", trades),
    "backtest": Page("Backtest", backtests),
    "earnings": Page("Earnings", earnings),
    "models": Page("Models", models),
    "system": Page("System", system),
}


@dataclass(frozen=True)
class Frame:
    """What all pages of a server have in common: the token of its forms, and the state shown.

    `state` changes with whatever a page may show; `token` is None where nothing may be done.
    """

    state: str
    token: str | None = None


def view_of(settings: Settings, query: Mapping[str, str], now: datetime) -> View:
    """The newest published copy of the home, as a page reads it."""
    copy = home_copy(settings)
    return View(settings, copy, now, account_shown(copy, query.get("account")), query)


def render(name: str, view: View, frame: Frame) -> str:
    """A page as HTML. What cannot be shown says why, and what to do."""
    page = PAGES[name]
    problem, content = None, {}
    if not view.is_empty:
        try:
            content = page.content(view)
        except PlatformError as error:
            problem = str(error)
    return str(
        templates().get_template(f"dashboard/templates/{name}.html.j2").render(
            **_common(name, view, frame), problem=problem, **content
        )
    )  # fmt: skip


def render_answer(title: str, lines: list[str], *, succeeded: bool) -> str:
    """The page that says what became of an action."""
    template = templates().get_template("dashboard/templates/answer.html.j2")
    return str(template.render(title=title, lines=lines, succeeded=succeeded))


def themes() -> str:
    """The layout of each ground as JSON, for the browser."""
    import json

    return in_page(json.dumps({ground: ground_paths(ground) for ground in GROUNDS}))


@cache
def templates() -> Any:
    """Jinja's environment of the pages; every value is escaped but a figure's JSON."""
    from markupsafe import Markup

    made = environment()
    made.filters |= {
        "money": words.money, "gain": words.gain, "share": words.share,
        "figure": lambda figure: Markup(in_json(figure)),  # noqa: S704 (in_json escapes)
        "raw_json": Markup,
    }  # fmt: skip
    return made


def _common(name: str, view: View, frame: Frame) -> dict[str, Any]:
    return {
        "name": name,
        "pages": {key: page.title for key, page in PAGES.items()},
        "title": PAGES[name].title,
        "tickers": view.settings.tickers,
        "source": view.settings.source,
        "proxy": proxy_note(view.settings),
        "is_live": view.settings.is_live,
        "account_name": view.settings.account,
        "shown": view.shown,
        "has_both": view.copy.replay.exists and view.copy.ledger.exists,
        "as_of": view.copy.published_at,
        "behind": view.copy.behind,
        "is_empty": view.is_empty,
        "home": view.settings.home,
        "state": frame.state,
        "token": frame.token,
        "themes": themes(),
    }
