"""Whether the account can carry the settlement of positions that are held to expiry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from options_platform.adapters.ports.broker import Broker, BrokerDoubtError
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.trading.exits.expiry_policy import delivery
from options_platform.domain.trading.orders import Order, OrderLeg
from options_platform.domain.trading.positions import Position
from options_platform.settings import Settings

EXPIRY_SHARES = "EXPIRY_SHARES"

Spreads = tuple[str, tuple[OrderLeg, ...], int]


@dataclass(frozen=True)
class ExpiryCheck:
    """The rules of expiry at one account."""

    ledger: Ledger
    broker: Broker
    settings: Settings

    def refusals(self, order: Order) -> list[str]:
        """EXPIRY_SHARES where the account cannot carry what an entry may settle in.

        Raises :class:`BrokerDoubtError` while the broker cannot be asked.
        """
        if not self.settings.expiry.hold_to_expiry:
            return []
        this_entry = (order.ticker, order.legs, order.remaining)
        others = [
            (o.ticker, o.legs, o.remaining)
            for o in self.ledger.working_orders()
            if o.purpose == "entry" and o.client_order_id != order.client_order_id
        ]
        return [] if self._can_carry([this_entry, *others, *self._held()]) else [EXPIRY_SHARES]

    def last_decision(self, position: Position, session: date) -> date | None:
        """The last close at which an exit is decided; None while the position may be held.

        A position that the account cannot carry, or that it does not answer about, is closed as by
        default.
        """
        rules = self.settings.expiry
        usual = replace(rules, hold_to_expiry=False).last_decision(position.expiry)
        if not rules.hold_to_expiry or usual is None or session < usual:
            return rules.last_decision(position.expiry)
        try:
            return None if self._can_carry(self._held()) else usual
        except BrokerDoubtError:
            return usual

    def _held(self) -> list[Spreads]:
        held = self.ledger.positions(only_open=True)
        return [(p.ticker, p.legs, p.open_contracts) for p in held]

    def _can_carry(self, spreads: Sequence[Spreads]) -> bool:
        """Whether cash pays for all shares that may come, and those to deliver are held."""
        account = self.broker.account()
        power = account.buying_power_usd
        cash = account.cash_usd if power is None else min(account.cash_usd, power)
        quantities = {holding.symbol: holding.quantity for holding in self.broker.holdings()}
        needed = 0.0
        for ticker, legs, contracts in spreads:
            most = delivery(legs, contracts)
            needed += most.cash_usd
            quantities[ticker] = quantities.get(ticker, 0) - most.shares
        is_short_of_shares = any(quantities[ticker] < 0 for ticker, _, _ in spreads)
        return needed <= cash and not is_short_of_shares
