"""The scripts behind `POST /fake/<name>`: events of the account, the market, and habits.

Bodies are JSON objects; keys with a default may be left out. The span of a habit is `requests`,
`seconds`, or `until` (a time with its zone).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from options_platform.fake_alpaca import clearing
from options_platform.fake_alpaca.activities import fill_of
from options_platform.fake_alpaca.answers import Json, number
from options_platform.fake_alpaca.book import FakeBook
from options_platform.fake_alpaca.chains import FakeChains
from options_platform.fake_alpaca.faults import Faults
from options_platform.fake_alpaca.habits import Habits


class Scripted(Protocol):
    """The parts of the server that scripts change."""

    book: FakeBook
    chains: FakeChains
    habits: Habits
    faults: Faults
    clock_offset: timedelta

    def release(self) -> None:
        """End all hanging requests."""
        ...

    def arrive(self) -> None:
        """Carry out the requests that are underway, in their order."""
        ...


Script = Callable[[Scripted, Json], None]


def _order(fake: Scripted, body: Json) -> Json:
    return fake.book.by_client_id(body["client_order_id"])


def _fill(fake: Scripted, body: Json) -> None:
    """Fill `spreads` (default: all remaining) of an order at `price` (default: its limit)."""
    fake.book.fill(_order(fake, body), body.get("spreads"), body.get("price"))


def _replace(fake: Scripted, body: Json) -> None:
    """Replace an order by hand: `limit_price`, `qty`, `new_client_order_id`."""
    changes: Json = {name: body[name] for name in ("limit_price", "qty") if name in body}
    changes["client_order_id"] = body.get("new_client_order_id")
    fake.book.replace(_order(fake, body), changes)


def _move(fake: Scripted, body: Json) -> None:
    """Add `quantity` of `symbol` to the positions (negative: remove), without changing cash.

    With `by_hand`, also add a FILL of an order that was not sent by the client.
    """
    symbol, quantity = body["symbol"], number(body["quantity"])
    price = float(body.get("price", 0.0))
    fake.book.move(symbol, quantity, price)
    if body.get("by_hand"):
        new_id = fake.book.next_activity()
        leg: Json = {
            "id": f"by-hand-{new_id}",
            "symbol": symbol,
            "side": "buy" if quantity > 0 else "sell",
            "qty": abs(quantity),
            "filled_qty": abs(quantity),
        }
        order = {"status": "filled"}
        fill = fill_of(new_id, order, leg, quantity, price, fake.book.now())
        fake.book.activities.append(fill)


def _delivered(deliver: Callable[..., None]) -> Script:
    def run(fake: Scripted, body: Json) -> None:
        deliver(
            fake.book,
            body["symbol"],
            body.get("contracts"),
            shares_id=bool(body.get("same_id", True)),
        )

    return run


def _restate(fake: Scripted, body: Json) -> None:
    """Cancel the newest assignment or exercise of `symbol`, or correct it to `contracts`."""
    clearing.restate(
        fake.book,
        body["symbol"],
        body.get("contracts"),
        is_new=bool(body.get("new_id", False)),
        moves=bool(body.get("moves", True)),
    )


def _expire(fake: Scripted, body: Json) -> None:
    """Settle contracts that expire on `date` or before, at the `spots` by ticker."""
    clearing.expire(fake.book, date.fromisoformat(body["date"]), body["spots"])


def _dividend(fake: Scripted, body: Json) -> None:
    """Pay `per_share` USD on the shares of `ticker`: `shares`, by default those in the account."""
    clearing.pay_dividend(fake.book, body["ticker"], float(body["per_share"]), body.get("shares"))


def _split(fake: Scripted, body: Json) -> None:
    """Rename the contracts of `ticker` to `root` (default: the ticker and 1)."""
    clearing.split(
        fake.book,
        body["ticker"],
        body.get("root", body["ticker"] + "1"),
        ratio=float(body.get("ratio", 1.0)),
        kind=body.get("activity"),
    )


def _span(body: Json) -> dict[str, Any]:
    until = body.get("until")
    return {
        "requests": body.get("requests"),
        "seconds": body.get("seconds"),
        "until": None if until is None else datetime.fromisoformat(until),
    }


def _lag(fake: Scripted, body: Json) -> None:
    """Let the answers `of` lag by `requests` or `seconds`; without both, end the lag."""
    fake.habits.lag(
        body["of"],
        requests=int(body.get("requests", 0)),
        seconds=float(body.get("seconds", 0.0)),
    )


def _page_cap(fake: Scripted, body: Json) -> None:
    """Return at most `cap` orders or activities per page (default 50); null for Alpaca's limit."""
    fake.habits.page_cap = body.get("cap", 50)


def _rules(fake: Scripted, body: Json) -> None:
    """Set rules of :class:`~.checks.BookRules` by name."""
    names = {rule.name for rule in fields(fake.book.rules)}
    for name, value in body.items():
        if name not in names:
            raise ValueError(f"no rule {name!r}; there are {', '.join(sorted(names))}")
        setattr(fake.book.rules, name, bool(value))


def _clock(fake: Scripted, body: Json) -> None:
    fake.clock_offset = timedelta(seconds=float(body["offset_seconds"]))


def _quote(fake: Scripted, body: Json) -> None:
    fake.chains.quote(body["symbol"], float(body["bid"]), float(body["ask"]))


def _trade(fake: Scripted, body: Json) -> None:
    fake.chains.trade(body["ticker"], float(body["price"]))


SCRIPTS: dict[str, Script] = {
    "faults": lambda fake, body: fake.faults.add(body),
    "fill": _fill,
    "cancel": lambda fake, body: fake.book.cancel(_order(fake, body)),
    "reject": lambda fake, body: fake.book.reject(_order(fake, body)),
    "replace": _replace,
    "close": lambda fake, _: fake.book.expire_day_orders(),
    "clearing": lambda fake, body: fake.book.clearing(body["kind"], body["symbol"]),
    "assign": _delivered(clearing.assign),
    "exercise": _delivered(clearing.exercise),
    "restate": _restate,
    "expire": _expire,
    "dividend": _dividend,
    "split": _split,
    "move": _move,
    "quote": _quote,
    "trade": _trade,
    "clock": _clock,
    "release": lambda fake, _: fake.release(),
    "arrive": lambda fake, _: fake.arrive(),
    "lag": _lag,
    "freeze": lambda fake, body: fake.habits.freeze(body["of"], **_span(body)),
    "hide": lambda fake, body: fake.habits.hide(body.get("symbols"), **_span(body)),
    "page_cap": _page_cap,
    "honest": lambda fake, _: fake.habits.clear(),
    "rules": _rules,
}
