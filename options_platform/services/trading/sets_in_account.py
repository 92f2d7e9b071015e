"""Which rule sets trade an account or have traded it, with their budgets and their positions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from options_platform.domain.trading.positions import Position
from options_platform.errors import SettingsError
from options_platform.formats import count, pct, usd
from options_platform.settings import Settings
from options_platform.settings.rule_sets import read_rule_set


def sets_in_account(settings: Settings, open_positions: Sequence[Position]) -> list[dict[str, Any]]:
    """Each set that trades, in the order of their entries, then those with open positions alone.

    rule_set, share (of the account, 0 for one that no longer trades), budget_usd, open_positions,
    risk_usd (the sum of their maximum losses), profit_usd (of the open positions, since their
    entries) and note: what is wrong with the file of the set, None if nothing is.
    """
    opened: dict[str, list[Position]] = {}
    for position in open_positions:
        opened.setdefault(position.rule_set, []).append(position)
    traded = settings.traded_sets
    names = [*traded, *sorted(name for name in opened if name not in traded)]
    return [_row(settings, name, opened.get(name, ())) for name in names]


def in_account(row: dict[str, Any]) -> str:
    """A row of :func:`sets_in_account` in one sentence."""
    budget = f"{pct(row['share'], 0)} of the account, {usd(row['budget_usd'])}"
    text = f"Rule set {row['rule_set']}: {budget if row['share'] else 'enters nothing new'}; "
    text += f"{count(row['open_positions'], 'open position')}, at risk {usd(row['risk_usd'])}"
    return text if row["note"] is None else f"{text}. {row['note']}"


def _row(settings: Settings, name: str, held: Sequence[Position]) -> dict[str, Any]:
    share = settings.share_of(name) if name in settings.traded_sets else 0.0
    return {
        "rule_set": name,
        "share": share,
        "budget_usd": share * settings.account_value_usd,
        "open_positions": len(held),
        "risk_usd": sum(position.risk_usd for position in held),
        "profit_usd": sum(position.profit_usd for position in held),
        "note": lost_note(settings, name),
    }


def lost_note(settings: Settings, name: str) -> str | None:
    """What a set that cannot be read enters and is left by, and why; None where it can be."""
    if name == settings.rule_set:
        return None
    try:
        read_rule_set(name, settings.home)
        settings.rules_of(name)
    except SettingsError as error:
        recorded = settings.recorded_exits(name) is not None
        exits = "its own exits as recorded last" if recorded else "the exits of plan"
        entries = "It enters nothing, and its" if name in settings.budgets else "Its"
        return f"{entries} positions are left by {exits}: {error}"
    return None
