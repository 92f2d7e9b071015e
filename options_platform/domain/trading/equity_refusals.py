"""Entries that were refused because the account has less than its plans are made for.

Plans are narrowed to `account_value_usd` and know no equity. In a drawdown, or after a withdrawal,
they may be wider than the account can take; each is then refused when its order is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from options_platform.domain.trading.orders import Order

REFUSED = "RISK_BUDGET"
STEP_USD = 100.0
ROOM = (0.8, 0.9)
"""Shares of the equity that plans may be made for, so that a losing day leaves them possible."""


@dataclass(frozen=True)
class EquityRefusals:
    """Of `entries` recent entries, `refused` were too large for the account.

    `equity_usd` is the ledger's at its last mark. Where it is not below `account_value_usd`, the
    ledger does not know why.
    """

    refused: int
    entries: int
    equity_usd: float
    account_value_usd: float

    @property
    def text(self) -> str:
        """What happened and what to do, as one sentence."""
        number = f"{self.refused} of {self.entries} entries of the last month were refused"
        value = f"account_value_usd = {self.account_value_usd:,.0f}, for which plans are made"
        if self.equity_usd >= self.account_value_usd:
            return (
                f"{number} with {REFUSED} although the ledger's equity of {self.equity_usd:,.2f} "
                f"USD is not below {value}; the broker states less, as after a withdrawal, or a "
                "setting allows less: order_events says what each entry needs; set "
                "account_value_usd to 80 or 90% of the equity that the broker states"
            )
        # Rounded down: at more than its equity the account would refuse again.
        low, high = (math.floor(share * self.equity_usd / STEP_USD) * STEP_USD for share in ROOM)
        mend = (
            f"set it to {max(low, STEP_USD):,.0f} to {high:,.0f} (80 to 90% of the equity, so that "
            "a loss leaves room) and plans are narrowed to that"
        )
        if high <= 0.0:
            mend = "no plan fits what is left"
        return (
            f"equity {self.equity_usd:,.2f} USD is below {value}; {number} with {REFUSED}; {mend}"
        )


def equity_refusals(
    orders: Iterable[Order], marks: Mapping[date, float], account_value_usd: float
) -> EquityRefusals | None:
    """The refusals among recent `orders` that still have a cause; None without any.

    `marks` are the ledger's equities by session, USD, at least one. While the last one is below
    `account_value_usd`, every refusal counts; otherwise those count that the equity of their
    session does not explain.
    """
    entries = {o.position_id: o for o in orders if o.purpose == "entry"}.values()
    refused = [o for o in entries if o.status == "not_sent" and REFUSED in _codes(o)]
    equity_usd = marks[max(marks)]
    if equity_usd >= account_value_usd:
        refused = [o for o in refused if _equity_at(o.session, marks) >= account_value_usd]
    if not refused:
        return None
    return EquityRefusals(len(refused), len(entries), equity_usd, account_value_usd)


def _codes(order: Order) -> list[str]:
    return (order.reason or "").split(",")


def _equity_at(session: date, marks: Mapping[date, float]) -> float:
    """The equity at the newest mark up to a session, USD; infinite before the first one."""
    until = [day for day in marks if day <= session]
    return marks[max(until)] if until else math.inf
