"""The page of a rehearsal: one self-contained HTML file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from options_platform import __version__
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.trading.orders import Order
from options_platform.reporting.rehearsal import figures
from options_platform.reporting.report import environment
from options_platform.services.rehearsal.data import WARM_UP_DAYS
from options_platform.services.rehearsal.result import Event, Moment, Rehearsal, SessionRow
from options_platform.services.rehearsal.stress import Intensity
from options_platform.settings import Settings

TEMPLATE = "rehearsal/rehearsal.html.j2"
WORST = 5
PATH = (
    "Within a session each ticker goes from its open to the extreme that hurts the account more, "
    "over the other one, to its close; all tickers reach their extremes together."
)
EX_DATES = (
    "A sold call with less time value than a dividend is assigned before the ex-date. On that day "
    "the shares of assignments owe or receive the dividend."
)
BROKER = (
    "The broker accepts orders that would uncover a sold contract, and charges no fees. Killed "
    "processes end by an exception that nothing catches, at a step of sending."
)
KIND_NAMES = {
    "gap": "opening gaps",
    "outage": "outages",
    "kill": "killed processes",
    "assignment": "assignments",
    "dividend": "dividends on assigned shares",
    "book": "plans of the stress book",
    "expiry": "contracts held to their expiry",
    "stop": "stops",
    "pause": "pauses of entries",
    "halt": "halts of entries",
    "refused": "runs that failed",
}


def rehearsal_path(settings: Settings, rehearsal: Rehearsal) -> Path:
    """The page's path in the home, by month and rule set."""
    name = f"rehearsal-{rehearsal.month}-{rehearsal.rule_set}.html"
    return settings.reports_path / name


def write_rehearsal(settings: Settings, rehearsal: Rehearsal, source: str, now: datetime) -> Path:
    """Write the page of a rehearsal into the home; returns its path. `source` names the data."""
    path = rehearsal_path(settings, rehearsal)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_text(render_rehearsal(settings, rehearsal, source, now), encoding="utf-8")
    new.replace(path)
    return path


def render_rehearsal(settings: Settings, rehearsal: Rehearsal, source: str, now: datetime) -> str:
    """The page as HTML."""
    in_month = [row for row in rehearsal.sessions if row.in_month]
    begins = _begin_of(in_month[0])
    moments = [moment for moment in rehearsal.moments if moment.at >= begins]
    events = [event for event in rehearsal.events if event.at >= begins - timedelta(hours=12)]
    halts = [event.at for event in rehearsal.events if event.kind == "halt"]
    counts = Counter(event.kind for event in events)
    content: dict[str, Any] = {
        "title": f"Rehearsal of {rehearsal.month}, rule set {rehearsal.rule_set}",
        "version": __version__,
        "generated": now,
        "source": source,
        "rehearsal": rehearsal,
        "sessions": in_month,
        "summary": _summary(rehearsal, in_month, moments),
        "counts": [(name, counts[kind]) for kind, name in KIND_NAMES.items() if counts[kind]],
        "events": [_event_row(event) for event in events],
        "orders": order_rows(rehearsal.orders),
        "worst": worst_moments(moments, rehearsal.sessions),
        "modelled": modelled(rehearsal.intensity),
        "warm_up_days": WARM_UP_DAYS,
        "plots": {
            "month": figures.month_plot(moments, in_month),
            "equity": figures.equity_plot(moments, halts[0] if halts else None),
            "drawdown": figures.drawdown_plot(moments),
            "risk": figures.risk_plot(
                in_month, settings.risk.max_total_risk_pct * rehearsal.start_usd
            ),
            "events": figures.events_plot(events, KIND_NAMES) if events else None,
        },
    }
    return str(environment().get_template(TEMPLATE).render(**content))


def modelled(intensity: Intensity) -> list[str]:
    """What is not the month itself: sentences on prices, stress and the broker."""
    gaps = "Overnight moves are as they were."
    if intensity.extra_gap:
        gaps = (
            f"Each overnight move is {100 * intensity.extra_gap:g}% larger than it was, and the "
            "session then returns to its real close."
        )
    assigned = ""
    if intensity.assignment:
        assigned = (
            "In each night a sold contract in the money is assigned with a probability of "
            f"{100 * intensity.assignment:g}%, in part or whole. "
        )
    volatility = (
        "Within a session the volatility index goes in equal steps from one close to the next, and "
        f"is higher by {intensity.vol_rise:g} times a fall below that path."
    )
    width = (
        f"Quotes are {intensity.width:g} times as wide as the model's. A fill costs "
        f"{100 * intensity.fill_share:g}% of half that width beyond the mid of each leg."
    )
    return [
        f"Opens, highs, lows, closes and volatility indices are the stored ones. {gaps}",
        PATH,
        f"Options are priced by the model of synthetic chains at that spot. {volatility}",
        width,
        f"{assigned}{EX_DATES}",
        BROKER,
    ]


def order_rows(orders: Sequence[Order]) -> list[dict[str, Any]]:
    """One row for all attempts of a session, purpose and position, with what became of them."""
    groups: dict[tuple[Any, ...], list[Order]] = {}
    for order in orders:
        groups.setdefault((order.session, order.purpose, order.position_id), []).append(order)
    rows = []
    for (session, purpose, position_id), attempts in sorted(groups.items(), key=lambda g: g[0]):
        attempts.sort(key=lambda order: order.attempt)
        filled = sum(order.filled_qty for order in attempts)
        paid = sum(order.filled_qty * (order.avg_price or 0.0) for order in attempts)
        last = attempts[-1]
        rows.append(
            {
                "session": session,
                "purpose": purpose,
                "ticker": last.ticker,
                "strategy": last.strategy,
                "position_id": position_id,
                "contracts": attempts[0].contracts,
                "attempts": sum(order.status != "not_sent" for order in attempts),
                "first_limit": attempts[0].limit_price,
                "last_limit": last.limit_price,
                "filled": filled,
                "price": paid / filled if filled else None,
                "fate": last.status,
                "reason": last.reason,
                "id": last.client_order_id,
            }
        )
    return rows


def worst_moments(
    moments: Sequence[Moment], sessions: Sequence[SessionRow]
) -> list[dict[str, Any]]:
    """The moments, one a session, at which the account was furthest below its last close."""
    rows: dict[Any, dict[str, Any]] = {}
    for moment in moments:
        day = moment.at.astimezone(NEW_YORK).date()
        before = [row.broker_equity_usd for row in sessions if row.session < day]
        loss = moment.equity_usd - before[-1]
        if day not in rows or loss < rows[day]["loss"]:
            rows[day] = {
                "at": _shown(moment.at),
                "equity": moment.equity_usd,
                "loss": loss,
                "share": loss / before[-1],
                "spots": moment.spots,
            }
    return sorted(rows.values(), key=lambda row: row["loss"])[:WORST]


def _summary(
    rehearsal: Rehearsal, in_month: Sequence[SessionRow], moments: Sequence[Moment]
) -> dict[str, Any]:
    begin = [row.broker_equity_usd for row in rehearsal.sessions if not row.in_month][-1]
    end = in_month[-1].broker_equity_usd
    return {
        "begin": begin,
        "end": end,
        "change": end / begin - 1.0,
        "drawdown": float(max(figures.drawdowns(moments))),
        "sent": sum(order.status != "not_sent" for order in rehearsal.orders),
        "filled": sum(order.filled_qty > 0 for order in rehearsal.orders),
        "positions": len(rehearsal.positions),
        "closed": sum(p.closed_on is not None for p in rehearsal.positions),
        "most_open": max(row.open_positions for row in in_month),
    }


def _event_row(event: Event) -> dict[str, str]:
    return {"at": _shown(event.at), "kind": event.kind, "text": event.text}


def _shown(at: datetime) -> str:
    return f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def _begin_of(row: SessionRow) -> datetime:
    return datetime(row.session.year, row.session.month, row.session.day, tzinfo=NEW_YORK)
