"""The simulated broker's clearing house: how contracts end, and what shares are paid.

Whether a sold contract is exercised in a night is known at the close before, but for a dividend
that the next session may pay; so its terms are kept until that session is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from typing import TYPE_CHECKING

from options_platform.adapters.storage.stored_legs import read_legs
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.chain import ChainRules
from options_platform.domain.market.odd_splits import whole_ratio
from options_platform.domain.pricing import CALL, PUT
from options_platform.domain.trading.early_assignment import (
    AssignmentRules,
    ExerciseTerms,
    exercise_terms,
)
from options_platform.domain.trading.exits.expiry_policy import Outcome
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import OrderLeg, shares_leg
from options_platform.domain.trading.reconciliation.split_evidence import ADJUSTED
from options_platform.domain.trading.splits import adjusted_leg

if TYPE_CHECKING:
    import duckdb

SettledRow = tuple[str, str, str, int, float | None, date, float]
"""Id, kind, symbol, quantity, price, session and amount (USD) of an activity."""

EARLY = "-early"
"""In the id of an assignment before the expiry."""

SPLIT = "SPLIT"
"""The reason of orders for contracts that a split has replaced."""

SoldLegs = Mapping[str, list[OrderLeg]]
"""Sold contracts by ticker."""

TradedOptions = dict[str, tuple[str, OrderLeg]]
"""Ticker and leg of options by symbol."""


def ended(
    session: date,
    symbol: str,
    quantity: int,
    ticker: str,
    leg: OrderLeg,
    ending: Outcome,
    suffix: str = "",
) -> list[SettledRow]:
    """The activity that ends `quantity` contracts, and that of the shares which come for them."""
    first = f"{session:%Y%m%d}-{symbol}{suffix}"
    rows: list[SettledRow] = [(first, ending.kind, symbol, -quantity, None, session, 0.0)]
    if ending.shares:
        stock = shares_leg("buy").symbol(ticker)
        rows.append((f"{first}-shares", "OPTRD", stock, ending.shares, leg.strike, session, 0.0))
    return rows


def dividends(
    session: date, quantities: Mapping[str, int], market: Mapping[str, MarketClose]
) -> list[SettledRow]:
    """The dividends of a session on the shares that are in the account before its open."""
    rows: list[SettledRow] = []
    for ticker, close in sorted(market.items()):
        stock = shares_leg("buy").symbol(ticker)
        shares = quantities.get(stock, 0)
        if shares and close.dividend > 0:
            amount_usd = round(shares * close.dividend, 2)
            name = f"{session:%Y%m%d}-{stock}-dividend"
            rows.append((name, "DIV", stock, shares, None, session, amount_usd))
    return rows


def keep_terms(
    connection: duckdb.DuckDBPyConnection,
    session: date,
    sold: SoldLegs,
    market: Mapping[str, MarketClose],
    chain: ChainRules,
    rules: AssignmentRules,
) -> None:
    """Keep the terms of the sold contracts that may be exercised in the night after `session`."""
    rows = []
    for ticker, legs in sold.items() if rules.enabled else ():
        close = market.get(ticker)
        inside = [] if close is None else [leg for leg in legs if _may_be(leg, session, close.spot)]
        if close is not None and inside:
            terms = exercise_terms(inside, session, close, chain, rules)
            rows += [
                [leg.symbol(ticker), session, each.is_deep, each.least_dividend_usd]
                for leg, each in zip(inside, terms, strict=True)
            ]
    connection.execute("DELETE FROM exercise_terms")
    if rows:
        connection.executemany("INSERT INTO exercise_terms VALUES (?, ?, ?, ?)", rows)


def kept_terms(connection: duckdb.DuckDBPyConnection, session: date) -> dict[str, ExerciseTerms]:
    """The terms of the night before `session`, by symbol."""
    rows = connection.execute(
        "SELECT symbol, is_deep, least_dividend_usd FROM exercise_terms WHERE session = ? "
        "ORDER BY symbol",
        [shift(session, -1)],
    ).fetchall()
    return {symbol: ExerciseTerms(is_deep, least) for symbol, is_deep, least in rows}


def split_contracts(
    connection: duckdb.DuckDBPyConnection,
    session: date,
    quantities: Mapping[str, int],
    traded: TradedOptions,
    market: Mapping[str, MarketClose],
) -> list[SettledRow]:
    """The activities by which whole splits of a session adjust what is held before its open.

    Orders that work for contracts of these tickers expire: there are no such contracts any more.
    """
    rows: list[SettledRow] = []
    for ticker, close in sorted(market.items()):
        ratio = whole_ratio(close.split)
        if ratio == 1:
            continue
        connection.execute("INSERT INTO splits VALUES (?, ?, ?)", [session, ticker, ratio])
        connection.execute(
            "UPDATE orders SET status = 'expired', reason = ?, worked_on = ? "
            "WHERE status = 'submitted' AND ticker = ? AND session < ?",
            [SPLIT, session, ticker, session],
        )
        for symbol, (of_ticker, leg) in traded.items():
            quantity = quantities.get(symbol, 0)
            if of_ticker == ticker and quantity:
                after = adjusted_leg(leg, ratio).symbol(ticker)
                rows += _moved(session, symbol, after, quantity, ratio)
        stock = shares_leg("buy").symbol(ticker)
        if quantities.get(stock, 0):
            rows += _moved(session, stock, stock, quantities[stock], ratio)
    return rows


def _moved(session: date, old: str, new: str, quantity: int, ratio: int) -> list[SettledRow]:
    first = f"{session:%Y%m%d}-{old}-split"
    return [
        (first, ADJUSTED, old, -quantity, None, session, 0.0),
        (f"{first}-new", ADJUSTED, new, quantity * ratio, None, session, 0.0),
    ]


def with_adjusted(
    connection: duckdb.DuckDBPyConnection, traded: Mapping[str, tuple[str, OrderLeg, date]]
) -> TradedOptions:
    """Traded options by symbol, and what splits have made of those traded before their sessions.

    `traded` are by symbol the ticker, the leg and the first session in which it was traded.
    """
    options = {symbol: (ticker, leg) for symbol, (ticker, leg, _) in traded.items()}
    since = {symbol: first for symbol, (_, _, first) in traded.items()}
    rows = connection.execute("SELECT session, ticker, ratio FROM splits ORDER BY session")
    for session, split_ticker, ratio in rows.fetchall():
        for symbol, (ticker, leg) in list(options.items()):
            if ticker == split_ticker and since[symbol] < session <= leg.expiry:
                after = adjusted_leg(leg, ratio)
                name = after.symbol(ticker)
                options[name] = (ticker, after)
                since[name] = min(session, since.get(name, session))
    return options


def was_assigned(connection: duckdb.DuckDBPyConnection, session: date) -> set[str]:
    """The contracts (symbols) of the early assignments that are recorded for a session."""
    rows = connection.execute(
        "SELECT symbol FROM settlements WHERE settled_on = ? AND kind = 'OPASN' "
        "AND ends_with(activity_id, ?)",
        [session, EARLY],
    ).fetchall()
    return {symbol for (symbol,) in rows}


def expire_what_buys(
    connection: duckdb.DuckDBPyConnection, assigned: AbstractSet[str], session: date
) -> None:
    """Let the orders expire that buy back contracts which were assigned before they could fill."""
    rows = connection.execute(
        "SELECT client_order_id, ticker, legs FROM orders WHERE status = 'submitted'"
    ).fetchall()
    for order_id, ticker, legs in rows if assigned else ():
        bought = {leg.symbol(ticker) for leg in read_legs(legs) if leg.side == "buy"}
        if bought & assigned:
            connection.execute(
                "UPDATE orders SET status = 'expired', reason = 'ASSIGNED', worked_on = ? "
                "WHERE client_order_id = ?",
                [session, order_id],
            )


def _may_be(leg: OrderLeg, session: date, spot: float) -> bool:
    """Whether a contract is in the money and trades on after the session."""
    sign = CALL if leg.right == "call" else PUT
    return leg.expiry >= shift(session, 1) and sign * (spot - leg.strike) > 0
