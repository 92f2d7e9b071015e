"""The section on rule sets: the stored comparison, side by side, with what each depends on."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import ACCOUNT_SET_SCORES, RULE_SET_CURVES, RULE_SET_SCORES
from options_platform.contracts.rule_sets import ACCOUNT_PART, AS_SET, HELD, LEFT, SET_PART
from options_platform.domain.backtest.results import HELD_NOTE
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.reporting import backtest_figures as drawn
from options_platform.reporting import figures
from options_platform.settings import Settings
from options_platform.settings.rule_sets import rule_set_names, rules_digest

MORE_THAN_LUCK = 0.95
CASE_NAMES = {
    AS_SET: "as it is set",
    "fill_mid": "filled at the mid",
    "fill_default": "default fills",
    "fill_worst": "worst fills",
    "iv_minus_1pt": "one vol point less",
    "iv_minus_8pct": "8% less volatility",
    HELD: "held to expiry",
    LEFT: "left before expiry",
}


def rule_sets_section(settings: Settings, warehouse: Warehouse) -> dict[str, Any]:
    """The newest comparison of rule sets; `sets` is None if none was made.

    `available` are the names of all sets, `together` the newest backtest of several in one account.
    """
    scores = warehouse.read(RULE_SET_SCORES)
    names = rule_set_names(settings.home)
    together = together_in_account(warehouse)
    if scores.is_empty():
        return {"available": names, "sets": None, "together": together}
    as_set = scores.filter(case=AS_SET)
    rows = as_set.sort(pl.col("rule_set") != pl.col("beside"), maintain_order=True).to_dicts()
    return {
        "available": names,
        "together": together,
        "sets": [
            {**row, "proven": (row["deflated_sharpe"] or 0.0) > MORE_THAN_LUCK} for row in rows
        ],
        "beside": rows[0]["beside"],
        "first": rows[0]["first"],
        "last": rows[0]["last"],
        "tickers": rows[0]["tickers"],
        "compared_at": rows[0]["compared_at"],
        "block_sessions": BLOCK_SESSIONS,
        "cases": _by_case(scores, [row["rule_set"] for row in rows]),
        "held_note": HELD_NOTE if scores["held_to_expiry"].sum() else None,
        "changed": _changed(settings, rows),
        "plot": _plot(warehouse.read(RULE_SET_CURVES)),
    }


def together_in_account(warehouse: Warehouse) -> dict[str, Any] | None:
    """The newest backtest of the sets of `budgets` in one account; None if there is none.

    `accounts` has the account under each fill model, `sets` what each set has made of it under the
    default one.
    """
    scores = warehouse.read(ACCOUNT_SET_SCORES)
    if scores.is_empty():
        return None
    account = scores.filter(part=ACCOUNT_PART)
    of_sets = scores.filter(part=SET_PART, fill_model=FillRules().model)
    return {
        "accounts": account.to_dicts(),
        "sets": of_sets.sort("share", "rule_set", descending=[True, False]).to_dicts(),
        "first": account["first"][0],
        "last": account["last"][0],
        "tested_at": account["tested_at"][0],
    }


def _by_case(scores: pl.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """For each case its name, and the Sharpe ratio and interval of each set in order."""
    by_key = {(row["case"], row["rule_set"]): row for row in scores.to_dicts()}
    present = [case for case in CASE_NAMES if (case, names[0]) in by_key]
    return [
        {"case": CASE_NAMES[case], "cells": [by_key.get((case, name)) for name in names]}
        for case in present
    ]


def _changed(settings: Settings, rows: list[dict[str, Any]]) -> bool:
    """Whether the set that trades has other rules than when it was compared."""
    digests = [row["digest"] for row in rows if row["rule_set"] == settings.rule_set]
    return bool(digests) and digests[0] != rules_digest(settings)


def _plot(curves: pl.DataFrame) -> str:
    sessions = curves["date"].unique().sort().to_list()
    by_set = {
        str(name): np.asarray(rows.sort("date")["equity_usd"].to_numpy(), dtype=np.float64)
        for (name,), rows in curves.group_by("rule_set", maintain_order=True)
    }
    return figures.data_uri(drawn.rule_set_curves(sessions, by_set))
