"""What settings have to fulfil beyond the type of each value."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

from options_platform.domain.calendar.closures import parse_closures
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import SettingsError
from options_platform.settings.settings import Settings
from options_platform.settings.sources import source_entry

ALIKE = 0.75
"""Likeness from which on two words of a group's name count as the same one."""
SLACK = 1e-6
"""Weights that add up to 1 may exceed it by their rounding."""


def require_sensible(settings: Settings) -> None:
    """Raise :class:`SettingsError` for the first value that cannot be used with the others."""
    if not settings.tickers:
        raise SettingsError("setting tickers: at least one ticker is needed, e.g. SPY,QQQ")
    for ticker in (*settings.tickers, *settings.iv_symbol.values()):
        require_ticker(ticker)
    if settings.end is not None and settings.end < settings.start:
        raise SettingsError(f"setting end: {settings.end} lies before start {settings.start}")
    _require_sensible_sources(settings)
    try:
        parse_closures(settings.closures)
    except ValueError as error:
        raise SettingsError(f"setting closures: {error}") from error
    for name in ("account_value_usd", "max_risk_usd"):
        value = getattr(settings, name)
        if value is not None and not 0 < value < math.inf:
            raise SettingsError(f"setting {name}: a number more than 0 USD")
    if settings.account.startswith(("replay", "live")):
        raise SettingsError("setting account: replay and live name ledgers of their own")
    if not 30 <= settings.chain_snapshot_minutes <= 450:
        raise SettingsError(
            "setting chain_snapshot_minutes: 30 to 450 minutes after the close of 16:00"
        )
    if settings.workers < 1:
        raise SettingsError("setting workers: at least 1")
    if not 1024 <= settings.reports_port <= 65535:
        raise SettingsError("setting reports_port: a port from 1024 to 65535")
    _require_own_tickers(settings)
    usual = Settings()
    for name, groups, defaults in (
        ("risk.groups", settings.risk.groups, usual.risk.groups),
        ("groups.peers", settings.groups.peers, usual.groups.peers),
        ("groups.sectors", settings.groups.sectors, usual.groups.sectors),
    ):
        _require_known_groups(name, groups, defaults)
    _require_shares(settings.groups.weights)


def _require_known_groups(
    setting: str, groups: Mapping[str, str], defaults: Mapping[str, str]
) -> None:
    """Raise :class:`SettingsError` for a group whose name is a slip of another one's.

    A ticker in a misspelt group escapes the limit of its group, and is nobody's peer.
    """
    sizes = Counter(groups.values())
    for ticker, group in groups.items():
        if defaults.get(ticker) == group:
            continue
        require_ticker(ticker)
        meant = next((name for name in sizes if sizes[name] > 1 and is_slip(group, name)), None)
        if not group.strip() or (sizes[group] == 1 and meant is not None):
            advice = f"did you mean {meant}?" if meant else "name its group"
            raise SettingsError(
                f"setting {setting}.{ticker}: no other ticker is in the group {group!r}; {advice}"
            )


def is_slip(text: str, name: str) -> bool:
    """Whether `text` is a misspelt `name`: as many words, each alike, as us_equty_index."""
    from difflib import SequenceMatcher

    words, others = text.lower().split("_"), name.lower().split("_")
    return (
        text != name
        and len(words) == len(others)
        and all(
            SequenceMatcher(None, *pair).ratio() >= ALIKE
            for pair in zip(words, others, strict=True)
        )
    )


def _require_shares(weights: Mapping[str, float]) -> None:
    """Raise :class:`SettingsError` for weights that no index can have."""
    for ticker, weight in weights.items():
        require_ticker(ticker)
        if not 0.0 < weight <= 1.0:
            raise SettingsError(
                f"setting groups.weights.{ticker}: {weight:g} is no fraction of the index above 0 "
                "and at most 1; write 0.07 for 7%"
            )
    total = sum(weights.values())
    if total > 1.0 + SLACK:
        raise SettingsError(
            f"setting groups.weights: the weights add up to {total:g}, more than the whole index; "
            "correct them to fractions of it, such as 0.07 for 7%"
        )


def _require_own_tickers(settings: Settings) -> None:
    by_ticker: dict[str, Mapping[str, str]] = {
        "iv_symbol": settings.iv_symbol,
        "earnings.timing": settings.earnings.timing,
    }
    for name, values in by_ticker.items():
        unknown = sorted({*values} - {*settings.tickers})
        if unknown:
            raise SettingsError(f"setting {name}: {unknown[0]} is not among the tickers")


def _require_sensible_sources(settings: Settings) -> None:
    order = (settings.source, *settings.fallback_sources)
    if len(set(order)) != len(order):
        raise SettingsError("setting fallback_sources: each source once, and not the source itself")
    if any(limit < 1 for limit in settings.requests_per_minute.values()):
        raise SettingsError("setting requests_per_minute: at least 1")
    asked = settings.earnings_sources
    if len(set(asked)) != len(asked):
        raise SettingsError("setting earnings_sources: each source once")
    if "edgar" in asked and "@" not in settings.edgar_contact:
        raise SettingsError(
            "setting edgar_contact: the SEC answers only those who say who asks; set your name and "
            'e-mail address, e.g. edgar_contact = "Jane Doe jane@example.com"'
        )
    for name in dict.fromkeys((*order, *asked, settings.second_source)):
        entry = source_entry(name)
        if entry is None or not entry.needs_folder:
            continue
        if name in (*order, *asked) and not settings.csv_dir:
            raise SettingsError(
                f"source {name} needs a folder: set OPTIONS_CSV_DIR to the one with TICKER.csv"
            )
        if settings.second_source == name and not settings.second_csv_dir:
            raise SettingsError(f"second_source {name} needs a folder: set OPTIONS_SECOND_CSV_DIR")
    if not 1 <= settings.overlap_sessions <= 250:
        raise SettingsError("setting overlap_sessions: 1 to 250 sessions")
    if not 0 < settings.cross_source_tolerance < 1:
        raise SettingsError("setting cross_source_tolerance: a fraction such as 0.002")
