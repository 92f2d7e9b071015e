"""`rehearse`: the real order path through a stressed month, against the fake broker."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from options_platform.adapters.sources import open_source, source_options
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.commands.common import (
    ConsoleProgress,
    of_stored_source,
    print_json,
    read_home,
    reading_settings,
    say,
)
from options_platform.formats import count
from options_platform.reporting.rehearsal import write_rehearsal
from options_platform.reporting.rehearsal.page import order_rows
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.market_data.stock_betas import with_betas
from options_platform.services.rehearsal.data import load_month
from options_platform.services.rehearsal.result import Rehearsal
from options_platform.services.rehearsal.run import rehearse as run_rehearsal
from options_platform.services.rehearsal.stress import intensity_of
from options_platform.settings import load_settings


def rehearse(args: argparse.Namespace) -> int:
    """Rehearse a month and write its page; 1 if a check is broken.

    Raises :class:`UsageError` for a month that the home does not hold wholly, and for an intensity
    that there is not.
    """
    settings = reading_settings()
    if args.rule_set is not None:
        settings = load_settings(rule_set=args.rule_set)
    settings.require_rule_sets()
    intensity = intensity_of(args.intensity)
    warehouse = read_home(settings).warehouse
    settings = of_stored_source(settings, warehouse, args.rule_set)
    chains = ChainStore(settings.chains_path)
    of_sets = [settings.of_set(name).plan for name in settings.traded_sets]
    data = load_month(warehouse, settings.tickers, args.month, chains, of_sets, settings.earnings)
    priced = with_betas(with_fits(settings, warehouse), warehouse, data.sessions[0])
    rehearsal = run_rehearsal(priced, data, intensity, seed=args.seed, progress=ConsoleProgress())
    source = open_source(settings.source, source_options(settings)).info.label
    path = write_rehearsal(settings, rehearsal, source, datetime.now(UTC))
    if args.json:
        print_json({**_as_json(rehearsal), "page": path})
    else:
        _say(rehearsal)
        say(f"Page: {path}")
    return 0 if rehearsal.holds else 1


def _say(rehearsal: Rehearsal) -> None:
    outages = sum(event.kind == "outage" for event in rehearsal.events)
    say(
        f"{rehearsal.month} by {rehearsal.rule_set}, intensity {rehearsal.intensity.name}, seed "
        f"{rehearsal.seed}: {count(len(rehearsal.orders), 'order')}, "
        f"{count(len(rehearsal.positions), 'position')}, {count(outages, 'outage')}"
    )
    if rehearsal.stress_book is not None:
        say(f"Stress book: {rehearsal.stress_book}.")
    for verdict in rehearsal.verdicts:
        say(f"  {'holds ' if verdict.holds else 'BROKEN'}  {verdict.name}: {verdict.seen}")
        for breach in verdict.breaches:
            say(f"          {breach.at:%Y-%m-%d %H:%M}: {breach.text}")


def _as_json(rehearsal: Rehearsal) -> dict[str, Any]:
    return {
        "month": rehearsal.month,
        "rule_set": rehearsal.rule_set,
        "intensity": asdict(rehearsal.intensity),
        "seed": rehearsal.seed,
        "holds": rehearsal.holds,
        "stress_book": rehearsal.stress_book,
        "checks": [{**asdict(each), "holds": each.holds} for each in rehearsal.verdicts],
        "sessions": [asdict(row) for row in rehearsal.sessions],
        "events": [asdict(event) for event in rehearsal.events],
        "orders": order_rows(rehearsal.orders),
        "requests": rehearsal.requests,
        "processes": rehearsal.processes,
    }
