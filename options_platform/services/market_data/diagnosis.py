"""The checks of `doctor`: versions, home, databases, sources, calendar and tables."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, ClassVar

from options_platform.errors import DamagedError, PlatformError, ShortHistoryError
from options_platform.formats import count
from options_platform.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from options_platform.adapters.ports.market_data import FileSource, SourceInfo
    from options_platform.adapters.storage.warehouse import Warehouse

NEEDED = ("dagster", "duckdb", "polars", "mlflow", "xgboost-cpu", "scikit-learn", "arch")
LOW_DISK_BYTES = 2_000_000_000
CALENDAR_WARNING_DAYS = 60
SHOWN_NAMES = 10
WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check: `state` is ok, note or BROKEN, `detail` gives cause and advice."""

    OK: ClassVar[str] = "ok"
    NOTE: ClassVar[str] = "note"
    BROKEN: ClassVar[str] = "BROKEN"

    what: str
    state: str
    detail: str


def diagnose(settings: Settings, *, deep: bool = False, strict: bool = False) -> list[Diagnosis]:
    """The results of all checks. Makes no home of a folder.

    `deep` reads every page of every database, which takes as long as the disk needs for that. With
    `strict` a stock that is priced on an index of the market is broken.
    """
    findings = [_python(), *_packages(), *_home(settings), *_databases(settings, deep=deep)]
    findings += [*_rule_sets(settings), *_sources(settings), _calendar(), *_start(settings)]
    damaged = {finding.what for finding in findings if finding.state == Diagnosis.BROKEN}
    if settings.warehouse_path.name in damaged:
        return findings
    return [*findings, *_tables(settings, strict=strict)]


def _python() -> Diagnosis:
    shown = sys.version.split()[0]
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    state = Diagnosis.OK if supported else Diagnosis.BROKEN
    return Diagnosis(
        "python", state, shown if supported else f"{shown}; 3.11 to 3.13 are supported"
    )


def _packages() -> Iterator[Diagnosis]:
    for name in NEEDED:
        try:
            yield Diagnosis(name, Diagnosis.OK, version(name))
        except PackageNotFoundError:
            yield Diagnosis(name, Diagnosis.BROKEN, "not installed; run: make install")


def _home(settings: Settings) -> Iterator[Diagnosis]:
    from options_platform.adapters.storage.home import (
        is_home,
        prepare_home,
        require_no_foreign_folder,
        require_possible_home,
    )

    try:
        if not is_home(settings.home):
            require_possible_home(settings.home)
            require_no_foreign_folder(settings.home)
            detail = f"{settings.home} is empty yet; it begins with: options-platform backfill"
            yield Diagnosis("home", Diagnosis.NOTE, detail)
            return
        prepare_home(settings)
    except PlatformError as error:
        yield Diagnosis("home", Diagnosis.BROKEN, str(error))
        return
    yield Diagnosis("home", Diagnosis.OK, str(settings.home))
    free = shutil.disk_usage(settings.home).free
    shown = f"{free / 1e9:.1f} GB free"
    if free > LOW_DISK_BYTES:
        yield Diagnosis("disk", Diagnosis.OK, shown)
    else:
        detail = f"{shown}; a full disk stops every run: make room, or move the home to another"
        yield Diagnosis("disk", Diagnosis.NOTE, detail)


def _databases(settings: Settings, *, deep: bool) -> Iterator[Diagnosis]:
    """Each database that is damaged, busy or left by a killed process, and the number of sound."""
    from options_platform.adapters.storage.backups.soundness import check_databases, way_back

    if not settings.home.is_dir():
        return
    sound = 0
    for database in check_databases(settings.home, wait_seconds=WAIT_SECONDS, deep=deep):
        name = database.path.relative_to(settings.home).as_posix()
        if database.busy:
            yield Diagnosis(name, Diagnosis.NOTE, f"not checked: {database.cause}")
        elif database.cause is not None:
            advice = way_back(settings.home, database)
            yield Diagnosis(name, Diagnosis.BROKEN, f"{database.cause}; {advice}")
        elif database.replayed and name.startswith("ledger"):
            detail = "a process was killed while it traded; run: options-platform reconcile"
            yield Diagnosis(name, Diagnosis.NOTE, detail)
        else:
            sound += 1
    how = "every page read" if deep else "opened; to read them: options-platform doctor --deep"
    if sound:
        yield Diagnosis("databases", Diagnosis.OK, f"{sound} are sound ({how})")


def _rule_sets(settings: Settings) -> Iterator[Diagnosis]:
    """The set to trade by, the settings that it replaces, and other sets that cannot be used."""
    from options_platform.settings import make_settings, settings_without_effect
    from options_platform.settings.rule_sets import in_words, rule_set_names

    if not settings.budgets:
        yield Diagnosis("rule set", Diagnosis.OK, in_words(settings))
        if replaced := settings_without_effect():
            detail = f"it replaces your settings, which have no effect: {', '.join(replaced)}"
            yield Diagnosis("rule set", Diagnosis.NOTE, detail)
    for name in settings.traded_sets if settings.budgets else ():
        share = f"{settings.share_of(name):.0%} of the account"
        if name in settings.lost_sets:
            detail = f"{name}, with {share}, enters nothing: {settings.lost_sets[name]}"
            yield Diagnosis("rule set", Diagnosis.BROKEN, detail)
            continue
        text = f"{in_words(settings.of_set(name))}; trades with {share}"
        yield Diagnosis("rule set", Diagnosis.OK, text)
    for name in rule_set_names(settings.home):
        try:
            make_settings({"home": settings.home, "rule_set": name})
        except PlatformError as error:
            yield Diagnosis("rule set", Diagnosis.NOTE, str(error))


def _sources(settings: Settings) -> Iterator[Diagnosis]:
    from options_platform.adapters.ports.market_data import reads_files
    from options_platform.adapters.sources import open_source, require_ready, source_options
    from options_platform.domain.feature_engine.iv_history import CHAIN, MODEL

    try:
        for name in (settings.source, *settings.fallback_sources):
            require_ready(name)
        info = open_source(settings.source, source_options(settings)).info
    except PlatformError as error:
        yield Diagnosis("source", Diagnosis.BROKEN, str(error))
        return
    missing = _missing_names(settings.tickers, info.tickers)
    yield (
        Diagnosis(
            "source",
            Diagnosis.BROKEN,
            f"{info.name} ({info.label}) has no {missing}; set OPTIONS_TICKERS or another "
            "OPTIONS_SOURCE",
        )
        if missing
        else Diagnosis("source", Diagnosis.OK, f"{info.name}: {info.label}")
    )
    symbols = sorted({"VIX", *_iv_symbols(settings, info).values()} - {CHAIN, MODEL})
    missing = _missing_names(symbols, info.indices if "index" in info.kinds else ())
    yield (
        Diagnosis(
            "indices",
            Diagnosis.BROKEN,
            f"{info.name} has no {missing}; set OPTIONS_FALLBACK_SOURCES to a source that does, "
            "or another OPTIONS_IV_SYMBOL__TICKER",
        )
        if missing
        else Diagnosis("indices", Diagnosis.OK, ", ".join(symbols))
    )
    yield from _market(settings, info)
    alone = open_source(settings.source, replace(source_options(settings), fallbacks=()))
    if reads_files(alone):
        yield from _files(settings, alone, symbols)


def _iv_symbols(settings: Settings, info: SourceInfo) -> dict[str, str]:
    """The index of each ticker; only those that are set where the warehouse cannot be read."""
    from options_platform.services.market_data.own_indices import expected_iv_symbols

    try:
        return expected_iv_symbols(settings, info, _warehouse(settings))
    except PlatformError:
        return dict(settings.iv_symbol)


def _files(settings: Settings, source: FileSource, symbols: Sequence[str]) -> Iterator[Diagnosis]:
    """The recognised layout of each file of the source, then the sessions that each has."""
    readable = []
    for name in (*settings.tickers, *symbols):
        try:
            yield Diagnosis(f"file of {name}", Diagnosis.OK, source.understood(name))
            readable.append(name)
        except PlatformError as error:
            yield Diagnosis(f"file of {name}", Diagnosis.BROKEN, str(error))
    for name in readable:
        yield _reach(settings, source, name, is_index=name in symbols)


def _reach(settings: Settings, source: FileSource, name: str, *, is_index: bool) -> Diagnosis:
    """From when to when a file of the source has rows, and whether a ticker's ends too early."""
    from options_platform.services.market_data.session_bounds import newest_date

    newest = newest_date(settings, datetime.now(UTC))
    read = source.index_bars if is_index else source.bars
    what, note = f"sessions of {name}", Diagnosis.NOTE
    try:
        rows = read(name, settings.start, newest)
    except ShortHistoryError as error:
        rows = error.bars
    except PlatformError as error:
        return Diagnosis(what, note, str(error))
    if rows.is_empty():
        return Diagnosis(what, note, f"none from {settings.start} to {newest}")
    days: list[date] = rows["date"].sort().to_list()
    first, last = days[0], days[-1]
    shown = f"{first} to {last}"
    if last == newest or is_index:
        return Diagnosis(what, Diagnosis.OK, shown)
    detail = f"{shown}, and the newest session is {newest}: bring the file up to date, or set end"
    return Diagnosis(what, note, f"{detail} = {last} in options.toml")


def _missing_names(needed: Sequence[str], available: Sequence[str] | None) -> str:
    """The needed names that are not available, and the available ones, as text; empty if none.

    `available` is None for a source that has any name.
    """
    missing = [] if available is None else [name for name in needed if name not in available]
    if not missing:
        return ""
    shown = [*(available or ("nothing",))[:SHOWN_NAMES]]
    if len(available or ()) > SHOWN_NAMES:
        shown.append("more")
    return f"{', '.join(missing)}; it has {', '.join(shown)}"


def _market(settings: Settings, info: SourceInfo) -> Iterator[Diagnosis]:
    from options_platform.services.market_data.one_market import require_same_market

    try:
        require_same_market(_warehouse(settings), info)
    except DamagedError:
        return
    except PlatformError as error:
        yield Diagnosis("market", Diagnosis.BROKEN, str(error))


def _calendar() -> Diagnosis:
    from options_platform.domain.calendar.sessions import LAST_DAY

    days_left = (LAST_DAY - datetime.now(UTC).date()).days
    shown = f"holidays known to {LAST_DAY}"
    if days_left > CALENDAR_WARNING_DAYS:
        return Diagnosis("calendar", Diagnosis.OK, shown)
    detail = f"{shown}, no session after it is planned; install a newer options-platform"
    return Diagnosis("calendar", Diagnosis.NOTE if days_left > 0 else Diagnosis.BROKEN, detail)


def _start(settings: Settings) -> Iterator[Diagnosis]:
    from options_platform.services.market_data.session_bounds import start_in_future

    if fault := start_in_future(settings, datetime.now(UTC)):
        yield Diagnosis("start", Diagnosis.BROKEN, fault)


def _tables(settings: Settings, *, strict: bool) -> Iterator[Diagnosis]:
    from options_platform.services.market_data.inventory import (
        LISTED_TABLES,
        open_entries,
        stored_keys,
    )
    from options_platform.services.market_data.learned_surface import measured_notes
    from options_platform.services.market_data.market_priced import stored_market_stocks
    from options_platform.services.market_data.own_indices import index_notes

    if not settings.warehouse_path.exists():
        yield Diagnosis("warehouse", Diagnosis.NOTE, "empty; run: options-platform backfill")
        return
    warehouse = _warehouse(settings)
    try:
        for table in LISTED_TABLES:
            yield _table(table.name, settings.tickers, stored_keys(settings, warehouse, table))
        aside, warnings = open_entries(warehouse)
        stocks = stored_market_stocks(settings, warehouse)
        for ticker, note in index_notes(settings, warehouse).items():
            refused = strict and ticker in stocks
            state = Diagnosis.BROKEN if refused else Diagnosis.NOTE
            yield Diagnosis(f"index of {ticker}", state, note)
        for ticker, note in measured_notes(settings, warehouse).items():
            yield Diagnosis(f"prices of {ticker}", Diagnosis.OK, note)
    except PlatformError as error:
        yield Diagnosis("warehouse", Diagnosis.BROKEN, str(error))
        return
    yield from _reports(settings, warehouse)
    yield from _actions(settings, warehouse)
    yield from _failed_tickers(settings, warehouse)
    state = Diagnosis.NOTE if aside else Diagnosis.OK
    yield Diagnosis(
        "quarantine", state, f"{count(aside, 'row')} set aside, {count(warnings, 'warning')} open"
    )


def _reports(settings: Settings, warehouse: Warehouse) -> Iterator[Diagnosis]:
    """The stored dates of reports that cannot be right, and weights too few for what needs them."""
    from options_platform.domain.feature_engine.cross_rows import FEWEST_WEIGHT
    from options_platform.services.market_data.earnings_checks import date_faults

    faults = date_faults(warehouse, settings.tickers, settings.start)
    for line in faults[:SHOWN_NAMES]:
        yield Diagnosis("earnings dates", Diagnosis.NOTE, line)
    if len(faults) > SHOWN_NAMES:
        more = count(len(faults) - SHOWN_NAMES, "date")
        yield Diagnosis("earnings dates", Diagnosis.NOTE, f"{more} more, which a backfill names")
    weight = sum(settings.groups.weights.values())
    if 0.0 < weight < FEWEST_WEIGHT:
        detail = (
            f"groups.weights add up to {weight:.0%} of the index; implied correlation needs "
            f"{FEWEST_WEIGHT:.0%} and stays empty"
        )
        yield Diagnosis("weights", Diagnosis.NOTE, detail)


def _failed_tickers(settings: Settings, warehouse: Warehouse) -> Iterator[Diagnosis]:
    """The tickers that runs leave out, since their source has failed."""
    from options_platform.contracts import EARNINGS
    from options_platform.services.market_data.failed_tickers import failed_rows

    for row in failed_rows(warehouse, settings.tickers, date.max).sort("ticker").to_dicts():
        left_out = f"left out of runs from {row['start']} on until its source answers"
        without = "no trade of it" if row["table"] == EARNINGS.name else left_out
        detail = f"{row['ticker']}: {row['reason']}; {without}"
        yield Diagnosis("failed ticker", Diagnosis.NOTE, detail)


def _actions(settings: Settings, warehouse: Warehouse) -> Iterator[Diagnosis]:
    """The stocks of which no dividends and splits are known."""
    from options_platform.contracts import RAW_OHLCV
    from options_platform.services.market_data.unknown_actions import without_actions

    columns = ["ticker", "dividend", "split_factor", "bad_reason"]
    bars = warehouse.read(RAW_OHLCV, columns=columns, tickers=settings.tickers)
    for ticker, line in without_actions(bars, settings).items():
        yield Diagnosis(f"dividends of {ticker}", Diagnosis.NOTE, line)


def _warehouse(settings: Settings) -> Warehouse:
    """The tables as of the published copy."""
    from options_platform.adapters.storage.published.refreshing import open_copy

    copy = open_copy(settings.home, wait_seconds=WAIT_SECONDS)
    return copy.warehouse(settings.warehouse_path, wait_seconds=WAIT_SECONDS)


def _table(name: str, tickers: Sequence[str], keys: pl.DataFrame) -> Diagnosis:
    newest = keys["date"].max()
    if not isinstance(newest, date):
        return Diagnosis(name, Diagnosis.NOTE, "no rows yet")
    none_of = [ticker for ticker in tickers if ticker not in set(keys["ticker"])]
    shown = f"{count(keys.height, 'row')}, newest {newest}"
    if none_of:
        return Diagnosis(name, Diagnosis.NOTE, f"{shown}, none of {', '.join(none_of)}")
    return Diagnosis(name, Diagnosis.OK, shown)
