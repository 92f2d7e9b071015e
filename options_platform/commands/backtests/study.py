"""`study NAME`: hypotheses of a file, chosen on the first years and checked on the later ones."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.commands.backtests.output import record
from options_platform.commands.common import (
    ConsoleProgress,
    of_stored_source,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
)
from options_platform.contracts.rule_sets import LEFT
from options_platform.contracts.studies import CHECK, CHOICE, WHOLE
from options_platform.domain.backtest.results import HELD_NOTE
from options_platform.domain.backtest_study.rule_sets import BLOCK_SESSIONS
from options_platform.services.backtesting.study import (
    judged,
    load_data,
    plan_study,
    run_study,
    study_rows,
)
from options_platform.settings.studies import GROUPS, read_study

MORE_THAN_LUCK = 0.95
COLUMNS = ("hypothesis", "variants", "variant", "choice", "check", "held_check", "trades", "won",
           "profit_factor", "drawdown", "deflated")  # fmt: skip
GROUP_NAMES = dict(zip(GROUPS, ("The family", "Said not to pay", "Left to try"), strict=True))


def study(args: argparse.Namespace) -> int:
    """Run a study, count each of its backtests as a trial, and store the result.

    Raises :class:`SettingsError` for a file that cannot be read, and :class:`UsageError` for
    hypotheses that cannot be tried here.
    """
    settings = reading_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    copy = read_home(settings).warehouse
    settings = of_stored_source(settings, copy)
    plan = plan_study(read_study(args.name, settings.home), settings, copy)
    data = load_data(plan, settings, copy)
    runs = run_study(plan, data, args.workers or settings.workers, ConsoleProgress())
    judgement = judged(plan, runs, warehouse)
    tickers_of = {task.hypothesis: task.tickers for task in plan.tasks}
    for tickers, own in data.items():
        scores = [run.score for run in runs if tickers_of[run.hypothesis] == tickers]
        record(settings, warehouse, own, scores, purpose="study")
    first = next(iter(data.values()))
    frames = study_rows(plan, judgement, first, datetime.now(UTC))
    warehouse.replace(frames, "study", plan.study.name)
    (_, head), (_, rows) = frames
    if args.json:
        print_json({**head.row(0, named=True), "results": rows.drop("study").to_dicts()})
        return 0
    _show(head.row(0, named=True), rows)
    return 0


def _show(head: dict[str, Any], rows: pl.DataFrame) -> None:
    say(f"{head['title']}: {head['runs']} backtests, {head['first']} to {head['last']}.")
    say(f"Chosen up to {head['chosen_until']}: {head['rule']}.")
    say(head["note"])
    for group in GROUPS:
        own = rows.filter(group=group)
        if own.height:
            say(f"{GROUP_NAMES[group]}:")
            print_table([_row(part) for part in _by_hypothesis(own)], COLUMNS)
    say(f"Sharpe ratios with 95% intervals by bootstrap over blocks of {BLOCK_SESSIONS} sessions; "
        "trades, won, profit_factor and drawdown are of all sessions. held_check is the check of "
        f"the same variant. {HELD_NOTE}")  # fmt: skip
    best = rows.filter(pl.col("best") & (pl.col("policy") == LEFT) & (pl.col("span") == WHOLE))
    if best.is_empty():
        say("No variant has enough trades to be chosen.")
    else:
        name, variant, chance = best.select("hypothesis", "variant", "deflated_sharpe").row(0)
        verdict = "more than luck" if chance > MORE_THAN_LUCK else "NOT PROVEN"
        say(f"The study chooses {name} ({variant}); deflated by all {head['trials']} trials, here "
            f"and elsewhere, {chance:.2f}: {verdict}.")  # fmt: skip
    chance = head["overfitting_probability"]
    if chance is not None:
        say(f"Probability of backtest overfitting: {chance:.2f}.")
    for text in head["model_scores"]:
        say(f"Out of sample, {text}.")
    for text in head["untried"]:
        say(f"Not tried: {text}")


def _by_hypothesis(rows: pl.DataFrame) -> list[pl.DataFrame]:
    return [part for _, part in rows.group_by("hypothesis", maintain_order=True)]


def _row(part: pl.DataFrame) -> dict[str, Any]:
    """A hypothesis: its chosen variant in the choice, the check and all sessions."""
    name, count = part["hypothesis"][0], part["variant"].n_unique()
    chosen = part.filter(pl.col("chosen"))
    if chosen.is_empty():
        return {"hypothesis": name, "variants": count, "variant": "none has enough trades"}
    at = {(row["policy"], row["span"]): row for row in chosen.to_dicts()}
    whole = at[LEFT, WHOLE]
    held = next(row for (policy, span), row in at.items() if policy != LEFT and span == CHECK)
    return {
        "hypothesis": name,
        "variants": count,
        "variant": whole["variant"],
        "choice": _sharpe(at[LEFT, CHOICE]),
        "check": _sharpe(at[LEFT, CHECK]),
        "held_check": _sharpe(held),
        "trades": whole["trades"],
        "won": _percent(whole["win_rate"]),
        "profit_factor": whole["profit_factor"],
        "drawdown": _percent(whole["max_drawdown"]),
        "deflated": whole["deflated_sharpe"],
    }


def _sharpe(row: dict[str, Any]) -> str:
    value, low, high = row["sharpe"], row["sharpe_low"], row["sharpe_high"]
    if value is None:
        return "-"
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f}%"
