"""Positions: each open one with its payoff, its exits and how far they are, greeks and fills."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.accounting.position_plan import PositionPlan, modelled_spread
from options_platform.domain.pricing import black_scholes
from options_platform.domain.strategies.spread import Spread
from options_platform.domain.trading.exposures import newest_closes
from options_platform.domain.trading.orders import SHARES
from options_platform.reporting.charts.trades import payoff
from options_platform.reporting.dashboard.view import View, grid
from options_platform.reporting.dashboard.words import (
    closing,
    exact,
    gain,
    money,
    price,
    ratio,
    text,
    whole,
)
from options_platform.services.trading.summary import open_plans

POINTS = 161
REACH = 3.0
"""Standard deviations to expiry that a payoff shows on either side of the spot."""


def positions(view: View) -> dict[str, Any]:
    """The content of the page: a card for each open position, the newest first."""
    plans = open_plans(view.fitted, view.ledger, view.market, view.reports)
    if not plans:
        return {"cards": []}
    newest = view.portfolio.positions.group_by("position_id").agg(pl.all().sort_by("date").last())
    marked = {row["position_id"]: row for row in newest.to_dicts()}
    return {"cards": [_card(view, plan, marked.get(plan.position.position_id)) for plan in plans]}


def _card(view: View, plan: PositionPlan, marked: dict[str, Any] | None) -> dict[str, Any]:
    position = plan.position
    at = newest_closes(view.market).get(position.ticker)
    spread = None
    if not position.broken_contracts:
        spread = modelled_spread(position, at, view.fitted.plan.chain)
    fills = view.portfolio.fills.filter(pl.col("position_id") == position.position_id)
    return {
        "title": plan.title(),
        "lines": plan.in_words(),
        "value_usd": position.value_usd,
        "profit_usd": position.profit_usd,
        "risk_usd": position.risk_usd,
        "days_left": (position.expiry - position.marked_on).days,
        "probability": plan.probability,
        "payoff": None if spread is None else _payoff(plan, spread),
        "exits": _exits(plan),
        "greeks": _greeks(marked),
        "fills": _fills(fills),
    }


def _payoff(plan: PositionPlan, spread: Spread) -> Any:
    """Profit of the whole position today and at its first expiry, USD, fees deducted."""
    position = plan.position
    vol = float(np.mean([leg.iv for leg in spread.legs]))
    reach = max(REACH * vol * np.sqrt(spread.years), 0.04)
    strikes = [leg.strike for leg in spread.legs]
    low = min(spread.spot * (1.0 - reach), 0.98 * min(strikes))
    high = max(spread.spot * (1.0 + reach), 1.02 * max(strikes))
    spots = np.unique(np.concatenate([np.linspace(low, high, POINTS), strikes]))
    units = SHARES * position.open_contracts
    profits = {
        "at expiry": units * spread.profit(spots) - position.fees_usd,
        "today": units * (_value_today(spread, spots) - spread.net_price) - position.fees_usd,
    }
    return payoff(spots, profits, spread.spot, plan.break_evens)


def _value_today(spread: Spread, spots: Floats) -> Floats:
    """Value of one spread now at other spots, USD a share, at each leg's volatility of now."""
    total = np.zeros_like(spots)
    for leg in spread.legs:
        made = black_scholes(
            spots, np.array(leg.strike), np.array(leg.years), np.array(leg.iv), spread.rate,
            spread.dividend, np.array(leg.sign),
        )  # fmt: skip
        total = total + leg.side * made.price
    return total


def _exits(plan: PositionPlan) -> dict[str, Any]:
    """Each exit by price, with how far the mark is from it; and the day of the calendar's exit."""
    position = plan.position
    rows: list[dict[str, Any]] = [
        {"exit": name, "at": closing(level), "now": closing(position.mark_price),
         "far": ratio(far) if far > 0 else "reached"}
        for name, level, far in _levels(plan)
    ]  # fmt: skip
    if plan.time_on is not None:
        days = (plan.time_on - position.marked_on).days
        rows.append({"exit": "Time is up", "at": str(plan.time_on), "now": str(position.marked_on),
                     "far": f"{days} days" if days > 0 else "reached"})  # fmt: skip
    return grid(
        "Exits, USD a share or days",
        rows,
        {"exit": ("Exit", exact), "at": ("At", exact), "now": ("Now", exact),
         "far": ("Away", exact)},
        "It is held to expiry.",
    )  # fmt: skip


def _levels(plan: PositionPlan) -> list[tuple[str, float, float]]:
    """Each exit by price that can be reached: name, value and distance, USD a share."""
    mark = plan.position.mark_price
    levels = []
    if plan.take_profit is not None:
        levels.append(("Takes profit", plan.take_profit, plan.take_profit - mark))
    if plan.stop_loss is not None:
        levels.append(("Stops", plan.stop_loss, mark - plan.stop_loss))
    return levels


def _greeks(marked: dict[str, Any] | None) -> dict[str, Any]:
    units = {"delta": "shares", "gamma": "shares per USD", "theta": "USD a day",
             "vega": "USD a vol point"}  # fmt: skip
    rows = [
        {"greek": name.capitalize(), "value": marked[name], "unit": unit}
        for name, unit in units.items()
    ] if marked else []  # fmt: skip
    return grid(
        "Greeks of the whole position",
        rows,
        {"greek": ("Greek", exact), "value": ("At the last close", ratio), "unit": ("Unit", exact)},
        "They are known once the position was marked at a close.",
    )


def _fills(fills: pl.DataFrame) -> dict[str, Any]:
    return grid(
        "Fills",
        fills.sort("date", "client_order_id", "number").to_dicts(),
        {"date": ("Session", exact), "purpose": ("For", text), "contracts": ("Filled", whole),
         "ordered": ("Ordered", whole), "price": ("A share", price),
         "limit_price": ("Limit", price), "fees_usd": ("Fees, USD", money),
         "cash_usd": ("Cash, USD", gain)},
    )  # fmt: skip
