"""The clearing house: assignment, exercise, expiry, dividends, and splits.

Source of the activities: Alpaca's documentation, "Non-Trade Activities for Option Events",
"Options Trading Overview" and "Account Activities". Shares are delivered at the strike against
cash.
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

    `shares_id`: whether both activities share one id; Alpaca's documentation shows both cases.
    """
    short = -int(book.quantity(symbol))
    _deliver(book, "OPASN", symbol, short if contracts is None else contracts, short, shares_id)


def exercise(
    book: FakeBook, symbol: str, contracts: int | None = None, *, shares_id: bool = True
) -> None:
    """Exercise long contracts (default: all): OPEXC, and OPTRD for the shares."""
    long = int(book.quantity(symbol))
    _deliver(book, "OPEXC", symbol, long if contracts is None else contracts, long, shares_id)


def exercise_available(book: FakeBook, symbol: str) -> None:
    """Serve POST /v2/positions/{symbol}/exercise: exercise all contracts that no order closes.

    Raises :class:`Refusal` without such contracts, and between the close and midnight.
    """
    long = int(book.quantity(symbol))
    if contract_of(symbol) is None or long <= 0:
        raise Refusal(404, 40410000, f"long position not found: {symbol}")
    now = book.now().astimezone(NEW_YORK)
    if is_session(now.date()) and now >= close_time(now.date()):
        raise Refusal(
            403, FORBIDDEN, "exercise requests are not accepted after market close until midnight"
        )
    available = long - int(reserved(book, symbol, "sell"))
    if available <= 0:
        raise Refusal(403, FORBIDDEN, "no qty available to exercise")
    exercise(book, symbol, available)


def restate(
    book: FakeBook,
    symbol: str,
    contracts: int | None = None,
    *,
    is_new: bool = False,
    moves: bool = True,
) -> None:
    """Cancel the newest assignment or exercise of a contract, or correct it to `contracts`.

    Both activities get the status canceled, or correct with new quantities; with `is_new` they
    stay unchanged and two new ones refer to them as `previous_id`. `moves`: whether positions and
    cash are corrected as well.
    """
    at = max(
        index
        for index, each in enumerate(book.activities)
        if each["symbol"] == symbol and each["activity_type"] in ("OPASN", "OPEXC")
    )
    contract, stated = contract_of(symbol), abs(float(book.activities[at]["qty"]))
    fraction = 0.0 if contracts is None else contracts / stated
    for place in (at, at + 1):
        before = book.activities[place]
        quantity = float(before["qty"])
        corrected = quantity * fraction
        after = before | {"status": "canceled" if contracts is None else "correct"}
        if contracts is not None:
            after["qty"] = f"{corrected:g}"
        if moves and contract is not None:
            price = 0.0 if before["symbol"] == symbol else contract.strike
            book.move(before["symbol"], corrected - quantity, price)
            book.cash -= (corrected - quantity) * price
        if is_new:
            new_id = book.next_activity()
            book.activities.append(after | {"id": new_id, "previous_id": before["id"]})
        else:
            book.activities[place] = after


def expire(book: FakeBook, day: date, spots: Mapping[str, float]) -> None:
    """Settle all contracts that expire on `day` or before, at the closes of their stocks.

    In the money by at least a cent, long ones are exercised and short ones assigned; others expire
    (OPEXP).
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


def pay_dividend(
    book: FakeBook, ticker: str, per_share_usd: float, shares: float | None = None
) -> None:
    """Pay a dividend on `shares` (default: those in the account), or charge it where short: DIV.

    At Alpaca it comes on the day of the payment, for the shares of the ex-date.
    """
    quantity = book.quantity(ticker) if shares is None else shares
    if not quantity:
        return
    net_usd = round(quantity * per_share_usd, 2)
    book.cash += net_usd
    paid = non_trade(book.next_activity(), "DIV", ticker, quantity, book.now(), net_usd=net_usd)
    book.activities.append(paid | {"per_share_amount": f"{per_share_usd:g}"})


def split(
    book: FakeBook, ticker: str, root: str, *, ratio: float = 1.0, kind: str | None = None
) -> None:
    """Rename a ticker's contracts to an adjusted root, e.g. SPY to SPY1, with the same strikes.

    Orders for the old contracts are canceled and refused from now on; shares are multiplied by
    `ratio`. With a `kind` (OPCA, SPLIT) each contract gets two activities of that type.
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
                    new_id = book.next_activity()
                    book.activities.append(non_trade(new_id, kind, name, change, book.now()))


def _deliver(
    book: FakeBook, kind: str, symbol: str, contracts: int, most: int, shares_id: bool
) -> None:
    contract = contract_of(symbol)
    if contract is None or not 0 < contracts <= most:
        raise Refusal(
            422, 42210000, f"{kind} of {contracts} {symbol}, of which {max(most, 0)} are open"
        )
    is_long = kind == "OPEXC"
    sign = -1 if is_long else 1
    # The holder of a call and the seller of a put receive the shares.
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
