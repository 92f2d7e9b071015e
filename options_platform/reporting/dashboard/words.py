"""How the pages write values: money to the cent, dates as they are, a dash for what is missing."""

from __future__ import annotations

from typing import Any

from options_platform import formats
from options_platform.formats import is_missing, number

DASH = "\N{EN DASH}"


def money(value: float | None) -> str:
    """USD with its cents: `1,234.50`."""
    return DASH if is_missing(value) else number(value)


def gain(value: float | None) -> str:
    """USD with its cents and its sign: `+12.00`."""
    if is_missing(value):
        return DASH
    return f"+{number(value)}" if value is not None and value > 0 else number(value)


def share(value: float | None) -> str:
    """A fraction as per cent."""
    return DASH if is_missing(value) else formats.pct(value)


def ratio(value: float | None) -> str:
    """A number with two decimals."""
    return DASH if is_missing(value) else number(value)


def score(value: float | None) -> str:
    """A number with three decimals."""
    return DASH if is_missing(value) else number(value, 3)


def whole(value: int | None) -> str:
    """A count."""
    return DASH if value is None else f"{value:,}"


def text(value: Any) -> str:
    """Anything as it is, names with blanks in place of underscores."""
    if is_missing(value):
        return DASH
    return formats.words(value) if isinstance(value, str) else str(value)


def exact(value: Any) -> str:
    """Text exactly as it is stored."""
    return DASH if is_missing(value) else str(value)


def run_id(value: str) -> str:
    """The beginning of a run's id, which the web UI shows."""
    return value[:8]


def moment(value: Any) -> str:
    """A UTC time to the minute."""
    return DASH if value is None else f"{value:%Y-%m-%d %H:%M}"


def price(value: float | None) -> str:
    """The net price of a trade as a debit or a credit."""
    return DASH if is_missing(value) else formats.net_price(value)


def closing(value: float | None) -> str:
    """What closing costs or brings."""
    return DASH if is_missing(value) else formats.closing_price(value)


def interval(low: float | None, high: float | None, digits: int = 2) -> str:
    """An interval, `[0.31, 1.20]`; empty where it is unknown."""
    if is_missing(low) or is_missing(high):
        return ""
    return f"[{number(low, digits)}, {number(high, digits)}]"
