"""`research`: compares the candidates of each model and records every trial."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from options_platform.commands.common import (
    ConsoleProgress,
    print_json,
    print_table,
    ready_settings,
    say,
)
from options_platform.errors import IncompleteDataError, UsageError

YEARS_TO_LEARN = 3
LAST_OF_CHOICE = date(2020, 12, 31)
SHOWN = ("model", "rows", "loss", "naive_loss", "auc_macro", "change_sign", "new")


def research(args: argparse.Namespace) -> int:
    """Score the candidates on the years up to 2020, or the chosen one on the years after.

    Raises :class:`IncompleteDataError` without features, and :class:`UsageError` for unknown
    candidates or a second look at the years that score the choice.
    """
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.adapters.tracking.trial_log import TrialLog
    from options_platform.contracts import LABELS, TRIALS
    from options_platform.domain.features.table import FEATURES_TABLE
    from options_platform.models.selection.candidates import CANDIDATES
    from options_platform.models.selection.trials import Contest
    from options_platform.services.market_data.listing import listed_pool

    settings = ready_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    features = warehouse.read(FEATURES_TABLE, tickers=settings.tickers)
    labels = warehouse.read(LABELS, tickers=settings.tickers)
    if features.is_empty():
        raise IncompleteDataError("there are no features yet; run: options-platform backfill")
    start, end = _range(args, features)
    log, progress = TrialLog(settings.home, warehouse), ConsoleProgress()
    results: list[dict[str, Any]] = []
    for target, candidates in CANDIDATES.items():
        chosen = [c for c in candidates if not args.models or c.model.name in args.models]
        if not chosen or (args.target and args.target != target):
            continue
        if args.final and not args.again:
            names = [candidate.model.name for candidate in chosen]
            _require_one_look(warehouse.read(TRIALS), target, names)
        contest = Contest(
            target,
            features,
            labels,
            pool=listed_pool(warehouse, settings.tickers, end),
            start=start,
            end=end,
            purpose="final" if args.final else "choice",
            workers=settings.workers,
        )
        recorded = log.known()
        for trial in contest.run(
            chosen, tried_at=datetime.now(UTC), tried_ids=recorded, progress=progress
        ):
            log.record(trial)
        wanted = [contest.trial_id(candidate) for candidate in chosen]
        stored = warehouse.read(TRIALS).filter(pl.col("trial_id").is_in(wanted))
        results += [_shown(row, recorded) for row in stored.sort("loss").iter_rows(named=True)]
    if not results:
        raise UsageError(f"no candidate is called {', '.join(args.models or ())}")
    _show(args, results, start, end)
    return 0


def _require_one_look(trials: pl.DataFrame, target: str, names: Sequence[str]) -> None:
    """Refuse to score a second candidate of a target on the years that are reserved for one."""
    scored = trials.filter(target=target, purpose="final")["model"].unique().sort().to_list()
    if len({*scored, *names}) > 1:
        cause = f"{', '.join(scored)} was scored on them already" if scored else "name one variant"
        raise UsageError(
            f"{target}: the years after {LAST_OF_CHOICE.year} score one choice, once; {cause}. "
            "--again scores them once more, but the choice is then no longer blind: the report "
            "shows every look"
        )


def _range(args: argparse.Namespace, features: pl.DataFrame) -> tuple[date, date]:
    """First and last session to predict: up to 2020 to choose, from 2021 on to score once."""
    first, last = features["date"].to_list()[0], features["date"].to_list()[-1]
    if args.final:
        if not args.models:
            raise UsageError("--final scores the chosen candidate: name it with --models")
        start, end = date(LAST_OF_CHOICE.year + 1, 1, 1), last
    else:
        start = date(first.year + YEARS_TO_LEARN, 1, 1)
        end = min(last, LAST_OF_CHOICE)
    start = args.start or start
    end = args.end or end
    if not args.final and end > LAST_OF_CHOICE:
        raise UsageError(
            f"--end {end}: the years after {LAST_OF_CHOICE.year} are reserved for --final"
        )
    if start > end:
        raise UsageError(f"there is nothing to predict from {start} to {end}")
    return start, end


def _shown(row: dict[str, Any], recorded: set[str]) -> dict[str, Any]:
    import json

    scores = json.loads(row["scores"])
    return {**row, "scores": scores, **scores, "new": row["trial_id"] not in recorded}


def _show(args: argparse.Namespace, results: list[dict[str, Any]], start: date, end: date) -> None:
    if args.json:
        print_json(results)
        return
    say(f"Trials on {start} to {end}, best first; loss is log loss (direction), RMSE (iv_rank)")
    for target in dict.fromkeys(row["target"] for row in results):
        say(target)
        rows = [
            {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()}
            for row in results
            if row["target"] == target
        ]
        print_table(rows, [name for name in SHOWN if any(name in row for row in rows)])
