"""The plans of a session and a ticker, and the orders for them, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from options_platform.domain.planning.decision_words import decision_words, legs_words
from options_platform.domain.planning.reasons import REASONS
from options_platform.formats import count, net_price, number, usd, words

Row = Mapping[str, Any]
UNBOUNDED = "without bound"


def plan_facts(plans: Sequence[Row], legs: Sequence[Row], likely: str | None) -> dict[str, str]:
    """The decision of each rule set, its reasons, and of a trade its legs, price, risk and greeks.

    Args:
        plans: rows of `trade_plan`.
        legs: their rows of `trade_plan_legs`, in their order.
        likely: the probabilities of the prediction; None without one.
    """
    facts: dict[str, str] = {}
    for plan in plans:
        of_plan = [leg for leg in legs if leg["plan_id"] == plan["plan_id"]]
        made = {"decision": decision_words(plan, of_plan), "reasons": _reasons(plan)}
        if plan["decision"] == "trade":
            made |= _trade(plan, of_plan)
        facts |= _named(made, plan, plans)
    return facts | ({"probabilities": likely} if likely else {})


def order_facts(orders: Sequence[Row], plans: Sequence[Row], legs: Sequence[Row]) -> dict[str, str]:
    """What became of each plan: the state of its order, its fill, and the plan itself."""
    facts: dict[str, str] = {}
    for order in orders:
        because = f": {order['reason']}" if order["reason"] else ""
        made = {"order": f"{words(order['status'])}{because}"}
        if order["contracts"]:
            made["fill"] = _fill(order)
        if order["client_order_id"]:
            made["client_order_id"] = order["client_order_id"]
        made["broker"] = order["broker"]
        for plan in (one for one in plans if one["plan_id"] == order["plan_id"]):
            of_plan = [leg for leg in legs if leg["plan_id"] == plan["plan_id"]]
            made["decision"] = decision_words(plan, of_plan)
        facts |= _named(made, order, orders)
    return facts


def code_of(plan: Row) -> str:
    """A plan as its codes: `trade bull_put_spread`, or `no_trade NO_EDGE`."""
    traded = plan["decision"] == "trade"
    return f"{plan['decision']} {plan['strategy'] if traded else ' '.join(plan['reasons'])}"


def _named(facts: dict[str, str], row: Row, rows: Sequence[Row]) -> dict[str, str]:
    """The facts, each with the rule set in its name where there are several."""
    if len(rows) == 1:
        return facts
    return {f"{name} ({row['rule_set']})": text for name, text in facts.items()}


def _reasons(plan: Row) -> str:
    meant = [
        (code, REASONS.get(code, "unknown").removeprefix("trade: ")) for code in plan["reasons"]
    ]
    return "; ".join(f"{meaning} ({code})" for code, meaning in meant)


def _trade(plan: Row, legs: Sequence[Row]) -> dict[str, str]:
    best = plan["max_profit_usd"]
    error = plan["vol_error"]
    sure = "" if error is None else f", measured error {number(error)} vol points"
    quotes = (
        "of a stored chain"
        if plan["chain_source"] == "real"
        else f"synthetic, from {plan['iv_symbol']}{sure}"
    )
    return {
        "legs": f"{legs_words(legs)}, expiring {plan['expiry']} ({plan['dte']} days)",
        "price": f"{net_price(plan['limit_price'])} a share, {count(plan['contracts'], 'spread')}",
        "maximum_loss": usd(plan["max_loss_usd"]),
        "maximum_profit": UNBOUNDED if best is None else usd(best),
        "greeks": f"delta {number(plan['net_delta'])} shares, gamma {number(plan['net_gamma'])}, "
        f"theta {number(plan['net_theta'])} USD a day, vega {number(plan['net_vega'])} USD a point",
        "quotes": quotes,
    }


def _fill(order: Row) -> str:
    """`1 of 2 spreads at credit 1.05`, or `nothing of 2 spreads`."""
    ordered = count(order["contracts"], "spread")
    if not order["filled_qty"]:
        return f"nothing of {ordered}"
    return f"{order['filled_qty']} of {ordered} at {net_price(order['avg_price'])} a share"
