"""`feasibility`: how much money each strategy needs in the account, and how often it trades."""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict
from typing import Any

from options_platform.adapters.brokers import open_broker
from options_platform.adapters.ports.broker import works_at_close
from options_platform.adapters.storage.ledger import Ledger
from options_platform.commands.common import (
    of_stored_source,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
)
from options_platform.domain.backtest_study.ladder_needs import LadderNeeds
from options_platform.domain.trading.orders import WORKING
from options_platform.errors import PlatformError, UsageError
from options_platform.formats import words
from options_platform.services.backtesting.ladder import LadderOutlook, ladder_outlook
from options_platform.services.backtesting.outlook import (
    outlook_fields,
    outlook_or_problem,
    pace_text,
    until_text,
)
from options_platform.services.planning.strategy_needs import strategy_needs
from options_platform.services.trading.entries.account_checks import free_power_usd, nonsense
from options_platform.settings import Settings

# What people read; programs get the parts of each need too, by --json.
COLUMNS = {
    "ticker": "ticker",
    "strategy": "strategy",
    "width": "width",
    "max_loss_usd": "loses at most",
    "fees_share": "fees",
    "account_needed_usd": "full width",
    "smallest_account_usd": "any width",
    "account_for_90_usd": "90% of plans",
    "plans": "plans",
    "full_width": "taken",
    "narrower": "narrower",
}

CELL_COLUMNS = ("regime", "direction", "strategy", "rows", "called", "trades", "entered", "refusal",
                "refused", "state")  # fmt: skip

LADDER_HEADINGS = {
    "buying_power_usd": "buying power USD",
    "account_needed_usd": "account needed USD",
    "bound_by": "bound by",
}
LADDER_COLUMNS = ("entered", "rungs", "at", "buying_power_usd", "account_needed_usd", "bound_by")


def feasibility(args: argparse.Namespace) -> int:
    """Plan the newest sessions again with one spread each; print what each strategy needs.

    Then what the ladder of all open spreads needs and loses in a gap, what the account permits, the
    trades a year to expect, the cells of the matrix, and the time to 30 closed trades. `--rule-set`
    does all of it for another set than the one that trades.

    Raises :class:`IncompleteDataError` before the first plan.
    """
    settings = reading_settings(args.rule_set)
    if args.sessions < 1:
        raise UsageError("--sessions takes a number of sessions, at least 1")
    copy = read_home(settings)
    warehouse, ledger = copy.warehouse, copy.ledger
    settings = of_stored_source(settings, warehouse, args.rule_set)
    one = strategy_needs(settings, warehouse, args.sessions)
    ladder = ladder_outlook(settings, warehouse, one.first, one.last)
    account = account_fields(settings, ledger, ladder.needed_level)
    outlook = outlook_or_problem(settings, warehouse, ledger)
    if args.json:
        pace = None if isinstance(outlook, str) else outlook_fields(outlook)
        print_json(
            {"rule_set": settings.rule_set, "first": one.first, "last": one.last,
             "account_value_usd": settings.account_value_usd,
             "trades_from_usd": one.smallest_usd,
             "strategies": one.needs.to_dicts(), "ladder": _ladder_fields(ladder),
             "account": account, "pace": pace}
        )  # fmt: skip
        return 0
    say(
        f"Rule set {settings.rule_set}. One spread of each strategy planned from {one.first} to "
        f"{one.last} on synthetic chains; the account has {settings.account_value_usd:,.0f} USD."
    )
    if not one.needs.is_empty():
        say(
            "Losses and fees are medians at the full width. The account in USD that takes half of "
            "the plans at the full width or at any allowed width, and 90% of them at any; then how "
            "many plans this account takes, at the full width and narrower. What each limit needs: "
            "--json."
        )
        print_table(_in_words(one.needs.to_dicts()), tuple(COLUMNS), COLUMNS)
    for note in one.notes:
        say(note)
    if settings.budgets:
        _say_budgets(settings)
    _show_ladder(ladder, settings, one.smallest_usd)
    _show_account(account)
    if isinstance(outlook, str):
        say(outlook)
        return 0
    say(pace_text(outlook))
    print_table(_in_words(outlook.cells.to_dicts()), CELL_COLUMNS)
    say(until_text(outlook))
    return 0


def _in_words(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with strategies and regimes as words."""
    named = ("strategy", "regime")
    return [{**row, **{name: words(row[name]) for name in named if row.get(name)}} for row in rows]


def _say_budgets(settings: Settings) -> None:
    """That the needs are those of a set alone, and how much larger they are beside others."""
    say("All of this is for a rule set alone, with the whole account. On its share of it")
    for name in settings.traded_sets:
        share = settings.share_of(name)
        larger = f"{1.0 / share:.2f} times as large"
        say(f"  {name} ({share:.0%}) needs, for its sizes, an account {larger}")


def account_fields(settings: Settings, ledger: Ledger, needed_level: int) -> dict[str, Any]:
    """What the account permits, asked of the broker, with all that is open and works.

    `problem` says why an entry is refused, or why the broker could not be asked; None if neither.
    Null elsewhere is what the broker does not say, or does not limit.
    """
    held = ledger.positions(only_open=True) if ledger.exists else []
    orders = ledger.working_orders() if ledger.exists else []
    entries = [o for o in orders if o.purpose == "entry" and o.status in WORKING]
    fields: dict[str, Any] = {
        "broker": settings.broker,
        "needed_level": needed_level,
        "options_level": None,
        "buying_power_usd": None,
        "free_usd": None,
        "open_positions": len(held),
        "open_risk_usd": sum(position.risk_usd for position in held),
        "working_entries": len(entries),
        "working_risk_usd": sum(o.max_loss_usd * o.remaining / o.contracts for o in entries),
        "problem": None,
    }
    try:
        broker = open_broker(settings)
        if works_at_close(broker):
            # It limits nothing, and its first request would fix what the account starts with.
            return fields
        account = broker.account()
    except PlatformError as error:
        return fields | {"problem": f"the broker did not answer: {error}"}
    level, wrong = account.options_level, nonsense(account)
    if wrong:
        problem = f"the account answers what cannot be: {', '.join(wrong)}"
    elif account.blocked:
        problem = "the account may not trade"
    elif level is not None and level < needed_level:
        problem = f"the account has level {level} for options; the plans take {needed_level}"
    else:
        problem = None
    power = account.buying_power_usd
    free = free_power_usd(account, ledger) if ledger.exists else power
    return fields | {
        "options_level": level,
        "buying_power_usd": power,
        "free_usd": None if wrong else free,
        "problem": problem,
    }


def _ladder_fields(outlook: LadderOutlook) -> dict[str, Any]:
    """The ladder for programs; an account that none is large enough for is null."""
    return {
        "plans": outlook.plans,
        "whole": _needs_fields(outlook.whole),
        "within_positions": _needs_fields(outlook.within),
    }


def _needs_fields(needs: LadderNeeds | None) -> dict[str, Any] | None:
    if needs is None:
        return None
    fields = asdict(needs) | {"account_needed_usd": None}
    account = fields.pop("account_usd")
    if math.isfinite(account):
        fields["account_needed_usd"] = math.ceil(account / 100.0) * 100.0
    fields["gap_usd"] = {f"{move:+g}": usd for move, usd in needs.gap_usd.items()}
    return fields


def _show_ladder(outlook: LadderOutlook, settings: Settings, trades_from_usd: float | None) -> None:
    """Print the ladder's needs beside the account's limits.

    `trades_from_usd` is the account from which the rule set trades at all.
    """
    whole, within = outlook.whole, outlook.within
    if whole is None or within is None:
        say("No plan of these sessions is a trade, so there are no open positions to add up.")
        return
    say(
        f"One spread of each of the {outlook.plans} plans, held until the calendar closes it: what "
        "the rungs that are open together tie up, and lose in one gap, at the most."
    )
    rows = []
    for entered, needs in (("all plans", whole), ("within limits", within)):
        shown = _needs_fields(needs) or {}
        gaps = {f"gap_{move:+.1%}_usd": usd for move, usd in needs.gap_usd.items()}
        rows.append({"entered": entered, **shown, **gaps})
    gap_columns = [f"gap_{move:+.1%}_usd" for move in whole.gap_usd]
    headings = {f"gap_{move:+.1%}_usd": f"gap {move:+.1%} USD" for move in whole.gap_usd}
    columns = (*LADDER_COLUMNS[:4], *gap_columns, *LADDER_COLUMNS[4:])
    print_table(rows, columns, LADDER_HEADINGS | headings)
    _show_sizes(whole, trades_from_usd)
    limit = settings.risk.gap.max_loss_pct
    worst = max(whole.gap_usd.values())
    if limit is None:
        say("No gap is a limit of this account (risk.gap.max_loss_pct).")
    else:
        usd = limit * settings.account_value_usd
        verdict = "within" if worst <= usd else "beyond"
        say(
            f"The worst gap takes {worst:,.0f} USD of all plans together, {verdict} the limit of "
            f"{usd:,.0f} USD (risk.gap.max_loss_pct)."
        )
    if within.rungs < whole.rungs:
        say(
            f"risk.max_positions and risk.max_positions_per_ticker let {within.rungs} of "
            f"{whole.rungs} rungs in."
        )


def _show_sizes(whole: LadderNeeds, trades_from_usd: float | None) -> None:
    start = "no account" if trades_from_usd is None else f"{trades_from_usd:,.0f} USD"
    full = "no account" if math.isinf(whole.account_usd) else f"{whole.account_usd:,.0f} USD"
    say(
        f"The rule set trades from {start} on; its whole ladder, one spread a rung, takes {full} "
        f"({whole.bound_by})."
    )


def _show_account(fields: dict[str, Any]) -> None:
    """Print what the account permits."""
    level, power = fields["options_level"], fields["buying_power_usd"]
    said = [
        "no level for options is stated" if level is None else f"level {level} for options",
        f"the plans take level {fields['needed_level']}",
        "buying power is not limited" if power is None else f"buying power {power:,.0f} USD",
    ]
    if fields["free_usd"] is not None:
        said.append(f"{fields['free_usd']:,.0f} USD of it for another entry")
    say(
        f"The account at {fields['broker']}: {'; '.join(said)}. {fields['open_positions']} open "
        f"positions can lose {fields['open_risk_usd']:,.0f} USD, {fields['working_entries']} "
        f"working entries {fields['working_risk_usd']:,.0f} USD."
    )
    if fields["problem"] is not None:
        say(f"No entry is sent: {fields['problem']}.")
