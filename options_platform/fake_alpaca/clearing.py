"""What the clearing house does to an account: assignment, exercise, expiry, and splits.

Source of the activities: Alpaca's documentation, "Non-Trade Activities for Option Events" and
"Options Trading Overview". Shares are delivered at the strike, and cash moves with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

from options_platform.domain.calendar.sessions import NEW_YORK, close_time, is_session
from options_platform.fake_alpaca.activities import non_trade
from options_platform.fake_alpaca.answers import Refusal
from options_platform.fake_alpaca.checks import FORBIDDEN, reserved
from options_platform.fake_alpaca.symbols import SHARES, Contract, contract_of, renamed

if TYPE_CHECKING:
    from options_platform.fake_alpaca.book import FakeBook

IN_THE_MONEY_USD = 0.01


def assign(
    book: FakeBook, symbol: str, contracts: int | None = None, *, shares_id: bool = True
) -> None:
    """Assign short contracts (default: all): OPASN, and OPTRD for the shares.

    `shares_id`: whether the pair has one id, as one page of the documentation shows it; on
    another each has its own.
    """
    held = -int(book.quantity(symbol))
    _deliver(book, "OPASN", symbol, held if contracts is None else contracts, held, shares_id)


def exercise(
    book: FakeBook, symbol: str, contracts: int | None = None, *, shares_id: bool = True
) -> None:
    """Exercise long contracts (default: all): OPEXC, and OPTRD for the shares."""
    held = int(book.quantity(symbol))
    _deliver(book, "OPEXC", symbol, held if contracts is None else contracts, held, shares_id)


def exercise_asked(book: FakeBook, symbol: str) -> None:
    """What POST /v2/positions/{symbol}/exercise does: all that no order is to close."""
    held = int(book.quantity(symbol))
    if contract_of(symbol) is None or held <= 0:
        raise Refusal(404, 40410000, f"long position not found: {symbol}")
    now = book.now().astimezone(NEW_YORK)
    if is_session(now.date()) and now >= close_time(now.date()):
        raise Refusal(
            403, FORBIDDEN, "exercise requests are not accepted after market close until midnight"
        )
    free = held - int(reserved(book, symbol, "sell"))
    if free <= 0:
        raise Refusal(403, FORBIDDEN, "no qty available to exercise")
    exercise(book, symbol, free)


def restate(
    book: FakeBook,
    symbol: str,
    contracts: int | None = None,
    *,
    is_new: bool = False,
    moves: bool = True,
) -> None:
    """Cancel the newest assignment or exercise of a contract, or correct it to `contracts`.

    The pair of activities gets the status canceled, or correct under new quantities; with `is_new`
    it stays as it is and another pair names it as `previous_id`. `moves`: whether the account is
    put right too, as where the first statement had moved it.
    """
    at = max(
        number
        for number, each in enumerate(book.activities)
        if each["symbol"] == symbol and each["activity_type"] in ("OPASN", "OPEXC")
    )
    contract, stated = contract_of(symbol), abs(float(book.activities[at]["qty"]))
    part = 0.0 if contracts is None else contracts / stated
    for place in (at, at + 1):
        before = book.activities[place]
        quantity = float(before["qty"])
        rest = quantity * part
        after = before | {"status": "canceled" if contracts is None else "correct"}
        if contracts is not None:
            after["qty"] = f"{rest:g}"
        if moves and contract is not None:
            share = 0.0 if before["symbol"] == symbol else contract.strike
            book.move(before["symbol"], rest - quantity, share)
            book.cash -= (rest - quantity) * share
        if is_new:
            number_ = book.next_activity()
            book.activities.append(after | {"id": number_, "previous_id": before["id"]})
        else:
            book.activities[place] = after


def expire(book: FakeBook, day: date, spots: Mapping[str, float]) -> None:
    """Settle all contracts that expire on `day` or before, with the closes of their stocks.

    In the money by a cent: long ones are exercised, short ones assigned; else OPEXP.
    """
    for symbol, (quantity, _) in sorted(book.positions.items()):
        contract = contract_of(symbol)
        if contract is None or contract.expiry > day:
            continue
        if _value(contract, spots[contract.ticker]) < IN_THE_MONEY_USD:
            book.move(symbol, -quantity, 0.0)
            book.activities.append(
                non_trade(book.next_activity(), "OPEXP", symbol, -quantity, book.now())
            )
        elif quantity > 0:
            exercise(book, symbol)
        else:
            assign(book, symbol)


def split(
    book: FakeBook, ticker: str, root: str, *, ratio: float = 1.0, kind: str | None = None
) -> None:
    """Rename a ticker's contracts to an adjusted root, e.g. SPY to SPY1, strikes as they are.

    Orders for the old ones are canceled and refused from now on; shares become `ratio` times as
    many. `kind` (OPCA, SPLIT) also notes an activity for each contract.
    """
    for order in list(book.orders.values()):
        symbols = [leg["symbol"] for leg in order["legs"] or [order]]
        if order["status"] in book.working and any(_root(s) == ticker for s in symbols):
            book.cancel(order)
    for symbol, (quantity, price) in sorted(book.positions.items()):
        if symbol == ticker:
            book.positions[symbol] = [quantity * ratio, price / ratio]
        elif _root(symbol) == ticker:
            adjusted = renamed(symbol, root)
            book.positions[adjusted] = book.positions.pop(symbol)
            book.renamed[symbol] = adjusted
            if kind is not None:
                for name, change in ((symbol, -quantity), (adjusted, quantity)):
                    number_ = book.next_activity()
                    book.activities.append(non_trade(number_, kind, name, change, book.now()))


def _deliver(
    book: FakeBook, kind: str, symbol: str, contracts: int, held: int, shares_id: bool
) -> None:
    contract = contract_of(symbol)
    if contract is None or not 0 < contracts <= held:
        raise Refusal(
            422, 42210000, f"{kind} of {contracts} {symbol}, of which {max(held, 0)} are held"
        )
    is_long = kind == "OPEXC"
    sign = -1 if is_long else 1
    # A call's holder and a put's seller take the shares.
    shares = SHARES * contracts * (1 if (contract.right == "call") == is_long else -1)
    paid_usd = shares * contract.strike
    first = book.next_activity()
    second = first if shares_id else book.next_activity()
    book.move(symbol, sign * contracts, 0.0)
    book.move(contract.ticker, shares, contract.strike)
    book.cash -= paid_usd
    now = book.now()
    book.activities.append(non_trade(first, kind, symbol, sign * contracts, now))
    book.activities.append(
        non_trade(
            second, "OPTRD", contract.ticker, shares, now, net_usd=-paid_usd, price=contract.strike
        )
    )


def _root(symbol: str) -> str | None:
    contract = contract_of(symbol)
    return None if contract is None else contract.root


def _value(contract: Contract, spot: float) -> float:
    sign = 1 if contract.right == "call" else -1
    return sign * (spot - contract.strike)
