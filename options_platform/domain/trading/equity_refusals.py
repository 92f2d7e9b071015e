"""Entries that were refused because the account has less than its plans are made for.

Plans are narrowed to `account_value_usd` and know no equity. In a drawdown they may be wider than
the account can take; each is then refused when its order is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from options_platform.domain.trading.orders import Order

REFUSED = "RISK_BUDGET"
STEP_USD = 100.0


@dataclass(frozen=True)
class EquityRefusals:
    """Of `entries` recent entries, `refused` were too large for an equity of `equity_usd`."""

    refused: int
    entries: int
    equity_usd: float
    account_value_usd: float

    @property
    def text(self) -> str:
        """What happened and what to do, as one sentence."""
        number = f"{self.refused} of {self.entries} entries of the last month"
        # Rounded down: at more than its equity the account would refuse again.
        enough = math.floor(self.equity_usd / STEP_USD) * STEP_USD
        mend = f"set it to {enough:,.0f} or less and plans are narrowed to what the account has"
        if enough <= 0.0:
            mend = "no plan fits what is left"
        return (
            f"equity {self.equity_usd:,.2f} USD is below account_value_usd = "
            f"{self.account_value_usd:,.0f}, for which plans are made; {number} were refused with "
            f"{REFUSED}; {mend}"
        )


def equity_refusals(
    orders: Iterable[Order], equity_usd: float, account_value_usd: float
) -> EquityRefusals | None:
    """The refusals among recent `orders`; None without any, or if the equity is not below."""
    entries = {o.position_id: o for o in orders if o.purpose == "entry"}.values()
    refused = sum(
        o.status == "not_sent" and REFUSED in (o.reason or "").split(",") for o in entries
    )
    if not refused or equity_usd >= account_value_usd:
        return None
    return EquityRefusals(refused, len(entries), equity_usd, account_value_usd)
