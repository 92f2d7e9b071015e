"""What settings have to fulfil beyond the type of each value."""

from __future__ import annotations

import math
from collections.abc import Mapping

from options_platform.domain.calendar.closures import parse_closures
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import SettingsError
from options_platform.settings.settings import Settings
from options_platform.settings.sources import source_entry


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
