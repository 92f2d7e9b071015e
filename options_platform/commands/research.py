"""`research`: compares the candidates of each model and records every trial."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from itertools import chain
from math import isnan
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.commands.common import (
    ConsoleProgress,
    print_json,
    print_table,
    read_home,
    reading_settings,
    say,
    warn,
)
from options_platform.domain.backtest_study.confident_trades import LAST_OF_CHOICE
from options_platform.errors import IncompleteDataError, PlatformError, UsageError

if TYPE_CHECKING:
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.models.selection.candidates import Candidate
    from options_platform.models.study.confidence import LevelScore
    from options_platform.settings import Settings

YEARS_TO_LEARN = 3
SHOWN = ("model", "rows", "loss", "naive_loss", "auc_macro", "change_sign", "new")
LEVEL_COLUMNS = ("level", "rated", "calls", "mean_p", "hit_rate", "gap", "advantage")


def research(args: argparse.Namespace) -> int:
    """Score the candidates on the years up to 2020, or the chosen one on the years after.

    With `--confidence` the candidates are levels at which a call counts as confident.

    Raises :class:`IncompleteDataError` without features, and :class:`UsageError` for unknown
    candidates or a second look at the years that score the choice.
    """
    from options_platform.adapters.storage.warehouse import Warehouse
    from options_platform.adapters.tracking.trial_log import TrialLog
    from options_platform.contracts import LABELS, TRIALS
    from options_platform.domain.features.table import FAMILY_TABLES, FEATURES_TABLE
    from options_platform.models.selection.candidates import CANDIDATES
    from options_platform.models.selection.trials import Contest
    from options_platform.services.market_data.family_inputs import stock_rows
    from options_platform.services.market_data.listing import listed_pool

    settings = reading_settings()
    warehouse = Warehouse(settings.warehouse_path, wait_seconds=settings.warehouse_wait_seconds)
    copy = read_home(settings).warehouse
    features = copy.read(FEATURES_TABLE, tickers=settings.tickers)
    labels = copy.read(LABELS, tickers=settings.tickers)
    if features.is_empty():
        raise IncompleteDataError("there are no features yet; run: options-platform backfill")
    start, end = _range(args, features)
    if args.confidence:
        return _confidence(args, settings, warehouse, start, end)
    families = {
        table.name.removesuffix("_features"): rows
        for table in FAMILY_TABLES
        if (rows := copy.read(table, tickers=settings.tickers)).height
    }
    log, progress = TrialLog(settings.home, warehouse), ConsoleProgress()
    results: list[dict[str, Any]] = []
    for target, candidates in CANDIDATES.items():
        wanted = [c for c in candidates if not args.models or c.model.name in args.models]
        if not wanted or (args.target and args.target != target):
            continue
        wanted = [c for c in wanted if set(c.families) <= families.keys()]
        chosen = _installed(target, wanted)
        if not chosen:
            continue
        if args.final and not args.again:
            names = [candidate.model.name for candidate in chosen]
            _require_one_look(warehouse.read(TRIALS), target, names)
        contest = Contest(
            target,
            features,
            labels,
            pool=listed_pool(copy, settings.tickers, end),
            start=start,
            end=end,
            purpose="final" if args.final else "choice",
            workers=settings.workers,
            families=families,
            stocks=stock_rows(copy, settings, target, end),
        )
        recorded = log.known()
        for trial in contest.run(
            chosen, tried_at=datetime.now(UTC), tried_ids=recorded, progress=progress
        ):
            log.record(trial)
        trial_ids = [contest.trial_id(candidate) for candidate in chosen]
        stored = warehouse.read(TRIALS).filter(pl.col("trial_id").is_in(trial_ids))
        results += [_shown(row, recorded) for row in stored.sort("loss").iter_rows(named=True)]
    if not results:
        _refuse_empty(args.models or (), [*chain.from_iterable(CANDIDATES.values())])
    _show(args, results, start, end)
    return 0


def _confidence(
    args: argparse.Namespace, settings: Settings, warehouse: Warehouse, start: date, end: date
) -> int:
    """Score the levels of confidence on the stored calls of the neutral regime."""
    from options_platform.adapters.tracking.trial_log import TrialLog
    from options_platform.contracts import LABELS, REGIME, TRIALS
    from options_platform.models.study.confidence import (
        LEVELS,
        TARGET,
        ConfidenceStudy,
        choose_level,
        confidence_trial,
    )
    from options_platform.services.planning.ranked_calls import stored_calls

    chosen = [level for level in LEVELS if not args.models or level.name in args.models]
    if not chosen:
        raise UsageError(f"no level is called {', '.join(args.models)}; see: research --confidence")
    if args.final and not args.again:
        names = [level.name for level in chosen]
        _require_one_look(warehouse.read(TRIALS), TARGET, names)
    copy = read_home(settings).warehouse
    study = ConfidenceStudy(
        stored_calls(copy, settings.tickers, end),
        copy.read(REGIME, tickers=settings.tickers, end=end),
        copy.read(LABELS, tickers=settings.tickers, end=end),
        start=start,
        end=end,
        rules=settings.plan.selection,
    )
    scores = [study.score(level) for level in chosen]
    if not any(score.rated for score in scores):
        raise IncompleteDataError(
            f"no directional call of the neutral regime from {start} to {end} has "
            f"{study.fewest} earlier ones and a known outcome; run: options-platform backfill"
        )
    purpose, now = "final" if args.final else "choice", datetime.now(UTC)
    trials = [confidence_trial(study, score, purpose=purpose, tried_at=now) for score in scores]
    TrialLog(settings.home, warehouse).record_all(trials)
    best = choose_level(scores).name if len(scores) == len(LEVELS) else None
    if args.json:
        print_json({"levels": [_level_row(score) for score in scores], "chosen": best})
        return 0
    say(f"Calls of the neutral regime, {start} to {end}. gap: mean probability less hit rate; "
        "advantage: hit rate of the confident calls less that of the others; both with 95% "
        "intervals.")  # fmt: skip
    print_table([_shown_level(_level_row(score)) for score in scores], LEVEL_COLUMNS)
    if best is not None:
        say(f"By the rule of choice: {best}.")
    return 0


def _level_row(score: LevelScore) -> dict[str, Any]:
    row = {
        "level": score.level.name, "rated": score.rated, "calls": score.calls,
        "mean_p": score.mean_p, "hit_rate": score.hit_rate, "gap_of_all": score.gap_of_all,
    }  # fmt: skip
    for name, interval in (("gap", score.gap), ("advantage", score.advantage)):
        row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return {
        name: None if isinstance(value, float) and isnan(value) else value
        for name, value in row.items()
    }


def _shown_level(row: dict[str, Any]) -> dict[str, Any]:
    def shown(name: str) -> str:
        return "-" if row[name] is None else f"{row[name]:.3f}"

    return {
        **row,
        "mean_p": shown("mean_p"),
        "hit_rate": shown("hit_rate"),
        **{
            name: f"{shown(name)} [{shown(f'{name}_low')}, {shown(f'{name}_high')}]"
            for name in ("gap", "advantage")
        },
    }


def _installed(target: str, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates whose packages are installed; the others are named on standard error."""
    absent = [candidate for candidate in candidates if candidate.missing]
    if absent:
        names = ", ".join(candidate.model.name for candidate in absent)
        packages = ", ".join(sorted({name for each in absent for name in each.missing}))
        warn(
            f"{target}: not compared, because {packages} are not installed: {names}; install the "
            "extra: pip install 'options-platform[lstm]'"
        )
    return [candidate for candidate in candidates if not candidate.missing]


def _refuse_empty(names: Sequence[str], candidates: Sequence[Candidate]) -> None:
    """Say why nothing was compared: packages are not installed, or no candidate has that name."""
    if any(each.missing for each in candidates if each.model.name in names):
        raise PlatformError(f"nothing to compare: {', '.join(names)} cannot be trained here")
    raise UsageError(f"no candidate is called {', '.join(names)}")


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
