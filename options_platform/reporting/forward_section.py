"""The section on the forward record: each rule set's result since it was installed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS
from options_platform.errors import PlatformError
from options_platform.services.forward.recording import forward_record
from options_platform.services.forward.results import (
    ENOUGH_SESSIONS,
    SHOWN_GAPS,
    forward_results,
    without_plans,
)
from options_platform.settings import Settings


def forward_section(settings: Settings, warehouse: Warehouse, now: datetime) -> dict[str, Any]:
    """The content of the section: head and results, the rules that hold now first.

    Nothing but `problem` if a link was altered; `results` is empty before the first link.
    """
    try:
        chain = forward_record(settings).read()
        results = forward_results(settings, warehouse, chain, now)
    except PlatformError as error:
        return {"problem": str(error)}
    return {
        "problem": None,
        "head": chain.head,
        "links": len(chain.links),
        "results": sorted(results, key=lambda result: not result.is_current),
        "without_plans": without_plans(settings, chain),
        "enough_sessions": ENOUGH_SESSIONS,
        "block_sessions": BLOCK_SESSIONS,
        "shown_gaps": SHOWN_GAPS,
    }
