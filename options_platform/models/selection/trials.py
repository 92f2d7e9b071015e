"""Trials: every variant that was ever scored, with its loss in each fold.

The number of variants tried determines how good the best one may look by luck, so all are recorded.
The deflated Sharpe ratio, the probability of backtest overfitting and the tests between models are
computed from the losses by fold (log loss of the direction, squared error of the IV rank) and the
corresponding naive losses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import polars as pl

from options_platform.common import KEY, Progress
from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.errors import IncompleteDataError
from options_platform.models.base import MIN_SESSIONS, to_json
from options_platform.models.baselines import PriorDirection, naive_ranks
from options_platform.models.dataset import Dataset, make_dataset
from options_platform.models.direction import PROBABILITIES
from options_platform.models.direction import prediction_rows as direction_rows
from options_platform.models.evaluation.direction import (
    classes,
    direction_scores,
    joined,
    probabilities,
)
from options_platform.models.evaluation.scores import ALL, Slice
from options_platform.models.evaluation.volatility import rank_scores
from options_platform.models.memory_store import MemoryStore
from options_platform.models.selection.candidates import Candidate
from options_platform.models.selection.family_inputs import with_families
from options_platform.models.stock_rows import FUNDS_ONLY, StockRows
from options_platform.models.training import dataset_hash, fitting_digest, walk_forward
from options_platform.models.volatility import prediction_rows as rank_rows

LOSS = {"direction": "log_loss", "iv_rank": "rmse"}
"""Metric by which the candidates of a target are ranked; lower is better."""


@dataclass(frozen=True)
class Trial:
    """One row of `trials` and its rows of `trial_folds`."""

    row: pl.DataFrame
    folds: pl.DataFrame

    @property
    def scores(self) -> dict[str, float]:
        """The scores by name."""
        by_name: dict[str, float] = json.loads(self.row["scores"].item())
        return by_name


class Contest:
    """A comparison of candidates of one target, all scored on the same rows."""

    def __init__(
        self,
        target: str,
        features: pl.DataFrame,
        labels: pl.DataFrame,
        *,
        pool: Sequence[str],
        start: date,
        end: date,
        purpose: str,
        workers: int = 1,
        families: Mapping[str, pl.DataFrame] | None = None,
        stocks: StockRows = FUNDS_ONLY,
    ) -> None:
        """Use the rows of the pool up to the last session on or before `end`.

        `families` has by name the rows of the families that candidates ask for, `stocks` what all
        candidates know of companies.

        Labels that become known later are ignored. Raises like
        :func:`~options_platform.models.dataset.make_dataset`.
        """
        sessions = features.filter(pl.col("date") <= end)["date"]
        end = end if sessions.is_empty() else max(sessions)
        self.target, self.pool, self.start, self.end = target, tuple(pool), start, end
        self.purpose, self.workers = purpose, workers
        self._features = features.filter(pl.col("date") <= end)
        self._labels = labels.filter(pl.col("known_on") <= end)
        every = labels.filter(pl.col("date") <= end)
        self._data: dict[tuple[str, ...], Dataset] = {
            tickers: make_dataset(
                self._features.filter(pl.col("ticker").is_in(tickers)),
                every.filter(pl.col("ticker").is_in(tickers)),
                pool=tickers,
                end=end,
                stocks=stocks,
            )
            for tickers in (self.pool, *((ticker,) for ticker in self.pool))
        }
        self._families = dict(families or {})
        self.data_hash = dataset_hash(self._data[self.pool])
        self._naive = self._naive_rows()

    def trial_id(self, candidate: Candidate) -> str:
        """Id of a candidate's trial: the same variant, code, data and months give the same id."""
        spec = {
            "target": self.target,
            "model": candidate.model.name,
            "parameters": candidate.model.parameters,
            "code": fitting_digest().hex(),
            "pooled": candidate.pooled,
            "pool": self.pool,
            "data": self.data_hash,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
        }
        if candidate.families:
            hashed = dataset_hash(self._dataset(self.pool, candidate))
            spec |= {"families": list(candidate.families), "data": hashed}
        return hashlib.sha256(to_json(spec)).hexdigest()[:16]

    def _dataset(self, tickers: tuple[str, ...], candidate: Candidate) -> Dataset:
        """The rows of the tickers, with the inputs of the candidate's families."""
        rows = {family: self._families[family] for family in candidate.families}
        return with_families(self._data[tickers], rows) if rows else self._data[tickers]

    def run(
        self,
        candidates: Sequence[Candidate],
        *,
        tried_at: datetime,
        tried_ids: Collection[str] = (),
        progress: Progress | None = None,
    ) -> Iterator[Trial]:
        """Score each candidate; candidates with a trial id in `tried_ids` are skipped."""
        waiting = [each for each in candidates if self.trial_id(each) not in tried_ids]
        for number, candidate in enumerate(waiting, start=1):
            yield self.score(candidate, tried_at=tried_at)
            if progress is not None:
                progress(f"{self.target}: {candidate.model.name}", number, len(waiting))

    def score(self, candidate: Candidate, *, tried_at: datetime) -> Trial:
        """Run the walk-forward of one candidate and score it.

        Raises :class:`IncompleteDataError` if no session has both a prediction and an outcome.
        """
        predictions = self.predict(candidate)
        scored_rows = self._with_outcome(predictions)
        if scored_rows.is_empty():
            raise IncompleteDataError(
                f"{candidate.model.name} predicts no session from {self.start} to {self.end} whose "
                f"outcome is known: a model needs {MIN_SESSIONS} sessions of complete inputs "
                "before; take a later --end, or backfill from an earlier start"
            )
        scores = self._scores(scored_rows, candidate.model.name)
        trial_id = self.trial_id(candidate)
        folds = self._losses(scored_rows).with_columns(trial_id=pl.lit(trial_id))
        main = scores[LOSS[self.target]]
        row = pl.DataFrame(
            {
                "trial_id": trial_id,
                "target": self.target,
                "model": candidate.model.name,
                "purpose": self.purpose,
                "parameters": json.dumps(
                    {**candidate.model.parameters, "pooled": candidate.pooled}, sort_keys=True
                ),
                "data_hash": self.data_hash,
                "first": self.start,
                "last": self.end,
                "rows": scored_rows.height,
                "loss": main,
                "naive_loss": scores[f"{LOSS[self.target]} baseline"],
                "scores": json.dumps(scores, sort_keys=True),
                "tried_at": tried_at,
            }
        )
        return Trial(
            row.cast(dict(TRIALS.schema)).select(TRIALS.schema.names()),  # type: ignore[arg-type]
            folds.cast(dict(TRIAL_FOLDS.schema)).select(TRIAL_FOLDS.schema.names()),  # type: ignore[arg-type]
        )

    def predict(self, candidate: Candidate) -> pl.DataFrame:
        """The candidate's rows of `model_predictions`."""
        groups = [self.pool] if candidate.pooled else [(ticker,) for ticker in self.pool]
        rows = direction_rows if self.target == "direction" else rank_rows
        parts = []
        for tickers in groups:
            data = self._dataset(tickers, candidate)
            walk = walk_forward(
                candidate.model,
                data,
                start=self.start,
                end=self.end,
                store=MemoryStore(),
                workers=self.workers,
            )
            parts.append(rows(walk, data, candidate.model.name))
        return pl.concat(parts).sort(KEY)

    def _naive_rows(self) -> pl.DataFrame:
        """Rows with outcome and naive forecast, on which every candidate is scored."""
        if self.target == "direction":
            prior = self.predict(Candidate(PriorDirection()))
            labelled = joined(prior, self._labels)
            return labelled.select(
                *KEY, "target_value", *(pl.col(p).alias(f"{p}_prior") for p in PROBABILITIES)
            )
        ranks = naive_ranks(self._features).filter(pl.col("date") >= self.start)
        outcome = self._labels.select(*KEY, target_value="fwd_iv_rank_5d")
        return (
            ranks.join(outcome, on=KEY).rename({"persistence": "today"}).drop_nulls("target_value")
        )

    def _with_outcome(self, predictions: pl.DataFrame) -> pl.DataFrame:
        value = "p_neutral" if self.target == "direction" else "iv_rank_pred"
        predicted = predictions.filter(pl.col(value).is_not_null())
        return predicted.join(self._naive, on=KEY, how="inner").sort(KEY)

    def _scores(self, scored_rows: pl.DataFrame, model: str) -> dict[str, float]:
        scores: dict[str, float] = {}
        for ticker in (ALL, *self.pool):
            part = scored_rows if ticker == ALL else scored_rows.filter(pl.col("ticker") == ticker)
            of = Slice(model, ticker, "all")
            rows = (
                direction_scores(part, of, with_interval=ticker == ALL)
                if self.target == "direction"
                else rank_scores(part, of)
            )
            prefix = "" if ticker == ALL else f"{ticker} "
            for row in rows:
                name = f"{prefix}{row['metric']}"
                with_baseline = {name: row["value"], f"{name} baseline": row["baseline"]}
                if ticker == ALL:
                    with_baseline |= {f"{name} low": row["low"], f"{name} high": row["high"]}
                scores |= {k: float(v) for k, v in with_baseline.items() if _finite(v)}  # type: ignore[arg-type]
        return scores

    def _losses(self, scored_rows: pl.DataFrame) -> pl.DataFrame:
        """Mean loss and naive loss of each fold."""
        if self.target == "direction":
            target = classes(scored_rows)
            prior = scored_rows.select([f"{p}_prior" for p in PROBABILITIES]).to_numpy()
            loss = metrics.log_losses(probabilities(scored_rows), target)
            naive = metrics.log_losses(prior, target)
        else:
            actual = scored_rows["target_value"].to_numpy()
            loss = (scored_rows["iv_rank_pred"].to_numpy() - actual) ** 2
            naive = (scored_rows["today"].to_numpy() - actual) ** 2
        return (
            scored_rows.select("fold")
            .with_columns(loss=pl.Series(loss), naive_loss=pl.Series(naive))
            .group_by("fold", maintain_order=True)
            .agg(pl.len().alias("rows"), pl.col("loss").mean(), pl.col("naive_loss").mean())
        )


def _finite(value: object) -> bool:
    return isinstance(value, float) and bool(np.isfinite(value))
