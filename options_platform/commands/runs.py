"""`backfill` and `daily`: run the assets of past sessions or of one evening."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from options_platform.commands.common import ConsoleProgress, ready_settings, say
from options_platform.domain.calendar.sessions import require_session, sessions, shift
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import FailedTickersError, UsageError
from options_platform.formats import count
from options_platform.settings import Settings
from options_platform.settings.universes import expanded

if TYPE_CHECKING:
    from options_platform.adapters.storage.warehouse import Warehouse

# A daily run fetches up to this many missing sessions itself; for more, a backfill runs first.
FILLED_BY_DAILY = 5


def backfill(args: argparse.Namespace) -> int:
    """Materialise a range of sessions; never sends an order.

    3 if a source has not given what a ticker needs; the others are done. `--rebuild` drops stored
    tables first, as one whose schema has changed. Raises :class:`UsageError` for sessions, tickers
    or assets that the settings do not have, for a table that is not computed, or that would be
    computed in part, and :class:`SettingsError` for a set of `budgets` that cannot be read.
    """
    from options_platform.adapters.storage.tables import (
        ASSET_TABLES,
        CHAIN_TABLES,
        EVENT_TABLES,
        REPORT_TABLES,
    )
    from options_platform.common import PartitionRange
    from options_platform.domain.features.table import FAMILY_TABLES
    from options_platform.services.market_data.session_bounds import first_date

    settings = ready_settings()
    settings.require_rule_sets()
    _require_own_prices(args, settings)
    newest = _newest(settings)
    start = _session_from(args.start or first_date(settings), settings, newest)
    end = _session_from(args.end, settings, newest) if args.end else newest
    if start > end:
        raise UsageError(f"--start {start} is after --end {end}")
    tickers = chosen_tickers(args.tickers, settings)

    # Dagster is loaded once nothing is left to refuse.
    from options_platform.runs import asset_names, run_job

    tables = (*ASSET_TABLES, *EVENT_TABLES, *FAMILY_TABLES, *REPORT_TABLES, *CHAIN_TABLES)
    names = [table.name for table in tables]
    assets = asset_names(names, args.select) if args.select else None
    _drop_computed(settings, args)
    selected = PartitionRange(start, end, tickers)
    days = count(len(sessions(start, end)), "session")
    say(f"Backfill of {days}, {start} to {end}, {', '.join(tickers)}")
    began = time.monotonic()
    outcomes = run_job(settings, selected, assets=assets, progress=ConsoleProgress(), backfill=True)
    _report_outcomes([w for o in outcomes for w in o.warnings])
    _report_prices(settings)
    _require_own_prices(args, settings)
    say(f"Done in {time.monotonic() - began:.1f} s.")
    return _report_failed({t: why for o in outcomes for t, why in o.failed.items()})


def _drop_computed(settings: Settings, args: argparse.Namespace) -> None:
    """Drop the tables of `--rebuild`."""
    from options_platform.adapters.storage.tables import COMPUTED_TABLES
    from options_platform.adapters.storage.warehouse import Warehouse

    if not args.rebuild:
        return
    computed = [table.name for table in COMPUTED_TABLES]
    if others := [name for name in args.rebuild if name not in computed]:
        raise UsageError(
            f"--rebuild {','.join(others)}: only what a backfill computes is dropped: "
            f"{', '.join(computed)}"
        )
    if args.start or args.end or args.tickers or args.select:
        raise UsageError(
            "--rebuild drops whole tables, so all sessions, tickers and assets follow: leave out "
            "--start, --end, --tickers and --select"
        )
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    warehouse.drop(args.rebuild)
    say(f"Dropped, to be computed again: {', '.join(args.rebuild)}")


def daily(args: argparse.Namespace) -> int:
    """Materialise one session for all tickers and send its orders.

    1 if a set of `budgets` could not be read and so entered nothing, 3 if a source has not given
    what a ticker needs; all else is done.
    """
    from options_platform.common import PartitionRange

    settings = ready_settings()
    _require_own_prices(args, settings)
    newest = _newest(settings)
    day = _session_from(args.date or newest, settings, newest)

    from options_platform.runs import RunFailedError, history_assets, run_job
    from options_platform.services.alerting.after_run import after_failure, after_run

    progress = ConsoleProgress()
    missing = _missing_history(settings, day)
    if len(missing) > FILLED_BY_DAILY:
        days = count(len(missing), "session")
        say(f"First the missing history: {days}, {missing[0]} to {missing[-1]}")
        history = PartitionRange(missing[0], shift(day, -1), settings.tickers)
        assets = history_assets(settings)
        run_job(settings, history, assets=assets, progress=progress, backfill=True)
    began = time.monotonic()
    selected = PartitionRange(day, day, settings.tickers)
    try:
        outcomes = run_job(settings, selected, progress=progress)
    except RunFailedError as error:
        _report_outcomes(after_failure(settings, error.run_id, str(error), datetime.now(UTC)))
        raise
    _report_outcomes([w for o in outcomes for w in o.warnings])
    _show_plans(settings, day)
    _show_head(settings, day)
    say(f"{day} done in {time.monotonic() - began:.1f} s.")
    failed = {ticker: why for outcome in outcomes for ticker, why in outcome.failed.items()}
    _report_outcomes(after_run(settings, outcomes[-1].run_id, failed, datetime.now(UTC)))
    for name in settings.lost_sets:
        say(f"Rule set {name} entered nothing: it cannot be read; see: options-platform doctor")
    code = _report_failed(failed)
    return 1 if settings.lost_sets else code


def chosen_tickers(wanted: Sequence[str] | None, settings: Settings) -> tuple[str, ...]:
    """`wanted`, tickers and universes, in the settings' order (default: all of the settings).

    Raises :class:`UsageError` for a ticker that the settings do not have.
    """
    if not wanted:
        return settings.tickers
    wanted = expanded(wanted, settings.universes).tickers
    for ticker in wanted:
        require_ticker(ticker)
        if ticker not in settings.tickers:
            raise UsageError(
                f"{ticker} is not among the tickers {', '.join(settings.tickers)}; "
                f"add it: options-platform add {ticker}"
            )
    return tuple(ticker for ticker in settings.tickers if ticker in wanted)


def _newest(settings: Settings) -> date:
    """The newest session; :class:`UsageError` for settings that start after it."""
    from options_platform.services.market_data.session_bounds import newest_date, start_in_future

    now = datetime.now(UTC)
    if fault := start_in_future(settings, now):
        raise UsageError(fault)
    return newest_date(settings, now)


def _session_from(day: date, settings: Settings, newest: date) -> date:
    if day < settings.start:
        raise UsageError(
            f"{day} is before the first session, {settings.start}; set OPTIONS_START earlier"
        )
    if settings.end is not None and day > settings.end:
        raise UsageError(
            f"{day} is after the last session, {newest}; choose an earlier one, or set "
            f"OPTIONS_END (now {settings.end}) later or to none"
        )
    return require_session(day, newest)


def _missing_history(settings: Settings, day: date) -> list[date]:
    """Sessions before `day` for which a ticker has no bar though it was listed or not asked for.

    Those of a ticker whose source has failed do not count: the run asks for them each time, and
    fills them once they are given.
    """
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.contracts import RAW_OHLCV
    from options_platform.services.market_data.failed_tickers import withheld
    from options_platform.services.market_data.listing import asked_until
    from options_platform.services.market_data.session_bounds import first_date

    warehouse = Warehouse(settings.warehouse_path)
    stored = warehouse.read(
        RAW_OHLCV, columns=["date", "ticker"], tickers=settings.tickers, end=day
    )
    asked = asked_until(warehouse, settings.tickers)
    failed = withheld(warehouse, settings.tickers, day)
    missing: set[date] = set()
    for ticker in settings.tickers:
        if ticker in failed:
            continue
        with_bar = set(stored.filter(stored["ticker"] == ticker)["date"].to_list())
        # A ticker that was asked for and has no bar was not listed up to then.
        unasked_from = shift(asked[ticker], 1) if ticker in asked else first_date(settings)
        start = min(with_bar) if with_bar else unasked_from
        missing.update(d for d in sessions(start, day) if d not in with_bar and d != day)
    return sorted(missing)


def _report_failed(failed: Mapping[str, str]) -> int:
    """Say of which tickers the sources did not give what they need; 3 if there are any."""
    for ticker, reason in failed.items():
        say(f"{ticker} failed, the others are done: {reason}")
    return FailedTickersError.exit_code if failed else 0


def _report_outcomes(warnings: Sequence[str]) -> None:
    for warning in warnings:
        say(f"  note: {warning}")


def _report_prices(settings: Settings) -> None:
    """Say which stocks are priced on an index of the market, and how that is changed."""
    from options_platform.services.market_data.market_priced import stored_market_stocks
    from options_platform.services.market_data.own_indices import index_notes

    warehouse = _stored(settings)
    notes = index_notes(settings, warehouse) if warehouse.path.exists() else {}
    _report_outcomes([notes[t] for t in stored_market_stocks(settings, warehouse) if t in notes])


def _require_own_prices(args: argparse.Namespace, settings: Settings) -> None:
    """With `--strict`, :class:`UsageError` for a stock that is priced on the market's volatility.

    What is set or stored is judged, so that a first backfill is judged once it has chosen.
    """
    if not args.strict:
        return
    from options_platform.domain.feature_engine.iv_history import series_names
    from options_platform.services.market_data.market_priced import require_own_prices
    from options_platform.services.market_data.own_indices import named_or_stored

    require_own_prices(series_names(named_or_stored(settings, _stored(settings))), settings)


def _stored(settings: Settings) -> Warehouse:
    from options_platform.adapters.storage.warehouse import Warehouse

    return Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)


def _show_plans(settings: Settings, day: date) -> None:
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.services.trading.morning_brief import decisions_in_words

    for line in decisions_in_words(settings, Warehouse(settings.warehouse_path), day):
        say(f"  {line}")


def _show_head(settings: Settings, day: date) -> None:
    """The head of the forward record: whoever keeps this line keeps a proof of the record.

    If the session is not in it, because it came too late, that too.
    """
    from options_platform.domain.forward.coverage import may_record, recorded_until
    from options_platform.services.forward.alerts import head_text
    from options_platform.services.forward.recording import forward_record

    head = forward_record(settings).read().head
    if head is not None:
        say(f"  forward record: {head_text(head)}")
    if (head is None or head.session < day) and not may_record(day, datetime.now(UTC)):
        say(f"  forward record: {day} is not in it; it could be recorded {recorded_until(day)}")
