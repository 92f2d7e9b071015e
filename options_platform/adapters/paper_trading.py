"""Paper trading, session by session: settle, close, mark, then open.

1. The orders that work in the session are settled at its close, for each session since the last.
2. Positions that an exit rule closes get their exit order, for the next session.
3. Positions and account are marked.
4. The session's planned trades pass the account's limits and are sent, for the next session.

Sending is: intent into the ledger, look the id up at the broker, submit, record. Whatever step a
crash hits, doing it again ends with one order: its id depends on account, session and ticker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl

from options_platform.adapters.brokers.port import BrokerOrder, DuplicateOrderError
from options_platform.adapters.brokers.simulated import SimulatedBroker
from options_platform.adapters.ledger import Ledger
from options_platform.domain.calendar import sessions, shift
from options_platform.domain.exits import PositionMark, exit_reason
from options_platform.domain.fills import AT_MID, MarketClose, net_price
from options_platform.domain.orders import (
    Order,
    OrderLeg,
    client_order_id,
    closing,
    exit_order_id,
)
from options_platform.domain.positions import SHARES, Position, mark_account
from options_platform.domain.risk import Exposure, refusals
from options_platform.domain.term import term_ratios
from options_platform.settings import Settings

Market = Mapping[date, Mapping[str, MarketClose]]
Step = Callable[[str], None]


def _pass(step: str) -> None:
    """Do nothing between two steps."""


@dataclass(frozen=True)
class PaperTrading:
    """The service of one account; `at` is told each step of sending, for tests that crash there."""

    ledger: Ledger
    broker: SimulatedBroker
    settings: Settings
    at: Step = _pass

    def run_session(
        self,
        session: date,
        plans: pl.DataFrame,
        legs: pl.DataFrame,
        market: Market,
        now: datetime,
    ) -> None:
        """Do everything that the close of `session` asks for; again and again with one effect.

        Args:
            session: the newest session.
            plans: its rows of `trade_plan`.
            legs: their rows of `trade_plan_legs`.
            market: closes by session and ticker, from the last run's session to this one.
            now: time of the records.
        """
        last = self.ledger.last_marked()
        for day in sessions(last, session) if last else [session]:
            closes = market.get(day, {})
            if last is None or day > last:
                self.broker.work(day, closes)
                self._settle(day, now)
            if day == session:
                self._send_exits(day, closes, now)
            self._mark(day, closes)
        self._send_entries(session, plans, legs, now)

    def _settle(self, session: date, now: datetime) -> None:
        for order in self.ledger.working_orders():
            found = self.broker.find(order.client_order_id)
            if found is None:
                # Its session came and went without it: a day order never sent has expired.
                if order.session < session:
                    self.ledger.record(order.to("expired", reason="NEVER_SENT"), now)
                continue
            self.record_truth(order, found, session, now)

    def record_truth(self, order: Order, found: BrokerOrder, session: date, now: datetime) -> None:
        """Write what the broker says of an order, and the position that a fill makes or ends."""
        if found.status == order.status:
            return
        after = order.to(
            found.status,
            filled_qty=found.filled_qty,
            avg_price=found.avg_price,
            fees_usd=found.fees_usd,
            reason=found.reason or order.reason,
        )
        position = None
        if after.status == "filled" and after.avg_price is not None:
            position = (
                _opened(after, session)
                if after.purpose == "entry"
                else _closed(after, self._position(after.position_id), session)
            )
        self.ledger.record(after, now, position)

    def reconcile(self, now: datetime) -> list[str]:
        """Take over what the broker says of working orders; what still differs, in sentences."""
        differences = []
        for order in self.ledger.working_orders():
            found = self.broker.find(order.client_order_id)
            if found is None:
                differences.append(
                    f"{order.client_order_id} is {order.status} here, and the broker never had it; "
                    "the next daily run of its session sends it, or lets it expire"
                )
            else:
                self.record_truth(order, found, shift(order.session, 1), now)
        known = {order.client_order_id for order in self.ledger.orders()}
        differences += [
            f"{order.client_order_id} works at the broker, and the ledger does not know it"
            for order in self.broker.working()
            if order.client_order_id not in known
        ]
        return differences

    def _position(self, position_id: str) -> Position:
        return next(p for p in self.ledger.positions() if p.position_id == position_id)

    def _send_exits(self, session: date, closes: Mapping[str, MarketClose], now: datetime) -> None:
        leaving = {o.position_id for o in self.ledger.working_orders() if o.purpose == "exit"}
        for position in self.ledger.positions(only_open=True):
            close = closes.get(position.ticker)
            if close is None or position.position_id in leaving:
                continue
            value = self._value(position, session, close)
            reason = exit_reason(
                PositionMark(
                    entry_price=position.entry_price,
                    close_price=value,
                    max_loss=position.max_loss_usd / position.units,
                    max_profit=position.max_profit_usd / position.units,
                    entry_dte=position.entry_dte,
                    expiry=position.expiry,
                    session=session,
                    # The order works in the next session, which must come before the expiry.
                    last_session_before_expiry=shift(position.expiry, -2),
                ),
                self.settings.exits,
            )
            if reason is not None:
                self._send(_exit_order(position, session, reason), now)

    def _mark(self, session: date, closes: Mapping[str, MarketClose]) -> None:
        positions = self.ledger.positions()
        marked = [
            replace(p, mark_price=self._value(p, session, closes[p.ticker]), marked_on=session)
            if p.closed_on is None and p.ticker in closes
            else p
            for p in positions
        ]
        start = self.settings.plan.sizing.account_value_usd
        self.ledger.record_marks(
            [new for new, old in zip(marked, positions, strict=True) if new != old],
            mark_account(session, start, marked),
        )

    def _value(self, position: Position, session: date, close: MarketClose) -> float:
        return net_price(position.legs, session, close, self.settings.plan.chain, AT_MID)

    def _send_entries(
        self, session: date, plans: pl.DataFrame, legs: pl.DataFrame, now: datetime
    ) -> None:
        halted = self.ledger.halted()
        trades = plans.filter((pl.col("date") == session) & (pl.col("decision") == "trade")).sort(
            "ticker"
        )
        for plan in trades.iter_rows(named=True):
            order = _entry_order(plan, legs, self.settings.account)
            known = {o.client_order_id for o in self.ledger.orders(session=session)}
            if order.client_order_id not in known:
                broken = ["HALTED"] if halted is not None else self._refusals(order)
                if broken:
                    refused = replace(order, status="not_sent", reason=",".join(broken))
                    self.ledger.record_intent(refused, now)
                    continue
            self._send(order, now)

    def _refusals(self, order: Order) -> list[str]:
        open_now = [
            Exposure(p.ticker, p.max_loss_usd) for p in self.ledger.positions(only_open=True)
        ]
        working = [
            Exposure(o.ticker, o.max_loss_usd)
            for o in self.ledger.working_orders()
            if o.purpose == "entry"
        ]
        return refusals(
            order.ticker,
            order.max_loss_usd,
            [*open_now, *working],
            self.settings.plan.sizing.account_value_usd,
            self.settings.risk,
        )

    def _send(self, order: Order, now: datetime) -> None:
        recorded = self.ledger.record_intent(order, now)
        self.at("intent recorded")
        if recorded.status != "pending":
            return
        found = self.broker.find(order.client_order_id)
        if found is None:
            try:
                found = self.broker.submit(recorded)
            except DuplicateOrderError:
                found = self.broker.find(order.client_order_id)
        self.at("submitted")
        if found is not None:
            self.ledger.record(recorded.to(found.status), now)
        self.at("recorded")


def _entry_order(plan: Mapping[str, object], legs: pl.DataFrame, account: str) -> Order:
    session, ticker = plan["date"], str(plan["ticker"])
    assert isinstance(session, date)  # noqa: S101 (the contract's type)
    number = client_order_id(account, session, ticker, "entry")
    own = legs.filter(pl.col("plan_id") == plan["plan_id"]).sort("leg")
    return Order(
        client_order_id=number,
        session=session,
        ticker=ticker,
        purpose="entry",
        position_id=number,
        plan_id=str(plan["plan_id"]),
        strategy=str(plan["strategy"]),
        legs=tuple(
            OrderLeg(row["side"], row["right"], row["strike"], row["expiry"], row["ratio"])
            for row in own.iter_rows(named=True)
        ),
        contracts=int(str(plan["contracts"])),
        limit_price=float(str(plan["limit_price"])),
        max_loss_usd=float(str(plan["max_loss_usd"])),
        max_profit_usd=float(str(plan["max_profit_usd"])),
    )


def _exit_order(position: Position, session: date, reason: str) -> Order:
    return Order(
        client_order_id=exit_order_id(position.position_id, session),
        session=session,
        ticker=position.ticker,
        purpose="exit",
        position_id=position.position_id,
        plan_id=position.position_id,
        strategy=position.strategy,
        legs=closing(position.legs),
        contracts=position.contracts,
        # Leaving matters more than the price: an exit takes the market.
        limit_price=None,
        max_loss_usd=0.0,
        max_profit_usd=0.0,
        reason=reason,
    )


def _opened(order: Order, session: date) -> Position:
    price = float(order.avg_price or 0.0)
    planned = float(order.limit_price if order.limit_price is not None else price)
    # The plan's bounds, moved by what the fill was better or worse than planned.
    better = (planned - price) * SHARES * order.contracts
    expiry = min(leg.expiry for leg in order.legs)
    return Position(
        position_id=order.position_id,
        ticker=order.ticker,
        strategy=order.strategy,
        legs=order.legs,
        contracts=order.contracts,
        opened_on=session,
        entry_price=price,
        entry_dte=(expiry - session).days,
        max_loss_usd=order.max_loss_usd - better,
        max_profit_usd=order.max_profit_usd + better,
        fees_usd=order.fees_usd,
        mark_price=price,
        marked_on=session,
    )


def _closed(order: Order, position: Position, session: date) -> Position:
    # Undoing the legs costs `avg_price`, so the position brought its negative.
    return replace(
        position,
        exit_price=-float(order.avg_price or 0.0),
        closed_on=session,
        exit_reason=order.reason,
        fees_usd=position.fees_usd + order.fees_usd,
    )


def order_rows(orders: Sequence[Order], broker: str, now: datetime) -> pl.DataFrame:
    """Entry orders as rows of `paper_orders`."""
    from options_platform.contracts import PAPER_ORDERS

    rows = [
        {
            "date": order.session,
            "ticker": order.ticker,
            "plan_id": order.plan_id,
            "client_order_id": None if order.status == "not_sent" else order.client_order_id,
            "status": order.status,
            "reason": order.reason,
            "contracts": order.contracts,
            "filled_qty": order.filled_qty,
            "avg_price": order.avg_price,
            "broker": broker,
            "updated_at": now,
        }
        for order in orders
        if order.purpose == "entry"
    ]
    return pl.DataFrame(rows, schema=PAPER_ORDERS.schema)


def unsent_rows(plans: pl.DataFrame, reason: str, broker: str, now: datetime) -> pl.DataFrame:
    """Rows of `paper_orders` for plans that send nothing: no trades, and trades not to be sent."""
    from options_platform.contracts import PAPER_ORDERS

    trades = pl.col("decision") == "trade"
    return plans.select(
        "date",
        "ticker",
        "plan_id",
        client_order_id=pl.lit(None, pl.String),
        status=pl.when(trades).then(pl.lit("not_sent")).otherwise(pl.lit("no_trade")),
        reason=pl.when(trades).then(pl.lit(reason)).otherwise(pl.lit(None, pl.String)),
        contracts="contracts",
        filled_qty=pl.lit(0, pl.Int32),
        avg_price=pl.lit(None, pl.Float64),
        broker=pl.lit(broker),
        updated_at=pl.lit(now),
    ).cast(PAPER_ORDERS.schema)


def market_closes(
    bars: pl.DataFrame, vix: pl.DataFrame, tenors: pl.DataFrame | None = None
) -> Market:
    """Closes by session and ticker from rows of `raw_ohlcv` and `vix`; unknown ones are absent.

    `tenors` has date, vix9d, vix3m and vix6m where they are known.
    """
    rows = bars.join(vix, on=["date", "ticker"], how="inner").filter(
        pl.col("close").is_not_null() & pl.col("iv_close").is_not_null()
    )
    if tenors is not None:
        rows = rows.join(tenors, on="date", how="left", maintain_order="left")
    ratios = term_ratios(rows).T.tolist()
    market: dict[date, dict[str, MarketClose]] = {}
    shown = rows.select("date", "ticker", "close", "split_factor", "iv_close").iter_rows()
    for (day, ticker, close, factor, iv), ratio in zip(shown, ratios, strict=True):
        spot = close * (1.0 if factor is None else factor)
        known = tuple(own if own == own else None for own in ratio)  # noqa: PLR0124 - NaN
        market.setdefault(day, {})[ticker] = MarketClose(spot, iv / 100.0, known)
    return market
