"""`status`: the morning brief of the account, and for programs all that it rests on."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from options_platform.adapters.storage.ledger import Ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import (
    of_stored_source,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
    say_proxy,
)
from options_platform.contracts import RAW_OHLCV, TRADE_PLAN, VIX, Table
from options_platform.domain.trading.closing import shares_held
from options_platform.domain.trading.positions import Position
from options_platform.services.market_data.inventory import (
    LISTED_TABLES,
    open_entries,
    stored_keys,
    without_bars,
)
from options_platform.services.market_data.session_bounds import newest_date, start_in_future
from options_platform.services.trading.home_copy import HomeCopy
from options_platform.services.trading.morning_brief import (
    AccountBrief,
    Problem,
    account_brief,
    blackouts_in_words,
    decisions_in_words,
    foreign_home,
    next_step,
    problems_of,
    without_prediction,
)
from options_platform.services.trading.pauses import pause_of
from options_platform.services.trading.sets_in_account import in_account, sets_in_account
from options_platform.services.trading.stop_look_store import valued_by_model
from options_platform.settings import Settings
from options_platform.settings.rule_sets import (
    active_rule_set,
    in_words,
    rule_set_names,
    rules_digest,
)

FIRST_STEP = "options-platform backfill"


def status(args: argparse.Namespace) -> int:
    """Print how the account is, what was decided, what is wrong, and the next step.

    In a home without any bar only the next step.
    """
    settings, now = reading_settings(), datetime.now(UTC)
    copy = read_home(settings)
    warehouse, ledger = copy.warehouse, copy.ledger
    of_home = of_stored_source(settings, warehouse)
    shown = _Status(of_home, copy, newest_date(of_home, now), now, settings.source)
    if args.json:
        print_json(shown.summary())
        return 0
    if not ledger.exists and not any(warehouse.has(table) for table in (RAW_OHLCV, TRADE_PLAN)):
        say(f"Nothing is stored in {settings.home} yet (source {settings.source}).")
        say(f"Next: {start_in_future(settings, shown.now) or FIRST_STEP}", "bold")
        return 0
    shown.say()
    if args.tables:
        say()
        say(f"Home {settings.home}, source {settings.source}")
        print_table(shown.tables(), ("table", "rows", "tickers", "first", "last"))
    return 0


@dataclass(frozen=True)
class _Status:
    """What is stored in a home at one moment, for people and for programs."""

    settings: Settings
    copy: HomeCopy
    newest: date
    now: datetime
    named_source: str

    @property
    def warehouse(self) -> Warehouse:
        """The tables as of the copy."""
        return self.copy.warehouse

    @property
    def ledger(self) -> Ledger:
        """The order ledger as of the copy."""
        return self.copy.ledger

    def tables(self) -> list[dict[str, Any]]:
        """A row for each table that is listed."""
        return [_table_status(self.settings, self.warehouse, table) for table in LISTED_TABLES]

    def say(self) -> None:
        """The brief."""
        positions, plans = _open_positions(self.ledger), _newest_plans(self.warehouse)
        account = account_brief(self.settings, self.ledger, positions)
        problems = self._problems(plans)
        say_proxy(self.settings)
        _say_account(account, self.settings.account)
        _say_sets(self.settings, sets_in_account(self.settings, positions))
        self._say_vix()
        for line in self._blackouts():
            say(line)
        if plans:
            say()
            say(f"Decisions of {plans[0]['date']}", "bold")
            for line in decisions_in_words(self.settings, self.warehouse, plans[0]["date"]):
                say(f"  {line}")
        if problems:
            say()
            say("Needs attention", "bold red")
            for problem in problems:
                say(f"  {problem.text}")
        say()
        goes_on = self.settings.end is None or self.settings.end > self.newest
        say(f"Next: {next_step(problems, self.newest, goes_on=goes_on)}", "bold")

    def _blackouts(self) -> list[str]:
        return blackouts_in_words(self.settings, self.warehouse, self.newest, self.now)

    def _say_vix(self) -> None:
        """How many of the stored sessions have a VIX, by ticker."""
        rows = vix_coverage(self.warehouse, self.settings)
        if rows:
            each = ", ".join(
                f"{row['ticker']} {row['with_vix']:,} of {row['sessions']:,}" for row in rows
            )
            say(f"Sessions with a VIX: {each}.")

    def _problems(self, plans: Sequence[Mapping[str, Any]]) -> list[Problem]:
        problems = problems_of(
            self.settings,
            self.ledger,
            self.now,
            warehouse=self.warehouse,
            newest=self.newest,
            planned=plans[0]["date"] if plans else None,
            entries=open_entries(self.warehouse),
        )
        if none := without_prediction(self.warehouse, plans):
            problems.append(none)
        if fault := start_in_future(self.settings, self.now):
            problems = [Problem(fault, "options-platform config show start"), *problems]
        if self.named_source == self.settings.source:
            return problems
        return [foreign_home(self.settings, self.named_source), *problems]

    def summary(self) -> dict[str, Any]:
        """All of it for programs."""
        settings, ledger, warehouse = self.settings, self.ledger, self.warehouse
        positions, plans = _open_positions(ledger), _newest_plans(warehouse)
        aside, warnings = open_entries(warehouse)
        account, problems = account_brief(settings, ledger, positions), self._problems(plans)
        goes_on = settings.end is None or settings.end > self.newest
        return {
            "home": settings.home,
            "source": settings.source,
            "rule_set": _rule_set(settings),
            "sets": sets_in_account(settings, positions),
            "newest_session": self.newest,
            "as_of": self.copy.published_at,
            "behind": self.copy.behind,
            "tables": self.tables(),
            "vix": vix_coverage(warehouse, settings),
            "without_bars": without_bars(warehouse, settings).to_dicts(),
            "set_aside_rows": aside,
            "open_warnings": warnings,
            "halted": ledger.halted() if ledger.exists else None,
            "paused": _paused(ledger),
            "unsure_quotes": valued_by_model(ledger, self.now) if ledger.exists else {},
            "assigned_shares": shares_held(positions),
            "differences": [d.text for d in ledger.differences()] if ledger.exists else [],
            "blackout": self._blackouts(),
            "decisions": plans,
            "account": None if account is None else asdict(account),
            "problems": [asdict(problem) for problem in problems],
            "next": next_step(problems, self.newest, goes_on=goes_on),
        }


def vix_coverage(warehouse: Warehouse, settings: Settings) -> list[dict[str, Any]]:
    """By ticker: sessions that are stored, and with_vix, those that have a VIX."""
    rows = warehouse.read(VIX, columns=["date", "ticker", "vix"], tickers=settings.tickers)
    counts = rows.group_by("ticker").agg(sessions=pl.len(), with_vix=pl.col("vix").count())
    return counts.sort("ticker").to_dicts()


def _say_account(account: AccountBrief | None, name: str) -> None:
    if account is None:
        say(f"The account {name} has not traded yet.")
        return
    for line in account.in_words():
        say(line)


def _say_sets(settings: Settings, rows: list[dict[str, Any]]) -> None:
    if not settings.budgets:
        say(f"Rule set: {in_words(settings)}")
    for row in rows:
        if settings.budgets or row["note"]:
            say(in_account(row))


def _rule_set(settings: Settings) -> dict[str, Any]:
    """The set that the settings trade by, and all that could be chosen."""
    rules = active_rule_set(settings)
    return {
        "name": rules.name,
        "version": rules.version,
        "title": rules.title,
        "file": rules.file,
        "digest": rules_digest(settings),
        "settings": rules.keys,
        "available": rule_set_names(settings.home),
    }


def _open_positions(ledger: Ledger) -> list[Position]:
    return ledger.positions(only_open=True) if ledger.exists else []


def _paused(ledger: Ledger) -> str | None:
    pause = pause_of(ledger) if ledger.exists else None
    return None if pause is None else pause.reason


def _table_status(settings: Settings, warehouse: Warehouse, table: Table) -> dict[str, Any]:
    keys = stored_keys(settings, warehouse, table)
    return {
        "table": table.name,
        "rows": keys.height,
        "tickers": keys["ticker"].unique().sort().to_list(),
        "first": keys["date"].min(),
        "last": keys["date"].max(),
    }


def _newest_plans(warehouse: Warehouse) -> list[dict[str, Any]]:
    of_index = ["iv_symbol", "iv_basis", "vol_error"]
    columns = ["date", "ticker", "rule_set", "decision", "strategy", "reasons", "needs", *of_index]
    plans = warehouse.read(TRADE_PLAN, columns=columns)
    return plans.filter(pl.col("date") == pl.col("date").max()).to_dicts()
