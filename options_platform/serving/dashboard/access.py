"""Who may see the dashboard: whoever has the home's token, and through a proxy the password too.

The token is in the address that the command prints, and after that in a cookie of the browser. A
form has another one, made from it, so that no page of the web can send a form in the browser's
name. A request that came through a proxy is refused, unless the dashboard was started for one that
asks by TLS, and then it needs the password as well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from options_platform.adapters.storage.page_secret import DASHBOARD, secret_of
from options_platform.errors import UsageError
from options_platform.serving.metrics import FORWARDED

HOST = "127.0.0.1"
SHORTEST_PASSWORD = 12


@dataclass(frozen=True)
class Access:
    """What a request must have.

    `secret` is the home's; `public` the host name of the proxy in front, None without one, which
    asks for the `password`.
    """

    secret: str
    public: str | None = None
    password: str | None = None

    @property
    def cookie(self) -> str:
        """The name of the cookie: dashboards of other homes have others."""
        return f"options_platform_{hashlib.sha256(self.secret.encode()).hexdigest()[:8]}"

    @property
    def form_token(self) -> str:
        """What each form must send."""
        return hmac.new(self.secret.encode(), b"actions", hashlib.sha256).hexdigest()

    @property
    def hosts(self) -> list[str]:
        """The names by which a browser may ask for the dashboard."""
        return [HOST, "localhost", *([self.public] if self.public else [])]

    def has_token(self, given: str | None) -> bool:
        """Whether a token or a cookie is that of the home."""
        return _same(given or "", self.secret)

    def has_form_token(self, given: str | None) -> bool:
        """Whether a form is of a page of this dashboard."""
        return _same(given or "", self.form_token)

    def refusal(self, headers: Mapping[str, str]) -> tuple[int, str] | None:
        """Status and reason where the way that a request came is refused; None if it may pass."""
        is_forwarded = any(name in headers for name in FORWARDED)
        if self.public is None:
            if is_forwarded:
                return 403, (
                    "The dashboard was not started for other hosts. Start it with --public NAME "
                    "and --password-file FILE, behind a proxy with TLS."
                )
            return None
        if is_forwarded and headers.get("x-forwarded-proto", "").lower() != "https":
            return 403, "The proxy must be asked by https, and say so in X-Forwarded-Proto."
        if not _same(_password_of(headers.get("authorization", "")), self.password or ""):
            return 401, "The dashboard asks for its password."
        return None


def make_access(home: Path, public: str | None, password_file: str | None) -> Access:
    """The access to a home's dashboard.

    Raises :class:`UsageError` for a host name without a password, a password without one, one that
    cannot be read, or is shorter than twelve characters.
    """
    secret = secret_of(home, DASHBOARD)
    if public is None and password_file is None:
        return Access(secret)
    if public is None or password_file is None:
        raise UsageError(
            "other hosts reach the dashboard only through a proxy with TLS and with a password: "
            "give both --public NAME, the proxy's host name, and --password-file FILE"
        )
    try:
        password = Path(password_file).expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"the password file {password_file} cannot be read ({error})") from error
    if len(password) < SHORTEST_PASSWORD:
        raise UsageError(
            f"the password in {password_file} is shorter than {SHORTEST_PASSWORD} characters"
        )
    return Access(secret, public.lower(), password)


def require_this_machine(host: str) -> None:
    """Raise :class:`UsageError` for an address that other hosts reach."""
    if host not in (HOST, "localhost"):
        raise UsageError(
            f"the dashboard can send orders, so it listens on {HOST} alone, not on {host}; for "
            f"other hosts put a proxy with TLS in front of it on this machine, and name that: "
            "--public NAME --password-file FILE"
        )


def _password_of(header: str) -> str:
    kind, _, coded = header.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(coded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _same(given: str, expected: str) -> bool:
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())
