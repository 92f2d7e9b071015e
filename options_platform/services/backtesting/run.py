"""Backtests from the warehouse: loading, one run with its baselines, grids in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from multiprocessing import get_context

import polars as pl

from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY, Floats, Progress
from options_platform.contracts import DIRECTION_MODEL, RAW_OHLCV, SURFACE_ERROR, VIX
from options_platform.domain.backtest import BacktestMarket, BacktestRules, make_market
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.baseline_registry import BaselineComparison
from options_platform.domain.backtest_study.baselines import buy_and_hold
from options_platform.domain.backtest_study.draws import draw_bands
from options_platform.domain.backtest_study.error_band import own_errors
from options_platform.domain.backtest_study.price_risk import (
    SCENARIO_NAMES,
    measured_rows,
    scenario_runs,
)
from options_platform.domain.backtest_study.refusal_prices import Refusals, price_refusals
from options_platform.domain.backtest_study.scorecard import Curve, curves_of, scorecard
from options_platform.domain.backtest_study.variants import (
    Variant,
    VariantScore,
    fill_band,
    run_variants,
    score_variants,
)
from options_platform.domain.backtest_study.vix_example import example_runs
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.errors import IncompleteDataError, UsageError
from options_platform.services.backtesting.baseline_runs import baseline_tasks, run_baselines
from options_platform.services.backtesting.real_chains import StoredQuotes
from options_platform.services.market_data.stock_betas import stored_betas
from options_platform.services.market_data.yields_and_tenors import (
    stored_dividends,
    stored_odd_splits,
    stored_tenors,
    stored_yields,
)
from options_platform.services.planning.known_reports import known_reports
from options_platform.services.planning.plan_inputs import plan_inputs


@dataclass(frozen=True)
class BacktestData:
    """The data of a backtest of stored predictions.

    `inputs` are the plan's inputs, one row per bar; `iv_symbols` has the volatility index of each
    ticker as stored, `measured` the stored errors of the surface (rows of `surface_error`),
    `hindsight` the stocks of which nothing says when they were chosen, and `members_since` the
    first day of those that were no members before.
    """

    inputs: pl.DataFrame
    market: BacktestMarket
    iv_symbols: dict[str, str] = field(default_factory=dict)
    measured: pl.DataFrame = field(default_factory=SURFACE_ERROR.empty)
    hindsight: tuple[str, ...] = ()
    members_since: dict[str, date] = field(default_factory=dict)

    def holdings(self, start_usd: float) -> dict[str, Floats]:
        """By ticker the equity (USD) of buying and holding it, from its membership on."""
        return {
            ticker: buy_and_hold(self.market, ticker, start_usd, self.members_since.get(ticker))
            for ticker in self.market.tickers
        }

    @property
    def first(self) -> date:
        """The first session."""
        return self.market.sessions[0]

    @property
    def last(self) -> date:
        """The last session."""
        return self.market.sessions[-1]


@dataclass(frozen=True)
class BacktestRun:
    """One run: the model under each fill model, the baselines, and the scores of all.

    `band` has the model's result by fill model; `draws` are the draws of the random baselines, and
    `bands` compare the model with their distribution. `price_risk` has the rows of
    `backtest_price_risk` without `OF_RUN`, `own_errors` the surface's error at the strikes and
    tenors of the model's own trades (`domain.backtest_study.error_band`). `refusals` are those of
    the model under the configured fill model.
    """

    data: BacktestData
    plan: PlanRules
    rules: BacktestRules
    band: dict[str, BacktestResult]
    curves: list[Curve]
    scores: pl.DataFrame
    draws: pl.DataFrame
    bands: pl.DataFrame
    price_risk: pl.DataFrame
    own_errors: pl.DataFrame
    refusals: Refusals

    @property
    def model(self) -> BacktestResult:
        """The model's result under the configured fill model."""
        return self.band[self.rules.fills.model]


def load_backtest(
    warehouse: Warehouse,
    tickers: Sequence[str],
    start: date | None = None,
    end: date | None = None,
    chains: ChainStore | None = None,
    earnings: EarningsRules | None = None,
) -> BacktestData:
    """Bars, indices and stored predictions from `start` (default: the first prediction) to `end`.

    `chains` are the stored option chains, from which trades are planned, marked and filled;
    `earnings` says how the dates of reports are read, by default as without settings.

    Raises :class:`IncompleteDataError` without any predictions, and :class:`UsageError` if the
    range ends before it begins or has fewer than two sessions of them.
    """
    columns = ["date", "ticker", "direction"]
    calls = warehouse.read(DIRECTION_MODEL, columns=columns, tickers=tickers)
    days = calls.drop_nulls("direction")["date"]
    if days.is_empty():
        raise IncompleteDataError(
            f"there are no predictions for {', '.join(tickers)}; run: options-platform backfill"
        )
    stored: tuple[date, date] = (days.min(), days.max())  # type: ignore[assignment]
    if start is not None and end is not None and start > end:
        raise UsageError(f"--start {start} is after --end {end}")
    first, last = max(start or stored[0], stored[0]), min(end or stored[1], stored[1])
    if first >= last:
        raise UsageError(
            f"predictions are stored from {stored[0]} to {stored[1]}; a backtest needs at least "
            "two sessions of them"
        )
    earnings = earnings or EarningsRules()
    market = stored_market(warehouse, tickers, first, last, chains, earnings)
    vix = warehouse.read(VIX, columns=[*KEY, "iv_symbol"], tickers=tickers, start=first, end=last)
    indices = dict(vix.sort("date").group_by("ticker").agg(pl.col("iv_symbol").last()).iter_rows())
    inputs = plan_inputs(warehouse, tickers, first, last, earnings=earnings)
    inputs = inputs.with_columns(is_backtest=pl.lit(value=True))
    return BacktestData(inputs, market, indices, warehouse.read(SURFACE_ERROR, tickers=tickers))


def stored_market(
    warehouse: Warehouse,
    tickers: Sequence[str],
    first: date,
    last: date,
    chains: ChainStore | None = None,
    earnings: EarningsRules | None = None,
) -> BacktestMarket:
    """The market of a backtest from `first` to `last`, with the stored chains of `chains`.

    `earnings` as for :func:`load_backtest`.

    Raises :class:`IncompleteDataError` if there are no bars.
    """
    market = make_market(
        warehouse.read(RAW_OHLCV, tickers=tickers, start=first, end=last),
        warehouse.read(VIX, tickers=tickers, start=first, end=last),
        stored_yields(warehouse),
        stored_tenors(warehouse),
        stored_dividends(warehouse, tickers, last),
        stored_odd_splits(warehouse, tickers),
    )
    known = known_reports(
        warehouse, dict.fromkeys(market.tickers, market.sessions), earnings or EarningsRules()
    )
    market = market.with_reports(known).with_betas(stored_betas(warehouse, tickers, end=last))
    if chains is not None and (quotes := StoredQuotes(chains, tickers, first, last)):
        return replace(market, chains=quotes)
    return market


def run_with_baselines(
    data: BacktestData,
    plan: PlanRules,
    rules: BacktestRules,
    progress: Progress,
    *,
    seeds: int,
    workers: int = 1,
) -> BacktestRun:
    """Backtest the configured rules and every baseline under each fill model, and at other prices;
    where stocks have prices of their own, also at those of the VIX, as a warning example.

    Random baselines are drawn `seeds` times, only under the configured fill model.
    """
    examples = example_runs(data.iv_symbols, plan.chain.surface.funds)
    total = len(baseline_tasks(seeds)) + 2 + len(SCENARIO_NAMES) + len(examples)
    finished = 0
    progress("backtests", 0, total)

    def step() -> None:
        nonlocal finished
        finished += 1
        progress("backtests", finished, total)

    band = {
        variant.rules.fills.model: result
        for variant, result in run_variants(fill_band(plan, rules), data.inputs, data.market)
    }
    refusals = price_refusals(data.inputs, plan, rules, data.market)
    step()
    comparison = BaselineComparison(data.inputs, data.market, plan, rules)
    own = _own_errors(data, plan, rules, band[rules.fills.model])
    beside = [*scenario_runs(own, data.market.tickers), *examples]
    baselines = run_baselines(comparison, seeds, workers, step, beside)
    holds = data.holdings(rules.start_usd)
    curves = curves_of(band, baselines.results, holds, rules.fills.model)
    scores = scorecard(curves, data.market)
    bands = draw_bands(baselines.draws, scores)
    moved = [measured_rows(comparison, scores), *baselines.beside]
    if finished < total:
        progress("backtests", total, total)
    return BacktestRun(
        data, plan, rules, band, curves, scores, baselines.draws, bands, pl.concat(moved), own,
        refusals,
    )  # fmt: skip


def _own_errors(
    data: BacktestData, plan: PlanRules, rules: BacktestRules, result: BacktestResult
) -> pl.DataFrame:
    """The surface's error at the strikes and tenors of the trades of `result`."""
    _, legs = build_plans(data.inputs, plan, data.market.chain_of(rules.chains))
    surface = plan.chain.surface
    return own_errors(legs, result.trades, data.measured, data.iv_symbols, surface)


def run_grid(
    variants: Sequence[Variant], data: BacktestData, workers: int, progress: Progress
) -> list[VariantScore]:
    """Backtest every variant in up to `workers` processes; scores in the order of the variants."""
    scores = []
    for done, score in enumerate(_scores(variants, data, workers), start=1):
        scores.append(score)
        progress("variants", done, len(variants))
    return scores


def _scores(
    variants: Sequence[Variant], data: BacktestData, workers: int
) -> Iterator[VariantScore]:
    if workers == 1 or len(variants) == 1:
        yield from score_variants(variants, data.inputs, data.market)
        return
    # Neighbouring variants often share the plan's rules, so a block makes its plans only once.
    size = max(1, min(8, len(variants) // workers))
    blocks = [variants[at : at + size] for at in range(0, len(variants), size)]
    # Polars does not survive a fork.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, context, _keep_data, (data,)) as pool:
        for block in pool.map(_run_block, blocks):
            yield from block


_DATA: list[BacktestData] = []


def _keep_data(data: BacktestData) -> None:
    """Store the data in a worker process, so that they are sent once and not with every block."""
    _DATA[:] = [data]


def _run_block(block: Sequence[Variant]) -> list[VariantScore]:
    (data,) = _DATA
    return list(score_variants(block, data.inputs, data.market))
