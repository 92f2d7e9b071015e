"""`search`: searches the shipped models' parameters with Optuna, nested in time and resumable."""

from __future__ import annotations

import argparse
from datetime import UTC, date, datetime
from typing import Any

from options_platform.commands.common import (
    ConsoleProgress,
    print_json,
    print_table,
    ready_settings,
    say,
)
from options_platform.commands.research import LAST_OF_CHOICE, YEARS_TO_LEARN
from options_platform.errors import IncompleteDataError, PlatformError, UsageError

SEED = 42
COLUMNS = ("year", "trials", "inner_loss", "loss", "naive_loss", "values")


def search(args: argparse.Namespace) -> int:
    """Search on the years before each outer year, then score that year once.

    Raises :class:`PlatformError` without Optuna and :class:`IncompleteDataError` without features.
    """
    optuna = open_optuna()
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.adapters.tracking.trial_log import TrialLog
    from options_platform.contracts import LABELS
    from options_platform.domain.features.table import FEATURES_TABLE
    from options_platform.models.selection.search import candidate_of, nests, suggested
    from options_platform.models.selection.trials import Contest
    from options_platform.services.market_data.listing import listed_pool

    settings = ready_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    features = warehouse.read(FEATURES_TABLE, tickers=settings.tickers)
    labels = warehouse.read(LABELS, tickers=settings.tickers)
    if features.is_empty():
        raise IncompleteDataError("there are no features yet; run: options-platform backfill")
    days = features["date"].to_list()
    first = args.start or date(days[0].year + YEARS_TO_LEARN, 1, 1)
    planned = list(nests(first, min(days[-1], LAST_OF_CHOICE), years=args.years))
    if not planned:
        raise UsageError(
            f"a search needs two years before the last one; the first session is {first}"
        )
    log, progress = TrialLog(settings.home, warehouse), ConsoleProgress()
    results: list[dict[str, Any]] = []
    for nest in planned:
        common: dict[str, Any] = {
            "purpose": "search", "workers": settings.workers,
        }  # fmt: skip
        pool = listed_pool(warehouse, settings.tickers, nest.inner[1])
        inner = Contest(
            args.target, features, labels, pool=pool, start=nest.inner[0], end=nest.inner[1],
            **common,
        )  # fmt: skip
        study = optuna.create_study(
            study_name=f"{args.target} {inner.start} to {inner.end} {inner.data_hash}",
            storage=f"sqlite:///{settings.home / 'search.db'}",
            load_if_exists=True,
        )

        def objective(trial: Any, inner: Contest = inner) -> float:
            scored = inner.score(suggested(args.target, trial), tried_at=datetime.now(UTC))
            log.record(scored)
            return float(scored.row["loss"].item())

        # Trials that failed or were killed are repeated.
        complete = (optuna.trial.TrialState.COMPLETE,)
        done = len(study.get_trials(deepcopy=False, states=complete))
        for trial_index in range(done + 1, args.trials + 1):
            # With a seed per trial, a resumed search draws the same as an uninterrupted one.
            study.sampler = optuna.samplers.TPESampler(seed=SEED + trial_index)
            study.optimize(objective, n_trials=1)
            progress(f"{args.target} before {nest.outer[0].year}", trial_index, args.trials)
        pool = listed_pool(warehouse, settings.tickers, nest.outer[1])
        outer = Contest(
            args.target, features, labels, pool=pool, start=nest.outer[0], end=nest.outer[1],
            **common,
        )  # fmt: skip
        best = candidate_of(args.target, study.best_params)
        scored = outer.score(best, tried_at=datetime.now(UTC))
        log.record(scored)
        results.append(
            {
                "year": nest.outer[0].year,
                "trials": len(study.get_trials(deepcopy=False, states=complete)),
                "inner_loss": f"{study.best_value:.4f}",
                "loss": f"{scored.row['loss'].item():.4f}",
                "naive_loss": f"{scored.row['naive_loss'].item():.4f}",
                "values": str({k: _rounded(v) for k, v in study.best_params.items()}),
            }
        )
    if args.json:
        print_json(results)
    else:
        say(f"{args.target}: the best parameters of the years before each year, and their score")
        print_table(results, COLUMNS)
    return 0


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


def open_optuna() -> Any:
    """The module Optuna, logging warnings only; :class:`PlatformError` if it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise PlatformError(
            "the search needs Optuna; install the extra: pip install options-platform[search]"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
