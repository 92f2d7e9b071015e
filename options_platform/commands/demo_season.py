"""The end of the demo of stocks: the calendar, the blackout, the trades of reports, the crushes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from options_platform.commands.common import print_table, say
from options_platform.domain.planning.reasons import REASONS
from options_platform.formats import closing_price, count, net_price, pct, usd, words
from options_platform.services.trading.report_season import Season

CALENDAR = {
    "ticker": "ticker",
    "date": "date then",
    "status": "status",
    "became": "what became of it",
}
REFUSED = {
    "ticker": "ticker",
    "plans": "plans refused",
    "first": "from",
    "last": "to",
    "report": "for the report of",
    "status": "status then",
}


def show_season(season: Season) -> None:
    """Print the season in the order in which it is lived."""
    say("The calendar as it was known three weeks before, and what became of it", "bold")
    rows = [{**row, "became": _became(row)} for row in season.calendar]
    print_table(rows, tuple(CALENDAR), CALENDAR)
    say()
    say("Entries that the blackout refused, since their positions would meet a report", "bold")
    if season.refused:
        print_table(season.refused, tuple(REFUSED), REFUSED)
        newest = max(season.refused, key=lambda row: row["last"])
        say(f"{newest['ticker']} on {newest['last']} needed {newest['needs']}.")
    else:
        say("  none: no plan of these sessions wanted one")
    say()
    say("Trades of a report itself, on paper", "bold")
    for trade in season.trades:
        for line in trade_lines(trade):
            say(line)
    if not season.trades:
        say("  none")
    for code, number in season.undone.items():
        say(f"Not traded: {count(number, 'report')}, {REASONS.get(code, code)} ({code}).")
    say("A simulated market: what was earned or lost here says nothing about a real one.")


def _became(row: Mapping[str, Any]) -> str:
    """The later dates of a report in words."""
    said, day = [], row["date"]
    for change in row["changes"]:
        moved = change["date"] != day
        if change["status"] == "reported":
            said.append("reported" if not moved else f"reported on {change['date']}")
        elif change["status"] == "estimated":
            said.append(f"estimated for {change['date']} on {change['on']}")
        elif moved:
            said.append(f"moved to {change['date']} on {change['on']}")
        else:
            said.append(f"{change['status']} on {change['on']}")
        day = change["date"]
    return ", ".join(said) or "still to come"


def trade_lines(trade: Mapping[str, Any]) -> list[str]:
    """A trade of a report from entry to exit, and what the report did."""
    head = (
        f"  {trade['ticker']}: {trade['contracts']} x {words(trade['strategy'])}: {trade['legs']}, "
        f"expiring {trade['expiry']}"
    )
    entered = f"    Entered {trade['opened_on']} for {net_price(trade['entry_price'])} a share"
    if trade["closed_on"] is None:
        entered += ", still open"
    elif trade["exit_price"] is None:
        entered += f", ended {trade['closed_on']}"
    else:
        entered += (
            f", left {trade['closed_on']} for {closing_price(trade['exit_price'])} "
            f"({trade['exit_reason']})"
        )
    lines = [head, f"{entered}: {usd(trade['pnl_usd'], signed=True)}."]
    if trade["move"] is not None:
        lines.append(
            f"    The report of {trade['report_date']} moved it {trade['move']:+.1%}; options "
            f"had priced {_share(trade['implied_move'])}, {_share(trade['expected_move'])} was "
            "forecast."
        )
    if trade["iv_pre"] and trade["iv_post"]:
        lines.append(
            f"    The crush: its 30-day volatility was {pct(trade['iv_pre'], 1)} at the last close "
            f"before and {pct(trade['iv_post'], 1)} after, "
            f"{trade['iv_post'] / trade['iv_pre'] - 1.0:+.0%}."
        )
    return lines


def _share(value: float | None) -> str:
    return "nothing" if value is None else pct(value, 1)
