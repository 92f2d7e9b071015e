"""The section on how often the rules trade, and on the cells of the matrix."""

from __future__ import annotations

from typing import Any

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.services.backtesting.outlook import outlook_or_problem, pace_text, until_text
from options_platform.settings import Settings


def outlook_section(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> dict[str, Any]:
    """The content of the section; only the key `problem` where it cannot be computed."""
    outlook = outlook_or_problem(settings, warehouse, ledger)
    if isinstance(outlook, str):
        return {"problem": outlook}
    shares = outlook.share_of_starts.items()
    return {
        "problem": None,
        "pace": pace_text(outlook),
        "until": until_text(outlook),
        "starts": [{"years": n, "share": share} for n, share in shares if share is not None],
        "span": outlook.recent_span,
        "cells": outlook.cells.to_dicts(),
    }
