"""The end of the demo: the trades, positions with their plans, exits, alerts, and what is next."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from options_platform.commands.common import print_table, say
from options_platform.domain.trading.alerts import Alert
from options_platform.formats import count, usd, words
from options_platform.services.trading.summary import TradingSummary
from options_platform.settings import Settings

SHOWN_EXITS = 5
SHOWN_POSITIONS = 2
STRATEGIES = {
    "strategy": "strategy",
    "rule_set": "rule set",
    "trades": "trades",
    "open": "open",
    "won": "won",
    "pnl_usd": "profit USD",
}
EXITS = {
    "closed_on": "closed",
    "ticker": "ticker",
    "strategy": "strategy",
    "exit_reason": "reason",
    "decided_on": "decided",
    "entry_price": "entry",
    "exit_price": "exit",
    "pnl_usd": "profit USD",
}


def show_trading(summary: TradingSummary) -> None:
    """What was traded by strategy, the open positions with their plans, and the newest exits."""
    say(
        f"What was traded from {summary.first} to {summary.last}, at prices modelled from the "
        "real bars and the VIX",
        "bold",
    )
    rows = [{**row, "strategy": words(row["strategy"])} for row in summary.by_strategy]
    print_table(rows, tuple(STRATEGIES), STRATEGIES)
    closed = len(summary.exits)
    say(
        f"{count(summary.trades, 'trade')}, {summary.won} of {closed:,} closed ones won; equity "
        f"{usd(summary.start_usd)} to {usd(summary.equity_usd)}. {_refused(summary)}"
    )
    say("A replay that was set up to show several strategies, not a track record.")
    say()
    say("Open positions, each with its plan", "bold")
    for plan in summary.open[:SHOWN_POSITIONS]:
        say(f"  {plan.title()}")
        for line in plan.in_words():
            say(f"    {line}")
    more = len(summary.open) - SHOWN_POSITIONS
    if more > 0:
        say(f"  and {count(more, 'more', 'more')}")
    if not summary.open:
        say("  none is open at the end of these sessions")
    say()
    say("The last exits and their reasons", "bold")
    exits = [{**row, "strategy": words(row["strategy"])} for row in summary.exits[:SHOWN_EXITS]]
    if exits:
        print_table(exits, tuple(EXITS), EXITS)
    else:
        say("  no position was closed in these sessions")


def _refused(summary: TradingSummary) -> str:
    """Which limits refused entries."""
    if not summary.refused:
        return "No limit refused an entry."
    reasons = ", ".join(f"{name} {number:,}" for name, number in summary.refused.items())
    return f"Entries that limits refused: {reasons}."


def show_alerts(alerts: Sequence[Alert]) -> None:
    """The alerts that hold, as an address would get them."""
    say("Alerts, as the addresses in OPTIONS_ALERT_URLS get them", "bold")
    for alert in alerts:
        say(f"  {alert.title}")
        say(f"    {alert.text}")
    if not alerts:
        say("  none")


def show_next(settings: Settings, report: Path, seconds: float) -> None:
    """Where the report is, and the next commands."""
    say(f"Done in {seconds:.0f} s. Open the report: {report}", "bold")
    start = f"OPTIONS_SOURCE={settings.source} options-platform"
    steps = [f"{start} positions --replay", f"{start} status", f"{start} ui"]
    for number, step in enumerate([*activation(), *steps]):
        say(f"{'      ' if number else 'Next: '}{step}")


def activation() -> list[str]:
    """What makes a shell find `options-platform`, if it does not: `make demo` activates nothing."""
    script = Path(sys.prefix) / "bin" / "activate"
    if shutil.which("options-platform") or not script.is_file():
        return []
    with suppress(ValueError):
        script = script.relative_to(Path.cwd())
    return [f". {shlex.quote(str(script))}"]
