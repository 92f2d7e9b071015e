"""`search`: searches the shipped models' parameters with Optuna, nested in time and resumable."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.commands.common import (
    ConsoleProgress,
    open_optuna,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
)
from options_platform.commands.research import YEARS_TO_LEARN
from options_platform.contracts import LABELS
from options_platform.domain.backtest_study.confident_trades import LAST_OF_CHOICE
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.models.selection.search import Nest, candidate_of, nests, suggested
from options_platform.models.selection.trials import Contest
from options_platform.services.market_data.family_inputs import stock_rows
from options_platform.services.market_data.listing import listed_pool
from options_platform.settings import Settings

SEED = 42
COLUMNS = ("year", "trials", "inner_loss", "loss", "naive_loss", "values")


def search(args: argparse.Namespace) -> int:
    """Search on the years before each outer year, then score that year once.

    Raises :class:`PlatformError` without Optuna, :class:`IncompleteDataError` without features and
    :class:`UsageError` if the history is too short.
    """
    optuna = open_optuna()
    settings = reading_settings()
    copy = read_home(settings).warehouse
    features = copy.read(FEATURES_TABLE, tickers=settings.tickers)
    labels = copy.read(LABELS, tickers=settings.tickers)
    if features.is_empty():
        raise IncompleteDataError("there are no features yet; run: options-platform backfill")
    planned_nests = _planned_nests(features["date"].to_list(), args.start, args.years)
    stored = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    nested = NestedSearch(
        optuna=optuna, target=args.target, trials=args.trials, settings=settings,
        warehouse=copy, features=features, labels=labels,
        log=TrialLog(settings.home, stored), progress=ConsoleProgress(),
    )  # fmt: skip
    results = [nested.run(nest) for nest in planned_nests]
    if args.json:
        print_json(results)
    else:
        say(f"{args.target}: the best parameters of the years before each year, and their score")
        print_table(results, COLUMNS)
    return 0


def _planned_nests(days: list[date], start: date | None, years: int) -> list[Nest]:
    """The nests of the newest `years`, from `start` or after the years that a model learns from."""
    first = start or date(days[0].year + YEARS_TO_LEARN, 1, 1)
    planned = list(nests(first, min(days[-1], LAST_OF_CHOICE), years=years))
    if not planned:
        raise UsageError(
            f"a search needs two years before the last one; the first session is {first}"
        )
    return planned


@dataclass(frozen=True)
class NestedSearch:
    """A search of one target's parameters: `trials` in each inner range, one score in its outer.

    `features` and `labels` are all rows of the tickers; every trial is recorded in `log`.
    """

    optuna: Any
    target: str
    trials: int
    settings: Settings
    warehouse: Warehouse
    features: pl.DataFrame
    labels: pl.DataFrame
    log: TrialLog
    progress: ConsoleProgress

    def run(self, nest: Nest) -> dict[str, Any]:
        """Search the inner range and score its best candidate: one row of the printed table."""
        study = self._searched_study(nest)
        outer = self._contest(*nest.outer)
        best = candidate_of(self.target, study.best_params)
        scored = outer.score(best, tried_at=datetime.now(UTC))
        self.log.record(scored)
        return {
            "year": nest.outer[0].year,
            "trials": self._trials_done(study),
            "inner_loss": f"{study.best_value:.4f}",
            "loss": f"{scored.row['loss'].item():.4f}",
            "naive_loss": f"{scored.row['naive_loss'].item():.4f}",
            "values": str({k: _rounded(v) for k, v in study.best_params.items()}),
        }

    def _searched_study(self, nest: Nest) -> Any:
        """The stored study of the inner range, continued until all its trials are done."""
        inner = self._contest(*nest.inner)
        study = self.optuna.create_study(
            study_name=f"{self.target} {inner.start} to {inner.end} {inner.data_hash}",
            storage=f"sqlite:///{self.settings.home / 'search.db'}",
            load_if_exists=True,
        )

        def objective(trial: Any) -> float:
            scored = inner.score(suggested(self.target, trial), tried_at=datetime.now(UTC))
            self.log.record(scored)
            return float(scored.row["loss"].item())

        for trial_index in range(self._trials_done(study) + 1, self.trials + 1):
            # With a seed per trial, a resumed search draws the same as an uninterrupted one.
            study.sampler = self.optuna.samplers.TPESampler(seed=SEED + trial_index)
            study.optimize(objective, n_trials=1)
            self.progress(f"{self.target} before {nest.outer[0].year}", trial_index, self.trials)
        return study

    def _trials_done(self, study: Any) -> int:
        # Trials that failed or were killed are repeated.
        complete = (self.optuna.trial.TrialState.COMPLETE,)
        return len(study.get_trials(deepcopy=False, states=complete))

    def _contest(self, start: date, end: date) -> Contest:
        return Contest(
            self.target,
            self.features,
            self.labels,
            pool=listed_pool(self.warehouse, self.settings.tickers, end),
            start=start,
            end=end,
            purpose="search",
            workers=self.settings.workers,
            stocks=stock_rows(self.warehouse, self.settings, self.target, end),
        )


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
