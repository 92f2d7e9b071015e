"""`record`: the result of paper trading, its slippage, its drift from the backtest, and the forward
record of every rule set."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
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
)
from options_platform.commands.forward import forward_json, show_forward, verify
from options_platform.commands.tracking import show_tracking, tracking_json
from options_platform.domain.accounting.trading_record import (
    DIFFERS,
    ONLY_BACKTEST,
    ONLY_PAPER,
    OPEN,
    SAME,
    TOO_FEW,
    Record,
)
from options_platform.domain.forward.verification import Chain
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.formats import count, metric, usd
from options_platform.services.accounting.tracking import tracking
from options_platform.services.accounting.trading_record import paper_record
from options_platform.services.backtesting.outlook import outlook_or_problem, until_text
from options_platform.services.forward.recording import forward_record
from options_platform.services.trading.replay import plans_anew, side_by_side
from options_platform.settings import Settings

TARGETS = ("metric", "value", "low", "high", "target", "state")
DRIFT = ("plan_id", "ticker", "state", "entry_difference", "exit_difference",
         "pnl_difference_usd", "exit_reason", "exit_reason_backtest")  # fmt: skip
SHOWN = 12


def record(args: argparse.Namespace) -> int:
    """Print the record; with --csv also write the trade journal, with --verify check the chain.

    Raises :class:`IncompleteDataError` before the first traded session and the first forward plan,
    and :class:`ForwardRecordError` if a link of the forward record was altered.
    """
    settings = reading_settings()
    if args.verify or args.head is not None or args.at is not None:
        return verify(settings, args)
    copy = read_home(settings)
    warehouse, ledger = copy.warehouse, copy.replay if args.replay else copy.ledger
    settings = of_stored_source(settings, warehouse)
    chain = Chain(()) if args.replay else forward_record(settings).read()
    paper = (
        _replayed(settings, warehouse, ledger)
        if args.replay
        else paper_record(settings, warehouse, ledger)
    )
    if paper is None and not chain.links and chain.fault is None:
        raise IncompleteDataError("no session was traded yet; run: options-platform daily")
    if paper is not None and args.csv:
        write_journal(paper, Path(args.csv))
    beside = (
        None if paper is None or args.replay else tracking(settings, warehouse, copy.ledger, paper)
    )
    if args.json:
        forward = forward_json(settings, warehouse, chain, datetime.now(UTC))
        found = {**_paper_json(paper), "tracking": tracking_json(beside), "forward": forward}
        print_json(found)
        return 0 if chain.fault is None else 1
    if paper is None:
        say("No session was traded yet.")
    else:
        _show(paper)
        if TOO_FEW in paper.targets["state"]:
            _say_until(settings, warehouse, ledger)
        if args.csv:
            say(f"Journal of {count(paper.journal.height, 'trade')}: {args.csv}")
    if not args.replay:
        if paper is not None:
            say()
            show_tracking(beside)
        say()
        show_forward(settings, warehouse, chain)
    return 0


def _replayed(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> Record | None:
    """The record of the replay, beside a backtest of the plans that it has traded."""
    last = ledger.last_marked() if ledger.exists else None
    if last is None:
        return None
    trading = side_by_side(settings)
    first = ledger.table("marks")["session"].min()
    made = plans_anew(trading, warehouse, first, last)  # type: ignore[arg-type]
    return paper_record(trading, warehouse, ledger, made)


def _paper_json(paper: Record | None) -> dict[str, Any]:
    """The record of paper trading for programs; empty parts before the first traded session."""
    if paper is None:
        return {"targets": [], "journal": [], "by_set": [], "drift": [], "later": 0}
    return {
        "targets": paper.targets.to_dicts(),
        "journal": paper.journal.to_dicts(),
        "by_set": paper.by_set.to_dicts(),
        "drift": paper.drift.to_dicts(),
        "later": paper.later,
    }


def _say_until(settings: Settings, warehouse: Warehouse, ledger: Ledger) -> None:
    """Say when enough trades will have closed, if there are predictions to tell it by."""
    outlook = outlook_or_problem(settings, warehouse, ledger)
    say(outlook if isinstance(outlook, str) else until_text(outlook))


def write_journal(record: Record, path: Path) -> None:
    """Write the journal with its drift as CSV, completely or not at all.

    Raises :class:`UsageError` if the file cannot be written.
    """
    drift = record.drift.select("plan_id", "ticker", drift="state", drift_usd="pnl_difference_usd")
    rows = record.journal.join(drift, on=["plan_id", "ticker"], how="left", maintain_order="left")
    new = path.with_name(f"{path.name}.new")
    try:
        new.write_text(rows.write_csv(), encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise UsageError(
            f"the journal cannot be written to {path} ({error.strerror}); give another file"
        ) from error


def _show(record: Record) -> None:
    print_table([_target(row) for row in record.targets.to_dicts()], TARGETS)
    if OPEN in record.targets["state"]:
        say("open: the target is inside the 95% interval; more trades are needed to decide it.")
    if record.journal.is_empty():
        say("No position was opened yet.")
        return
    closed = record.closed
    say(
        f"{count(closed.height, 'trade')} ended with {_sum(closed, 'pnl_usd')}, fees deducted; "
        f"{count(record.journal.height - closed.height, 'trade')} still open."
    )
    say(
        f"Slippage: entries cost {_sum(record.journal, 'slippage_usd')} against their plans, all "
        f"fills {_sum(record.journal, 'against_model_usd')} against the backtest's fill model."
    )
    by_set = record.by_set
    if by_set.height > 1:
        say("By rule set; open trades at their marks:")
        print_table(by_set.to_dicts(), tuple(by_set.columns))
    by_state = dict(record.drift.group_by("state").len().iter_rows())
    states = ", ".join(
        f"{by_state.get(state, 0)} {state}" for state in (SAME, DIFFERS, ONLY_PAPER, ONLY_BACKTEST)
    )
    say(f"Against the backtest of the same sessions: {states}.")
    if record.later:
        say(
            f"{count(record.later, 'trade')} more, with fills after the newest marked session: "
            "compared once the daily run has marked those sessions."
        )
    drifted = record.drift.filter(pl.col("state") != SAME)
    if drifted.height:
        print_table(drifted.head(SHOWN).to_dicts(), DRIFT)


def _target(row: dict[str, Any]) -> dict[str, Any]:
    """A score with its interval and target, each written as the score is."""
    shown = {name: metric(row["metric"], row[name]) for name in ("value", "low", "high", "target")}
    return {**row, **shown}


def _sum(rows: pl.DataFrame, column: str) -> str:
    return usd(float(rows[column].sum()))
