"""Numbers as people read them, the same in the command line, the report, alerts and Dagster.

What programs read (JSON, CSV, tables) keeps plain numbers: prices there are net, debit positive and
credit negative. Here a price says in words which way the money goes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

NOTHING = "-"
"""What a missing value is shown as."""

CLASSES = 3
"""Directions that a call chooses from: bearish, neutral, bullish."""

NET_PRICES = frozenset({
    "limit_price", "avg_price", "entry_price", "planned_price", "price", "limit", "entry",
})  # fmt: skip
"""Columns with the net price of an order or of its entry, debit positive."""

VALUES = frozenset({"exit_price", "mark_price", "exit", "mark"})
"""Columns with what closing a position brings or would bring, negative where it costs money."""

WHOLE = frozenset({
    "volume", "open_interest", "trades", "contracts", "sessions", "rows", "plans", "n",
})  # fmt: skip
"""Columns that count something, whatever their type."""

SHARES_OF_ONE = frozenset(
    {"win_rate", "share", "account_share", "max_drawdown", "cagr", "drawdown"}
)
"""Columns with fractions that are read as per cent."""


def is_missing(value: object) -> bool:
    """Whether there is no value: None, or a number that is none."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def count(number: int, noun: str, plural: str | None = None) -> str:
    """How many of something: `1 trade`, `1,204 trades`, `no trades`."""
    named = noun if number == 1 else plural or f"{noun}s"
    return f"{number:,} {named}" if number else f"no {named}"


def number(value: float | None, digits: int = 2) -> str:
    """A number with separators and a fixed number of decimals."""
    if value is None or math.isnan(value):
        return NOTHING
    text = f"{value:,.{digits}f}"
    # What rounds to zero has no sign.
    return text.lstrip("-") if not text.strip("-0.,") else text


def usd(value: float | None, *, signed: bool = False) -> str:
    """An amount in USD, without cents from 1,000 USD on; `signed` writes gains with a plus."""
    if value is None or math.isnan(value):
        return NOTHING
    text = number(value, 0 if abs(value) >= 1000 else 2)
    plus = "+" if signed and value > 0 and text.strip("0.,") else ""
    return f"{plus}{text} USD"


def pct(fraction: float | None, digits: int = 1) -> str:
    """A fraction as a percentage."""
    return NOTHING if is_missing(fraction) else f"{number(100 * (fraction or 0.0), digits)}%"


def net_price(price: float | None) -> str:
    """The net price of a trade, USD a share: `debit 1.20` is paid, `credit 0.71` received."""
    if price is None or math.isnan(price):
        return NOTHING
    if not (text := number(abs(price))).strip("0.,"):
        return "even"
    return f"{'debit' if price > 0 else 'credit'} {text}"


def closing_price(value: float | None) -> str:
    """The net price of closing what is worth `value`: a negative value costs a debit."""
    return NOTHING if value is None else net_price(-value)


def probability(confidence: float | None) -> float | None:
    """The probability of a call from its confidence, which is 0 at a guess and 1 at certainty."""
    return None if confidence is None else (1.0 + (CLASSES - 1) * confidence) / CLASSES


def confident(confidence: float | None, share: float | None = None) -> str:
    """What a confidence means: `54% likely (41% of the sessions so far were)`.

    `share` is that of the predicted class in the sessions so far, the naive forecast; without it,
    one of three classes: `54% likely, where a guess is 33%`.
    """
    chance = probability(confidence)
    if chance is None or math.isnan(chance):
        return "of unknown confidence"
    if share is not None:
        return f"{pct(chance, 0)} likely ({pct(share, 0)} of the sessions so far were)"
    return f"{pct(chance, 0)} likely, where a guess is {pct(1 / CLASSES, 0)}"


def words(name: str) -> str:
    """The name of a strategy, a regime or a rule as words."""
    return name.replace("_", " ")


def cell(value: Any, name: str = "", *, digits: int = 2) -> str:
    """A value for a table; the name of its column says what a number is."""
    if is_missing(value):
        return NOTHING
    match value:
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(str, value))
        case datetime():
            return f"{value:%Y-%m-%d %H:%M}"
        case int() | float():
            return _figure(float(value), name, 0 if isinstance(value, int) else digits)
    return str(value)


def _figure(value: float, name: str, digits: int) -> str:
    if name in NET_PRICES:
        return net_price(value)
    if name in VALUES:
        return closing_price(value)
    if name in SHARES_OF_ONE or name.endswith("_share"):
        return pct(value)
    if name.endswith("_usd"):
        digits = 0 if abs(value) >= 1000 else 2
    return number(value, 0 if name in WHOLE else digits)


def metric(name: str, value: float | None) -> str:
    """The value of a score by its name: counts are whole, rates are per cent."""
    return cell(value, name)


def exit_words(trade: Mapping[str, Any]) -> str:
    """Why a trade was closed, at which close that was decided, and at what price it was filled.

    `trade` has `exit_reason`, `exit_price`, `closed_on`, and the last close before the fill as
    `decided_on`, `decided_price` (the position's value there); the reason alone without that close.
    """
    reason, decided = trade["exit_reason"], trade.get("decided_price")
    if reason is None or trade["exit_price"] is None or decided is None:
        return reason or NOTHING
    return (
        f"{reason}: decided at the close of {trade['decided_on']} at "
        f"{closing_price(decided)}, filled on {trade['closed_on']} at "
        f"{closing_price(trade['exit_price'])}"
    )
