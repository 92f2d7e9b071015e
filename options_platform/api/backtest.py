"""Backtests from Python: the run, its frames and its plots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.published.refreshing import publish_changes
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.common import KEY, Floats, Progress
from options_platform.contracts import DIRECTIONS
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.choices import make_variant
from options_platform.domain.backtest_study.scorecard import Curve, curves_of, scorecard
from options_platform.domain.backtest_study.variants import (
    Variant,
    fill_band,
    run_variants,
    scored,
)
from options_platform.domain.planning.call_ranks import call_ranks
from options_platform.domain.statistics.breakdown import monthly_returns
from options_platform.errors import UsageError, nearest
from options_platform.models.direction import PROBABILITIES, with_call
from options_platform.services.backtesting.membership import of_members, with_universes
from options_platform.services.backtesting.run import (
    BacktestData,
    load_backtest,
    run_with_baselines,
)
from options_platform.services.backtesting.trials import backtest_trials
from options_platform.services.market_data.learned_surface import with_fits
from options_platform.services.planning.plan_inputs import require_premium_features
from options_platform.settings import Settings

SettingValue: TypeAlias = str | int | float | bool | date | Sequence[str | int | float] | None
"""A value of a setting: as text, or as what the text stands for."""

OWN_CALLS = "own"
FIGURES = ("equity", "drawdown", "fills", "months")
SUM_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Figure:
    """A plot as PNG; a notebook shows it."""

    png: bytes

    def save(self, path: str | Path) -> Path:
        """Write the PNG file, and return its path."""
        file = Path(path).expanduser()
        file.write_bytes(self.png)
        return file

    def _repr_png_(self) -> bytes:
        return self.png


@dataclass(frozen=True)
class Backtest:
    """One run: the model under each fill model, and what it is compared with.

    `name` says which settings differ from the home's. `band` has the result by fill model. `scores`
    has a row for each line and fill model, with the columns of `backtest_scores` but for `run` and
    `rule_set`: the model, buying and holding each ticker, and the baselines if they were asked for.
    """

    name: str
    fill_model: str
    data: BacktestData
    band: dict[str, BacktestResult]
    lines: list[Curve]
    scores: pl.DataFrame

    @property
    def result(self) -> BacktestResult:
        """The model's frames under the configured fill model."""
        return self.band[self.fill_model]

    @property
    def score(self) -> dict[str, float | int | str | date | None]:
        """The model's row of `scores` under the configured fill model."""
        own = (pl.col("name") == "model") & (pl.col("fill_model") == self.fill_model)
        return self.scores.filter(own).row(0, named=True)

    @property
    def trades(self) -> pl.DataFrame:
        """One row a position; profits in USD after fees, prices in USD a share, debit positive."""
        return self.result.trades

    @property
    def equity(self) -> pl.DataFrame:
        """The account at the close of each session, USD."""
        return self.result.equity

    @property
    def curves(self) -> pl.DataFrame:
        """Equity of each line under the configured fill model: session, name, equity_usd."""
        sessions = self.data.market.sessions
        return pl.concat(
            [
                pl.DataFrame({"session": sessions, "name": name, "equity_usd": equity})
                for name, equity in self._curves.items()
            ]
        )

    def figure(self, name: str = "equity") -> Figure:
        """A plot: equity, drawdown, fills (equity under each fill model) or months (returns).

        Raises :class:`UsageError` for another name.
        """
        from options_platform.reporting import backtest_figures as drawn

        sessions = self.data.market.sessions
        if name == "equity":
            return Figure(drawn.equity_curves(sessions, self._curves))
        if name == "drawdown":
            return Figure(drawn.drawdowns(sessions, self._curves))
        if name == "fills":
            band = {fill: _equity(result) for fill, result in self.band.items()}
            return Figure(drawn.fill_band(sessions, band))
        if name == "months":
            return Figure(drawn.monthly_heatmap(monthly_returns(self.equity)))
        raise UsageError(f"no figure {name!r}; {nearest(name, FIGURES)}")

    @property
    def _curves(self) -> dict[str, Floats]:
        return {line.name: line.equity for line in self.lines if line.fill_model == self.fill_model}


def run_backtest(
    home: Settings,
    store: Warehouse,
    *,
    settings: Mapping[str, SettingValue],
    tickers: Sequence[str],
    start: date | None,
    end: date | None,
    calls: pl.DataFrame | None,
    baselines: bool,
    is_recorded: bool,
    progress: Progress,
) -> Backtest:
    """See :meth:`options_platform.api.home.Home.backtest`."""
    home.require_rule_sets()
    home, tickers = with_universes(home, tickers)
    unknown = [ticker for ticker in tickers if ticker not in home.tickers]
    if unknown:
        near = nearest(unknown[0], home.tickers)
        raise UsageError(f"no ticker {unknown[0]} in the settings; {near}")
    home = with_fits(home, store)
    texts = [f"{name}={written(value, between='+')}" for name, value in settings.items()]
    variant = make_variant(texts, home.plan, home.backtest_rules)
    data = load_backtest(store, tickers, start, end, ChainStore(home.chains_path), home.earnings)
    data = of_members(data, home)
    require_premium_features(store, data.market.tickers, data.first, data.last, [variant.plan])
    if calls is not None:
        data = replace(data, inputs=with_calls(data.inputs, calls))
    if baselines:
        run = run_with_baselines(
            data, variant.plan, variant.rules, progress,
            seeds=home.backtest.baseline_seeds, workers=home.workers,
        )  # fmt: skip
        band, lines, scores = run.band, run.curves, run.scores
    else:
        band, lines, scores = _alone(variant, data)
    fill_model = variant.rules.fills.model
    if is_recorded:
        trials = backtest_trials(
            [scored((variant, band[fill_model]))], data, "choice", datetime.now(UTC)
        )
        stored = Warehouse(home.warehouse_path, wait_seconds=home.warehouse_wait_seconds)
        TrialLog(home.home, stored).record_all(trials)
        publish_changes(home.home)
    return Backtest(variant.name, fill_model, data, band, lines, scores)


def with_calls(inputs: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The inputs of plans with `calls` in place of the stored predictions of the direction.

    A row without a call has no prediction. Calls are ranked among themselves, by ticker, as the
    stored ones are. Raises :class:`UsageError` for calls that lack a column, have two rows for one
    date and ticker, or are no probabilities.
    """
    missing = [name for name in (*KEY, *PROBABILITIES) if name not in calls.columns]
    if missing:
        raise UsageError(f"the calls lack the column {missing[0]}; they need {_needed()}")
    calls = calls.select(
        pl.col("date").cast(pl.Date),
        pl.col("ticker").cast(pl.String),
        *(pl.col(name).cast(pl.Float64).fill_nan(None) for name in PROBABILITIES),
    ).drop_nulls()
    total = pl.sum_horizontal(PROBABILITIES)
    wrong = calls.filter(
        ((total - 1.0).abs() > SUM_TOLERANCE)
        | pl.any_horizontal(~pl.col(name).is_between(0.0, 1.0) for name in PROBABILITIES)
    )
    if wrong.height:
        day, ticker = wrong.select(KEY).row(0)
        raise UsageError(
            f"the calls of {wrong.height} rows, first {day} {ticker}, are no probabilities: each "
            "lies between 0 and 1, and the three of a row add up to 1"
        )
    if calls.select(pl.struct(KEY).is_duplicated().any()).item():
        raise UsageError("the calls have two rows for one date and ticker; keep one")
    made = with_call(calls).with_columns(
        fold=pl.col("date").dt.strftime("%Y-%m"), variant=pl.lit(OWN_CALLS)
    )
    ranked = made.join(call_ranks(made), on=KEY, how="left", maintain_order="left")
    columns = ["direction", *PROBABILITIES, "confidence", "call_rank", "earlier_calls"]
    return (
        inputs.drop(columns)
        .join(ranked.select(*KEY, *columns), on=KEY, how="left", maintain_order="left")
        .select(inputs.columns)
        .cast(dict(inputs.schema))  # type: ignore[arg-type]
    )


def written(value: SettingValue, *, between: str) -> str:
    """A value as the settings read it from text, several of a list joined by `between`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float | date):
        return str(value)
    return between.join(str(each) for each in value) or "none"


def _alone(
    variant: Variant, data: BacktestData
) -> tuple[dict[str, BacktestResult], list[Curve], pl.DataFrame]:
    """The model under each fill model beside buying and holding, without the baselines."""
    runs = run_variants(fill_band(variant.plan, variant.rules), data.inputs, data.market)
    band = {each.rules.fills.model: result for each, result in runs}
    held = data.holdings(variant.rules.start_usd)
    lines = curves_of(band, {}, held, variant.rules.fills.model)
    return band, lines, scorecard(lines, data.market)


def _equity(result: BacktestResult) -> Floats:
    return np.asarray(result.equity["equity_usd"].to_numpy(), dtype=np.float64)


def _needed() -> str:
    return ", ".join((*KEY, *(f"p_{name}" for name in DIRECTIONS)))
