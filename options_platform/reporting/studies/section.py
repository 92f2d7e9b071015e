"""The rows of the section on studies, one for each hypothesis."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import STUDIES, STUDY_RESULTS
from options_platform.contracts.rule_sets import HELD, LEFT
from options_platform.contracts.studies import CHECK, CHOICE, WHOLE
from options_platform.domain.backtest.results import HELD_NOTE
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS
from options_platform.settings import Settings
from options_platform.settings.studies import GROUPS, study_names

MORE_THAN_LUCK = 0.95
GROUP_TITLES = dict(
    zip(GROUPS, ("The family", "What is said not to pay", "What was left to try"), strict=True)
)


def studies_section(settings: Settings, warehouse: Warehouse) -> dict[str, Any]:
    """The stored studies, the newest first; `available` are the names of all files of studies."""
    heads = warehouse.read(STUDIES).sort("studied_at", descending=True).to_dicts()
    results = warehouse.read(STUDY_RESULTS)
    return {
        "available": study_names(settings.home),
        "block_sessions": BLOCK_SESSIONS,
        "held_note": HELD_NOTE,
        "studies": [_study(head, results.filter(study=head["study"])) for head in heads],
    }


def _study(head: dict[str, Any], results: pl.DataFrame) -> dict[str, Any]:
    rows = [
        _hypothesis(part)
        for _, part in results.group_by("hypothesis", maintain_order=True)
    ]  # fmt: skip
    best = next((row for row in rows if row["best"]), None)
    chance = None if best is None else best["whole"]["deflated_sharpe"]
    return {
        **head,
        "best": best,
        "proven": (chance or 0.0) > MORE_THAN_LUCK,
        "groups": [
            {"title": GROUP_TITLES[group], "rows": own}
            for group in GROUPS
            if (own := [row for row in rows if row["group"] == group])
        ],
    }


def _hypothesis(part: pl.DataFrame) -> dict[str, Any]:
    """A hypothesis and its chosen variant; the spans are None where too few trades were made."""
    first = part.row(0, named=True)
    chosen = part.filter("chosen").to_dicts()
    at = {(row["policy"], row["span"]): row for row in chosen}
    return {
        "name": first["hypothesis"],
        "group": first["group"],
        "sentence": first["sentence"],
        "variants": part["variant"].n_unique(),
        "best": any(row["best"] for row in chosen),
        "variant": _short(chosen[0]["variant"]) if chosen else None,
        "choice": at.get((LEFT, CHOICE)),
        "check": at.get((LEFT, CHECK)),
        "whole": at.get((LEFT, WHOLE)),
        "held": at.get((HELD, CHECK)),
    }


def _short(variant: str) -> str:
    """What was varied, each setting by the last part of its name."""
    return re.sub(r"[\w.]*\.(\w+)=", r"\1=", variant)
