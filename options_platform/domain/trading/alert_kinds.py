"""The kinds of alerts: how severe each is, what it means, and what a person does about it.

A kind is the beginning of an alert's key. `docs/alerts.md` is made from this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["critical", "warning", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "info")
"""The most severe first. Critical: money or the record is at risk until somebody acts."""


@dataclass(frozen=True)
class AlertKind:
    """`prefix` begins the keys of its alerts; `name` is what metrics and pages call it.

    An event is said once, and does not last.
    """

    prefix: str
    name: str
    severity: Severity
    meaning: str
    action: str
    is_event: bool = False


RECORD = "options-platform record --verify"
KINDS = (
    AlertKind(
        "halted", "halted", "critical",
        "New entries are halted, by a person, by the kill switch, or since a ledger was restored.",
        "Read the reason with `options-platform status`. Once its cause is mended: "
        "`options-platform resume --reason WHY`. Exits go on meanwhile.",
    ),
    AlertKind(
        "paused", "paused", "warning",
        "The loss of the running session has paused new entries; the close may make it a halt.",
        "Look at `options-platform positions`. A pause ends with its cause, or with "
        "`options-platform resume --reason WHY`.",
    ),
    AlertKind(
        "rule set", "rule_set_lost", "critical",
        "The file of a rule set that trades, or has open positions, cannot be read. It enters "
        "nothing, and its positions keep the exits that were recorded.",
        "Mend or bring back the file; `options-platform doctor` names the fault in it.",
    ),
    AlertKind(
        "assigned", "assigned", "critical",
        "An assignment or an exercise has left shares in an open position.",
        "They are closed at the next open; see `options-platform positions`. Make sure that the "
        "account can hold them until then.",
    ),
    AlertKind(
        "earnings", "earnings_moved", "warning",
        "An earnings report has moved into the life of an open position.",
        "Check the date with `options-platform earnings TICKER`. The position leaves before it by "
        "itself, unless `blackout.mode` is off.",
    ),
    AlertKind(
        "quotes", "quotes_unusable", "warning",
        "The quotes of an open position have been wide or missing for a quarter of an hour, so "
        "the model values it and its exits wait.",
        "Look at the quotes at the broker; close by hand there only if you must, and reconcile.",
    ),
    AlertKind(
        "difference", "difference", "critical",
        "The ledger and the broker do not agree on a contract or on cash.",
        "Run `options-platform reconcile` and find the cause; accept the broker's figures only "
        "then: `options-platform reconcile --accept WHY`.",
    ),
    AlertKind(
        "rejected", "order_rejected", "warning",
        "The broker has rejected an order.",
        "Read its reason with `options-platform orders`. A rejected exit is tried again by the "
        "next run; to close at once: `options-platform flatten`.",
    ),
    AlertKind(
        "drawdown", "drawdown", "warning",
        "Equity is below its peak by `alerts.drawdown_pct` or more.",
        "Compare with the backtest's drawdowns before you act; `options-platform halt --reason "
        "WHY` stops entries.",
    ),
    AlertKind(
        "equity", "plans_too_large", "warning",
        "Entries were refused since the equity is below `account_value_usd`.",
        "Set `account_value_usd` to the value that the alert names.",
    ),
    AlertKind(
        "no bar", "no_bar", "warning",
        "A ticker has no good bar of the newest stored session, and does not trade.",
        "See `options-platform quarantine`. A delisted ticker: remove it from the tickers once "
        "its positions are closed.",
    ),
    AlertKind(
        "index", "foreign_index", "info",
        "A ticker is traded on the volatility of an index that is not its own.",
        "Nothing at once. Its own index or stored chains make its prices better: `iv_symbol`.",
    ),
    AlertKind(
        "missed", "daily_missing", "critical",
        "No daily run has marked the account `alerts.missed_after_hours` hours after it was due.",
        "`options-platform doctor` says whether the daemon lives; then "
        "`options-platform daily`, before the next open.",
    ),
    AlertKind(
        "ledger", "ledger_unusable", "critical",
        "The ledger of orders cannot be used. Nothing is sent.",
        "`options-platform doctor --deep` names the damage and the backup that has a good copy.",
    ),
    AlertKind(
        "unpublished", "unpublished", "warning",
        "A run could not publish its tables: pages and commands show older ones.",
        "Make room on the disk, or mend what the text names; the next run publishes.",
    ),
    AlertKind(
        "forward head lost", "forward_head_lost", "critical",
        "The forward record lacks a head that had left: it was deleted, cut off or chained anew.",
        f"Bring back the record that has this head from a backup; then `{RECORD}`.",
        is_event=True,
    ),
    AlertKind(
        "forward head", "forward_head", "info",
        "The newest head of the forward record. Not a fault.",
        "Keep the message: it proves the record up to this link.",
        is_event=True,
    ),
    AlertKind(
        "forward unreadable", "forward_unreadable", "critical",
        "The file of the forward record cannot be read.",
        f"Mend its permissions or the disk; then `{RECORD}`.",
    ),
    AlertKind(
        "forward fault", "forward_altered", "critical",
        "A link of the forward record was altered.",
        f"`{RECORD}` names the link; bring back the record from a backup.",
    ),
    AlertKind(
        "forward failure", "forward_not_planned", "warning",
        "A rule set could not be planned in the newest recorded session.",
        "Mend its file, and run `options-platform daily` before the next open.",
    ),
    AlertKind(
        "forward gap", "forward_gap", "warning",
        "A session was not recorded before the next open, and stays a gap.",
        "Switch on `daily_after_close`, or run `options-platform daily` each night.",
    ),
    AlertKind(
        "run", "run_failed", "warning",
        "A run of Dagster has failed.",
        "The text names the step and its error; after mending, run the command again. What fails "
        "of a daily run also raises `daily_missing`, if the account was not marked.",
        is_event=True,
    ),
)  # fmt: skip
OTHER = AlertKind("", "other", "warning", "A condition of another kind.", "Its text says what.")


def kind_of(key: str) -> AlertKind:
    """The kind of an alert's key; `OTHER` for one that is not listed."""
    return next((k for k in KINDS if key == k.prefix or key.startswith(f"{k.prefix} ")), OTHER)
