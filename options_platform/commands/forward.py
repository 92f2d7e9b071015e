"""The forward record in `record`: its results, and `--verify`, which checks its chain."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.common import print_json, print_table, say
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS
from options_platform.domain.forward.verification import Chain, require_head
from options_platform.errors import UsageError
from options_platform.formats import count, usd
from options_platform.services.forward.alerts import head_text
from options_platform.services.forward.recording import forward_record
from options_platform.services.forward.results import (
    ENOUGH_SESSIONS,
    SHOWN_GAPS,
    Expected,
    ForwardResult,
    forward_results,
    without_plans,
)
from options_platform.settings import Settings

COLUMNS = ("rule_set", "version", "since", "sessions", "gaps", "entered", "open", "result_usd",
           "sharpe", "expected_entered", "expected_usd", "backtest_sharpe")  # fmt: skip


def verify(settings: Settings, args: argparse.Namespace) -> int:
    """Check the chain of the forward record; with `--head` also that this head is in it.

    Raises :class:`ForwardRecordError`, which names the first link that was altered, or says that
    the head is not in the record; :class:`UsageError` for `--at` without `--head`.
    """
    if args.at is not None and args.head is None:
        raise UsageError("--at is the number of a --head; give both, as the message has them")
    chain = forward_record(settings).read()
    chain.require_sound()
    confirmed = None
    if args.head is not None:
        confirmed = require_head(chain.links, args.head.strip().lower(), args.at)
    if args.json:
        print_json(
            {
                "verifies": True,
                **about(chain),
                "confirmed": None if confirmed is None else confirmed.number,
            }
        )
        return 0
    say(_in_words(chain))
    if confirmed is not None:
        say(
            f"The head of link {confirmed.number} (session {confirmed.session}) is in it: nothing "
            "up to that link was changed since that head left the machine."
        )
    elif chain.links:
        say(
            "That it was not chained anew as a whole, only a head that has left the machine shows: "
            "options-platform record --verify --head HASH"
        )
    return 0


def about(chain: Chain) -> dict[str, Any]:
    """The size of a chain and its head, for programs."""
    head = chain.head
    return {
        "links": len(chain.links),
        "head": None if head is None else head.hash,
        "number": None if head is None else head.number,
        "session": None if head is None else head.session,
    }


def _in_words(chain: Chain) -> str:
    head = chain.head
    if head is None:
        return (
            "Nothing is in the forward record yet. Only the newest session is recorded, from "
            "midnight New York until the next open; it begins with: options-platform daily"
        )
    names = sorted({link.rule_set for link in chain.links})
    return (
        f"Forward record: {count(len(chain.links), 'link')} of {', '.join(names)} since "
        f"{chain.links[0].session}; every hash is right. Newest: {head_text(head)}."
    )


def forward_json(
    settings: Settings, warehouse: Warehouse, chain: Chain, now: datetime
) -> dict[str, Any]:
    """The forward record and its results; of a chain that was altered only what is wrong."""
    if chain.fault is not None:
        return {"verifies": False, "problem": chain.fault.text}
    results = forward_results(settings, warehouse, chain, now)
    plain = [{**asdict(result), "gaps": _plain_gaps(result)} for result in results]
    return {
        "verifies": True,
        **about(chain),
        "results": plain,
        "without_plans": without_plans(settings, chain),
    }


def _plain_gaps(result: ForwardResult) -> list[dict[str, Any]]:
    return [{"session": day, "reason": reason or None} for day, reason in result.gaps.items()]


def show_forward(settings: Settings, warehouse: Warehouse, chain: Chain) -> None:
    """Print the forward result of each rule set, apart from the backtest.

    Raises :class:`ForwardRecordError` if a link was altered.
    """
    chain.require_sound()
    say(_in_words(chain))
    if not chain.links:
        return
    results = forward_results(settings, warehouse, chain, datetime.now(UTC))
    current = [result for result in results if result.is_current]
    print_table([_cells(result) for result in current], COLUMNS)
    say(
        f"Results are of the recorded plans since, after fees. A Sharpe ratio is shown from "
        f"{ENOUGH_SESSIONS} sessions on, with its 95% interval (blocks of {BLOCK_SESSIONS} "
        "sessions). Expected: what the averages of the stored backtest of the same rules give, "
        "begun without a position, in as many sessions with recorded plans."
    )
    _say_gaps(current)
    modelled = [result for result in current if result.modelled]
    for result in modelled:
        share = 100.0 * (result.modelled or 0.0)
        say(f"{result.rule_set}: {share:.0f}% of its prices are modelled, not quoted.")
    for result in current:
        if result.traded_by is not None:
            say(f"{result.rule_set}: traded by the terms of its first link: {result.traded_by}.")
        if result.problem is not None:
            say(f"{result.rule_set}: no result: {result.problem}")
        if result.expected is None:
            say(
                f"{result.rule_set}: no backtest of these rules is stored; run: options-platform "
                f"backtest --rule-sets plan,NAME"
            )
        elif result.expected.entered is not None and result.expected.result_usd is None:
            say(
                f"{result.rule_set}: no result is expected, since the stored backtest has another "
                "account; run it again with the account of the record"
            )
    for name, reason in without_plans(settings, chain).items():
        say(f"{name} {reason}")
    for result in results:
        if not result.is_current:
            say(_of_earlier_rules(result))


def _of_earlier_rules(result: ForwardResult) -> str:
    """A record that a change of the rules has ended, so that none drops out of sight."""
    about = f"{result.rule_set}, by earlier rules, {result.first} to {result.last}"
    if result.result_usd is None:
        return f"{about}: no result: {result.problem}"
    return (
        f"{about}: {usd(result.result_usd)}, {count(result.trades or 0, 'trade')} closed, "
        f"{result.open_trades} open, {count(len(result.gaps), 'gap')}"
    )


def _say_gaps(results: Sequence[ForwardResult]) -> None:
    for result in results:
        if not result.gaps:
            continue
        shown = [f"{day} ({reason})" if reason else f"{day}" for day, reason in result.gaps.items()]
        newest = ", ".join(shown[-SHOWN_GAPS:])
        missed = count(len(shown), "session")
        say(f"{result.rule_set}: {missed} not recorded before the open: {newest}")


def _cells(result: ForwardResult) -> dict[str, Any]:
    expected = result.expected
    return {
        "rule_set": result.rule_set,
        "version": result.version,
        "since": result.first,
        "sessions": result.sessions,
        "gaps": len(result.gaps),
        "entered": result.entered,
        "open": result.open_trades,
        "result_usd": result.result_usd,
        "sharpe": _with_ends(result),
        "expected_entered": None if expected is None else expected.entered,
        "expected_usd": None if expected is None else expected.result_usd,
        "backtest_sharpe": None if expected is None else _with_ends(expected),
    }


def _with_ends(of: ForwardResult | Expected) -> str | None:
    if of.sharpe is None:
        return None
    if of.sharpe_low is None or of.sharpe_high is None:
        return f"{of.sharpe:.2f}"
    return f"{of.sharpe:.2f} [{of.sharpe_low:.2f}, {of.sharpe_high:.2f}]"
