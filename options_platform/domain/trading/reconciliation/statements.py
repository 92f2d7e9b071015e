"""The activities of an account as the broker states them now, corrections taken into account.

Source: Alpaca's documentation, "Account Activities" and "Non-Trading Activities Events": one has a
status of executed, correct or canceled, under its own id or under a new one that names the old.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from options_platform.domain.trading.reports import Activity

EXECUTED, CORRECT, CANCELED = "executed", "correct", "canceled"


def as_stated_now(activities: Iterable[Activity]) -> list[Activity]:
    """Each activity once, with the quantity that counts now: 0 where it was canceled or replaced.

    `activities` are listed oldest first; of several under one key the last one counts. One that is
    replaced and not listed any more is there with 0 too. What is merely pending is left out.
    """
    stated: dict[str, Activity] = {}
    for activity in activities:
        if activity.status not in (EXECUTED, CORRECT, CANCELED):
            continue
        counts = 0.0 if activity.status == CANCELED else activity.quantity
        stated[activity.key] = replace(activity, quantity=counts)
    for activity in list(stated.values()):
        if activity.status == EXECUTED or activity.previous_id in (None, activity.activity_id):
            continue
        before = replace(activity, activity_id=str(activity.previous_id), quantity=0.0)
        stated[before.key] = replace(stated.get(before.key, before), quantity=0.0)
    return list(stated.values())
