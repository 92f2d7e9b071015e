"""The months of the earnings model: each is trained once, stored, and read from then on."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.metadata import version

import polars as pl

from options_platform.common import Progress
from options_platform.models.base import from_json, to_json
from options_platform.models.earnings_moves.folds import (
    FEWEST_EVENTS,
    LEVEL,
    QUANTILES,
    Memo,
    MoveFold,
    digest_of,
    make_fold,
)
from options_platform.models.earnings_moves.gamma import INPUTS, NAME, PENALTY
from options_platform.models.fold_records import DataRange, FoldRecord
from options_platform.models.training import FoldStore, fitting_digest

FILE = "move.json"
PARAMETERS = {
    "inputs": list(INPUTS),
    "penalty": PENALTY,
    "fewest_events": FEWEST_EVENTS,
    "level": LEVEL,
    "quantiles": QUANTILES,
}


@dataclass(frozen=True)
class MonthModel:
    """The fold of a month, and the id of the stored model; None with too few reports to fit."""

    fold: MoveFold
    model_id: str | None


def month_models(
    events: Mapping[str, pl.DataFrame], store: FoldStore, progress: Progress | None = None
) -> dict[str, MonthModel]:
    """The model of each month (YYYY-MM), of the reports that it knew.

    `events` are those of :func:`~options_platform.models.earnings_moves.folds.known_before`.
    Months with fewer than 80 reports are computed anew each time, which takes a millisecond.
    """
    memo: Memo = {}
    fitted = {
        month: rows
        for month, rows in events.items()
        if rows.drop_nulls([*INPUTS, "size"]).height >= FEWEST_EVENTS
    }
    records = {month: _record(month, rows) for month, rows in fitted.items()}
    stored = store.load(NAME, {month: each.input_hash for month, each in records.items()})
    missing = [month for month in fitted if month not in stored]
    made = {
        month: MonthModel(make_fold(rows, memo), None)
        for month, rows in events.items()
        if month not in fitted
    }
    for month, artifacts in stored.items():
        fold = MoveFold.from_json(from_json(artifacts[FILE]))
        made[month] = MonthModel(fold, records[month].model_id)
    if missing:
        made |= _trained(missing, fitted, records, store, memo, progress)
    return made


def _trained(
    missing: list[str],
    events: Mapping[str, pl.DataFrame],
    records: Mapping[str, FoldRecord],
    store: FoldStore,
    memo: Memo,
    progress: Progress | None,
) -> dict[str, MonthModel]:
    made = {}
    with store.training(NAME):
        # Another run may have trained them while this one waited.
        again = store.load(NAME, {month: records[month].input_hash for month in missing})
        for done, month in enumerate(missing, start=1):
            if month in again:
                fold = MoveFold.from_json(from_json(again[month][FILE]))
            else:
                began = time.perf_counter()
                fold = make_fold(events[month], memo)
                seconds = time.perf_counter() - began
                record = FoldRecord(**{**vars(records[month]), "trained_seconds": seconds})
                store.save(record, {FILE: to_json(fold.as_json())})
            made[month] = MonthModel(fold, records[month].model_id)
            if progress is not None:
                progress("earnings moves: months trained", done, len(missing))
    return made


def _record(month: str, events: pl.DataFrame) -> FoldRecord:
    digest = digest_of(events)
    whole = hashlib.sha256(to_json(PARAMETERS) + _libraries() + fitting_digest())
    whole.update(digest.encode())
    days: list[date] = events["known_on"].to_list()
    return FoldRecord(
        model=NAME,
        fold=month,
        input_hash=whole.hexdigest()[:32],
        data=DataRange(
            digest=digest[:16],
            tickers=tuple(events["ticker"].unique().sort()),
            first=days[0],
            last=days[-1],
            rows=events.height,
            inputs=INPUTS,
        ),
        train_rows=events.height,
        train_start=days[0],
        train_end=days[-1],
        purged_sessions=0,
        trained_seconds=0.0,
        parameters=PARAMETERS,
    )


@cache
def _libraries() -> bytes:
    return repr([(name, version(name)) for name in ("scikit-learn", "numpy", "scipy")]).encode()
