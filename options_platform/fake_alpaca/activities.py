"""The account's activities: fills, events of the clearing house, and their pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, time

from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.fake_alpaca.answers import Json, number, stamp, text_of

MOST_A_PAGE = 100
DESCRIPTIONS = {
    "OPASN": "Option Assignment",
    "OPEXC": "Option Exercise",
    "OPEXP": "Option Expiry",
    "OPTRD": "Option Trade",
    "DIV": "Cash Dividend",
    "OPCA": "Option Corporate Action",
    "SPLIT": "Split",
}


def activity_id(now: datetime, count: int) -> str:
    """An activity id that sorts by time."""
    return f"{now:%Y%m%d}{count:012d}::{uuid.UUID(int=count)}"


def fill_of(new_id: str, order: Json, leg: Json, change: float, price: float,
            now: datetime) -> Json:  # fmt: skip
    """A FILL of one leg; `order_id` and quantities are those of the leg."""
    total, filled = number(leg["qty"]), number(leg["filled_qty"])
    return {
        "id": new_id,
        "activity_type": "FILL",
        "transaction_time": stamp(now),
        "type": "fill" if filled == total else "partial_fill",
        "symbol": leg["symbol"],
        "side": leg["side"],
        "qty": text_of(abs(change)),
        "price": str(price),
        "cum_qty": text_of(filled),
        "leaves_qty": text_of(total - filled),
        "order_id": leg["id"],
        "order_status": order["status"],
    }


def non_trade(new_id: str, kind: str, symbol: str, quantity: float, now: datetime,
              *, net_usd: float = 0.0, price: float | None = None) -> Json:  # fmt: skip
    """An activity of the clearing house, which has a date but no time."""
    common = {
        "id": new_id,
        "activity_type": kind,
        "date": str(now.astimezone(NEW_YORK).date()),
        "net_amount": text_of(net_usd),
        "description": DESCRIPTIONS.get(kind, ""),
        "symbol": symbol,
        "qty": text_of(quantity),
        "status": "executed",
    }
    return common if price is None else common | {"price": text_of(price)}


def page_of(activities: Sequence[Json], query: Json, cap: int | None) -> list[Json]:
    """The body of GET /v2/account/activities, newest first unless `direction` is asc.

    A page starts after all activities with the id in `page_token`; so a client whose page ends
    between two activities with the same id does not get the second one.
    """
    kinds = [kind for kind in query.get("activity_types", "").split(",") if kind]
    chosen = [a for a in activities if not kinds or a["activity_type"] in kinds]
    if query.get("after"):
        chosen = [a for a in chosen if _moment_of(a) > moment(query["after"])]
    if query.get("until"):
        chosen = [a for a in chosen if _moment_of(a) < moment(query["until"])]
    if query.get("direction", "desc") != "asc":
        chosen.reverse()
    if query.get("page_token"):
        same = [at for at, a in enumerate(chosen) if a["id"] == query["page_token"]]
        chosen = chosen[same[-1] + 1 :] if same else []
    most = min(int(query.get("page_size") or MOST_A_PAGE), cap or MOST_A_PAGE)
    return chosen[:most]


def moment(text: str) -> datetime:
    """A time in a query; a plain date means midnight UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else datetime.combine(at, time(0), UTC)


def _moment_of(activity: Json) -> datetime:
    if "transaction_time" in activity:
        return moment(activity["transaction_time"])
    return moment(activity["date"])
