"""What the account itself allows: its state, its level for options, and its buying power.

An account that answers what cannot be is asked for nothing: an entry is refused, as where it does
not permit one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from options_platform.adapters.ports.broker import BrokerAccount
from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.trading.cover import needed_level
from options_platform.domain.trading.orders import IN_DOUBT, RESTING, Order

HIGHEST_LEVEL = 5


def nonsense(account: BrokerAccount) -> list[str]:
    """What of an account's answer cannot be, in words; empty if all of it may be so."""
    amounts = {
        "cash": account.cash_usd,
        "equity": account.equity_usd,
        "buying power": account.buying_power_usd,
    }
    found = [
        f"{name} of {usd} USD"
        for name, usd in amounts.items()
        if usd is not None and not math.isfinite(usd)
    ]
    if account.equity_usd is not None and account.equity_usd <= 0.0:
        found.append(f"equity of {account.equity_usd:,.2f} USD")
    if account.buying_power_usd is not None and account.buying_power_usd < 0.0:
        found.append(f"buying power of {account.buying_power_usd:,.2f} USD")
    level = account.options_level
    if level is not None and not 0 <= level <= HIGHEST_LEVEL:
        found.append(f"level for options of {level}")
    return found


def account_refusals(order: Order, account: BrokerAccount, ledger: Ledger) -> list[str]:
    """Codes of what the account does not permit of an entry; see :func:`free_power_usd`."""
    if nonsense(account):
        return ["ACCOUNT_DOUBTFUL"]
    codes = ["ACCOUNT_BLOCKED"] if account.blocked else []
    if account.options_level is not None and account.options_level < needed_level(
        order.ticker, order.legs
    ):
        codes.append("OPTIONS_LEVEL")
    power = free_power_usd(account, ledger, order)
    if power is not None and power < order.max_loss_usd:
        codes.append("BUYING_POWER")
    return codes


def free_power_usd(
    account: BrokerAccount, ledger: Ledger, order: Order | None = None
) -> float | None:
    """Buying power for one more entry, USD; None where the broker does not limit it.

    The broker counts open positions and the orders that rest there. What it may not show yet, of
    entries in doubt, is taken off; what `order` itself holds under its id comes back.
    """
    if account.buying_power_usd is None:
        return None
    others = [
        other
        for other in ledger.unsettled_orders()
        if other.purpose == "entry" and other.status in IN_DOUBT
        and (order is None or other.client_order_id != order.client_order_id)
    ]  # fmt: skip
    own = None if order is None else ledger.order(order.client_order_id)
    resting = [own] if own is not None and own.status in RESTING else []
    return account.buying_power_usd - _risk_usd(others) + _risk_usd(resting)


def _risk_usd(orders: Sequence[Order]) -> float:
    """What may still fill of `orders` can lose, USD."""
    return sum(order.max_loss_usd * order.remaining / order.contracts for order in orders)
