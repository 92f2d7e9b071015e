"""The ids of orders: fixed before anything is sent, so that an order asked for twice is one."""

from __future__ import annotations

import hashlib
from datetime import date

from options_platform.common import DEFAULT_RULE_SET
from options_platform.domain.trading.orders.order import Purpose


def client_order_id(
    account: str,
    session: date,
    ticker: str,
    purpose: Purpose,
    attempt: int = 1,
    rule_set: str = DEFAULT_RULE_SET,
) -> str:
    """The id of the one order that an account sends for a session, ticker, purpose and attempt.

    A broker keeps these ids unique, whatever the order holds. A rule set other than the default is
    part of the id, by its name.
    """
    name, text = f"{ticker}-{purpose}", f"{account}|{session}|{ticker}|{purpose}"
    if rule_set != DEFAULT_RULE_SET:
        name, text = f"{name}-{rule_set}", f"{text}|{rule_set}"
    return _made(session, name, text, attempt)


def exit_order_id(position_id: str, session: date, attempt: int = 1) -> str:
    """The id of the order that closes a position, decided on the close of `session`."""
    return _made(session, "exit", f"{position_id}|{session}", attempt)


def _made(session: date, name: str, text: str, attempt: int) -> str:
    if attempt > 1:
        name, text = f"{name}-{attempt}", f"{text}|{attempt}"
    digest = hashlib.sha256(text.encode()).hexdigest()[:10]
    return f"{session:%Y%m%d}-{name}-{digest}"
