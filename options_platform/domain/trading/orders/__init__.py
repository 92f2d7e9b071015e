"""Orders: their ids, legs, states, prices and what an account holds by them."""

from options_platform.domain.trading.orders.bounds import bounds_of, possible_value
from options_platform.domain.trading.orders.id_patterns import ENTRY_ID, EXIT_ID, rule_set_of
from options_platform.domain.trading.orders.ids import client_order_id, exit_order_id
from options_platform.domain.trading.orders.increments import (
    TICK_USD,
    down_to_tick,
    has_own_grid,
    on_grid,
)
from options_platform.domain.trading.orders.order import (
    SHARES,
    Order,
    OrderLeg,
    Purpose,
    closing,
    contracts_held,
    contracts_of,
    in_lowest_terms,
    multiplier_of,
    shares_leg,
)
from options_platform.domain.trading.orders.price_ladder import LadderRules, ladder
from options_platform.domain.trading.orders.states import (
    CANCELLABLE,
    ENDED,
    FINAL,
    IN_DOUBT,
    RESTING,
    TRANSITIONS,
    WORKING,
)

__all__ = [
    "CANCELLABLE",
    "ENDED",
    "ENTRY_ID",
    "EXIT_ID",
    "FINAL",
    "IN_DOUBT",
    "RESTING",
    "SHARES",
    "TICK_USD",
    "TRANSITIONS",
    "WORKING",
    "LadderRules",
    "Order",
    "OrderLeg",
    "Purpose",
    "bounds_of",
    "client_order_id",
    "closing",
    "contracts_held",
    "contracts_of",
    "down_to_tick",
    "exit_order_id",
    "has_own_grid",
    "in_lowest_terms",
    "ladder",
    "multiplier_of",
    "on_grid",
    "possible_value",
    "rule_set_of",
    "shares_leg",
]
