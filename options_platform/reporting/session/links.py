"""Addresses of the pages that are served beside the web UI, for the links in Dagster's metadata."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from urllib.parse import quote

from options_platform.adapters.storage.page_secret import secret_of
from options_platform.settings import Settings

HOST = "127.0.0.1"
REPORT = "report.html"
GROUP = 8


def home_token(home: Path) -> str:
    """What stands for a home in addresses: its secret, which other users of the machine lack.

    It has hyphens, since browsers break a long address nowhere else: without them a link is wider
    than the page of a partition, and cuts off the ends of all lines beside it.
    """
    secret = secret_of(home)
    return "-".join(secret[start : start + GROUP] for start in range(0, len(secret), GROUP))


def former_token(home: Path) -> str:
    """What stood for a home in links that were stored before it had a secret: no secret at all."""
    return hashlib.sha256(str(home.expanduser().resolve()).encode()).hexdigest()[:8]


def served_at(settings: Settings) -> str:
    """The address beneath which the pages of the settings' home are served."""
    return f"http://{HOST}:{settings.reports_port}/{home_token(settings.home)}"


def report_url(settings: Settings) -> str:
    """The address of the report."""
    return f"{served_at(settings)}/{REPORT}"


def session_url(served: str, day: date, ticker: str) -> str:
    """The address of what happened to a ticker in a session, beneath :func:`served_at`."""
    return f"{served}/{day}/{quote(ticker, safe='')}"
