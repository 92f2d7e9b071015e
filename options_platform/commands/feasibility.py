"""`feasibility`: how much money each strategy needs in the account, and how often it trades."""

from __future__ import annotations

import argparse

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import print_json, print_table, ready_settings, say
from options_platform.commands.feasibility_output import (
    account_fields,
    ladder_fields,
    show_account,
    show_ladder,
)
from options_platform.errors import UsageError
from options_platform.services.backtesting.ladder import ladder_outlook
from options_platform.services.backtesting.outlook import (
    outlook_fields,
    outlook_or_problem,
    pace_text,
    until_text,
)
from options_platform.services.planning.strategy_needs import strategy_needs

COLUMNS = (
    "ticker",
    "strategy",
    "width",
    "max_loss_usd",
    "fees_share",
    "needed_for_sizing_usd",
    "needed_in_full_usd",
    "needed_for_limits_usd",
    "needed_for_greeks_usd",
    "account_needed_usd",
    "smallest_account_usd",
    "account_for_90_usd",
    "plans",
    "full_width",
    "narrower",
    "narrower_width",
    "fits",
)

CELL_COLUMNS = ("regime", "direction", "strategy", "rows", "called", "trades", "entered", "refusal",
                "refused", "state")  # fmt: skip


def feasibility(args: argparse.Namespace) -> int:
    """Plan the newest sessions again with one spread each; print what each strategy needs.

    Then what the ladder of all open spreads needs and loses in a gap, what the account permits, the
    trades a year to expect, the cells of the matrix, and the time to 30 closed trades. `--rule-set`
    does all of it for another set than the one that trades.

    Raises :class:`IncompleteDataError` before the first plan.
    """
    settings = ready_settings(args.rule_set)
    if args.sessions < 1:
        raise UsageError("--sessions takes a number of sessions, at least 1")
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    one = strategy_needs(settings, warehouse, args.sessions)
    ladder = ladder_outlook(settings, warehouse, one.first, one.last)
    account = account_fields(settings, open_ledger(settings), ladder.needed_level)
    outlook = outlook_or_problem(settings, warehouse, open_ledger(settings))
    if args.json:
        pace = None if isinstance(outlook, str) else outlook_fields(outlook)
        print_json(
            {"rule_set": settings.rule_set, "first": one.first, "last": one.last,
             "account_value_usd": settings.account_value_usd,
             "trades_from_usd": one.smallest_usd,
             "strategies": one.needs.to_dicts(), "ladder": ladder_fields(ladder),
             "account": account, "pace": pace}
        )  # fmt: skip
        return 0
    say(
        f"Rule set {settings.rule_set}. One spread of each strategy planned from {one.first} to "
        f"{one.last} on synthetic chains; the account has {settings.account_value_usd:,.0f} USD. "
        "Losses, fees and needs are medians at the full width: half of the plans need more. "
        "smallest_account_usd takes half of the plans at some allowed width, account_for_90_usd "
        "90% of them."
    )
    print_table(one.needs.to_dicts(), COLUMNS)
    for note in one.notes:
        say(note)
    show_ladder(ladder, settings, one.smallest_usd)
    show_account(account)
    if isinstance(outlook, str):
        say(outlook)
        return 0
    say(pace_text(outlook))
    print_table(outlook.cells.to_dicts(), CELL_COLUMNS)
    say(until_text(outlook))
    return 0
