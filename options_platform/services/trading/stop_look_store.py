"""What the checks of stops have seen in a session, kept in the ledger from check to check."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.valuation import Evidence, Look

NAME = "looks"
MOMENTS = ("beyond_since", "unsure_since")


def looks_of(ledger: Ledger, day: date) -> dict[str, Look]:
    """By position_id what earlier looks of that day have shown; other days do not count."""
    return {
        position_id: Look(*(_moment(look[name]) for name in MOMENTS))
        for position_id, look in _positions(ledger, day).items()
    }


def keep_looks(ledger: Ledger, day: date, evidence: Mapping[str, Evidence], now: datetime) -> None:
    """Keep the result of a look, in place of the one before."""
    before = _positions(ledger, day)
    positions = {
        position_id: {
            **{name: _text(getattr(each.look, name)) for name in MOMENTS},
            "by_model": each.by_model,
        }
        for position_id, each in evidence.items()
        if each.look != Look()
    }
    newly_modelled = sorted(
        position_id
        for position_id, look in positions.items()
        if look["by_model"] and not before.get(position_id, {}).get("by_model")
    )
    text = json.dumps({"day": day.isoformat(), "positions": positions})
    event = (
        f"{', '.join(newly_modelled)}: quotes unsure for too long, valued by the model"
        if newly_modelled
        else None
    )
    ledger.keep(NAME, text, now, event)


def valued_by_model(ledger: Ledger, now: datetime) -> dict[str, str]:
    """Texts for a person, by position_id, on positions that the model values today.

    Their quotes have been unsure for too long. Positions that are closed by now are left out.
    """
    open_now = {p.position_id: p for p in ledger.positions(only_open=True)}
    texts = {}
    for position_id, look in _positions(ledger, now.astimezone(NEW_YORK).date()).items():
        since = _moment(look["unsure_since"])
        if look["by_model"] and since is not None and position_id in open_now:
            texts[position_id] = (
                f"the quotes of {position_id} ({open_now[position_id].ticker}) are wide or missing "
                f"since {since.astimezone(NEW_YORK):%H:%M} New York; its stop goes by the model "
                "at the present spot"
            )
    return texts


def _positions(ledger: Ledger, day: date) -> dict[str, dict[str, Any]]:
    kept = json.loads(ledger.kept(NAME) or "{}")
    positions: dict[str, dict[str, Any]] = kept.get("positions", {})
    return positions if kept.get("day") == day.isoformat() else {}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
