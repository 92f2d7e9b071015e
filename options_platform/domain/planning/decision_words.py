"""A stored plan in words: what is traded at what price and risk, or why nothing is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.planning.reasons import REASONS
from options_platform.formats import confident, net_price, usd, words


def decision_words(
    plan: Mapping[str, Any],
    legs: Sequence[Mapping[str, Any]],
    shares: Mapping[str, float] | None = None,
) -> str:
    """A row of `trade_plan` in a sentence or two.

    Args:
        plan: the row.
        legs: its rows of `trade_plan_legs`, in their order; none for a plan that does not trade.
        shares: by direction, its share of the sessions so far, where that is known.
    """
    if plan["decision"] != "trade":
        why = "; ".join(f"{REASONS.get(code, code)} ({code})" for code in plan["reasons"])
        needs = f"; it needs {plan['needs']}" if plan.get("needs") else ""
        return f"no trade: {why}{needs}"
    best = plan["max_profit_usd"]
    return (
        f"{plan['contracts']} x {words(plan['strategy'])} for {net_price(plan['limit_price'])} a "
        f"share: {legs_words(legs)}, expiring {plan['expiry']} ({plan['dte']} days). Loses at most "
        f"{usd(plan['max_loss_usd'])}, "
        f"{'makes without bound' if best is None else f'makes at most {usd(best)}'}. "
        f"{_rests_on(plan, shares)}."
    )


def _rests_on(plan: Mapping[str, Any], shares: Mapping[str, float] | None) -> str:
    if plan["strategy"] not in EARNINGS_STRATEGIES:
        return prediction_words(plan, shares)
    paper = "; for paper money only" if "EARNINGS_RESEARCH" in plan["reasons"] else ""
    prices = "; priced on the model" if "EARNINGS_MODELLED" in plan["reasons"] else ""
    return f"It trades the report, whatever direction is predicted{prices}{paper}"


def prediction_words(plan: Mapping[str, Any], shares: Mapping[str, float] | None = None) -> str:
    """What the plan rests on: the predicted direction, how sure it is, and the regime."""
    called = plan["direction"] or "without a direction"
    regime = f", regime {words(plan['regime'])}" if plan["regime"] else ""
    share = (shares or {}).get(plan["direction"])
    return f"Predicted {called}, {confident(plan['confidence'], share)}{regime}"


def legs_words(legs: Sequence[Mapping[str, Any]]) -> str:
    """The legs in their order: `buy 2520 call, sell 2525 call`."""
    return ", ".join(
        f"{leg['side']} {_times(leg['ratio'])}{leg['strike']:g} {leg['right']}" for leg in legs
    )


def _times(ratio: int) -> str:
    return "" if ratio == 1 else f"{ratio} x "
