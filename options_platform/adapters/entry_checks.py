"""What may forbid an entry: differences, freshness, limits, and what the account may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from options_platform.adapters.brokers.port import Broker, BrokerDoubtError
from options_platform.adapters.ledger import Ledger
from options_platform.adapters.live_quotes import market_in_session
from options_platform.domain.exposures import DatedClose, spread_exposure
from options_platform.domain.orders import Order, OrderLeg
from options_platform.domain.reconciliation import Difference
from options_platform.domain.risk import Exposure, OrderBasis, refusals, stale
from options_platform.settings import Settings

SPREAD_LEVEL = 3
SINGLE_LEVEL = 2


@dataclass(frozen=True)
class EntryChecks:
    """The checks of one account; `closes`, `planned` and `bases` as in `PaperTrading`."""

    ledger: Ledger
    broker: Broker
    settings: Settings
    closes: Mapping[str, DatedClose]
    planned: Mapping[str, Exposure]
    bases: Mapping[str, OrderBasis]

    def refusals(self, order: Order, differences: Sequence[Difference]) -> list[str]:
        """Codes of what forbids a new entry; working orders count as filled."""
        found = ["DIFFERENCE"] if differences else []
        if any(
            o.status == "unknown" and o.ticker == order.ticker for o in self._other_entries(order)
        ):
            found.append("UNRESOLVED_ORDER")
        found += self.rules_broken(order)
        # What the broker would refuse is not sent; if it cannot be asked, it differs already.
        return found or self._account_refusals(order)

    def _other_entries(self, order: Order) -> list[Order]:
        return [
            o
            for o in self.ledger.working_orders()
            if o.purpose == "entry" and o.client_order_id != order.client_order_id
        ]

    def rules_broken(self, order: Order) -> list[str]:
        """Codes of the own rules that an entry breaks: freshness and limits."""
        found, working = [], self._other_entries(order)
        carried = {
            p.position_id: self._exposure(p.ticker, p.legs, p.open_contracts, p.risk_usd)
            for p in self.ledger.positions(only_open=True)
        }
        for o in working:
            risk = o.max_loss_usd * o.remaining / o.contracts
            rest = self._exposure(o.ticker, o.legs, o.remaining, risk)
            own = carried.get(o.position_id)
            # What is filled of an entry and what works of it are one position.
            carried[o.position_id] = rest if own is None else own.plus(rest)
        if self.closes and not {e.ticker for e in carried.values()} <= set(self.closes):
            found.append("STALE_DATA")
        basis = self.bases.get(order.plan_id)
        if basis is not None:
            found += [check.code for check in stale(basis, self.settings.freshness)]
        found += [code for code in self._moved(order) if code not in found]
        broken = refusals(
            self._order_exposure(order),
            list(carried.values()),
            self.settings.plan.sizing.account_value_usd,
            self.settings.risk,
        )
        return found + [check.code for check in broken]

    def _moved(self, order: Order) -> list[str]:
        """PRICE_MOVED and CROSSED_QUOTE by the broker's market of now, while it trades.

        A price that cannot be had then may have moved by anything.
        """
        symbols = [leg.symbol(order.ticker) for leg in order.legs]
        oldest = self.settings.intraday.max_quote_age_seconds
        prices, quotes = market_in_session(self.broker, order.ticker, symbols, oldest)
        known = self.closes.get(order.ticker)
        planned = 1.0 if known is None else known.close.spot
        spot: float | None = planned
        if known is not None and known.session == order.session:
            # The plan's price is that of its session's close.
            spot = prices.get(order.ticker, planned)
        basis = OrderBasis(0, 0, 0, planned, spot, quotes)
        return [check.code for check in stale(basis, self.settings.freshness)]

    def _order_exposure(self, order: Order) -> Exposure:
        """What is not filled of an entry, as it was planned."""
        share = order.remaining / order.contracts
        risk, stated = order.max_loss_usd * share, self.planned.get(order.plan_id)
        if stated is None:
            return self._exposure(order.ticker, order.legs, order.remaining, risk)
        return replace(stated.scaled(share), max_loss_usd=risk)

    def _exposure(
        self, ticker: str, legs: Sequence[OrderLeg], contracts: int, max_loss_usd: float
    ) -> Exposure:
        at = self.closes.get(ticker)
        if at is None:
            return Exposure(ticker, max_loss_usd, min(leg.expiry for leg in legs))
        return spread_exposure(ticker, legs, contracts, max_loss_usd, at, self.settings.plan.chain)

    def _account_refusals(self, order: Order) -> list[str]:
        try:
            account = self.broker.account()
        except BrokerDoubtError:
            return ["DIFFERENCE"]
        level = SPREAD_LEVEL if len(order.legs) > 1 else SINGLE_LEVEL
        found = ["ACCOUNT_BLOCKED"] if account.blocked else []
        if account.options_level is not None and account.options_level < level:
            found.append("OPTIONS_LEVEL")
        power = account.buying_power_usd
        if power is not None and power < order.max_loss_usd:
            found.append("BUYING_POWER")
        return found
