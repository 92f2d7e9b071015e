"""What a store records about a fitted fold besides its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class DataRange:
    """The rows of a walk-forward: those of `tickers` from `first` to `last`, inclusive.

    `digest` is a hash of all rows, inputs and targets
    (:func:`~options_platform.models.training.dataset_hash`), as in trials. `inputs` are the names
    of the columns that models may use.
    """

    digest: str
    tickers: tuple[str, ...]
    first: date
    last: date
    rows: int
    inputs: tuple[str, ...]


@dataclass(frozen=True)
class FoldRecord:
    """What the store records about a fold besides its files.

    `input_hash` covers everything that determines the fit: training rows, parameters, fitting code
    and libraries. `train_start` and `train_end` are the first and the newest session in training;
    `purged_sessions` those between the newest and the fold's month, whose labels were not known.
    `trained_seconds` is wall time.
    """

    model: str
    fold: str
    input_hash: str
    data: DataRange
    train_rows: int
    train_start: date
    train_end: date
    purged_sessions: int
    trained_seconds: float
    parameters: Mapping[str, object]

    @property
    def model_id(self) -> str:
        """Id of the fold's model; the same data and code give the same id."""
        return f"{self.model}-{self.fold}-{self.input_hash[:12]}"
