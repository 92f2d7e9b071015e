"""Recording and printing that `backtest` and its search share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.commands.common import say
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.sources import real_share, run_source
from options_platform.domain.backtest_study.error_band import errors_text, mean_error
from options_platform.domain.backtest_study.price_risk import rests_on_surface, sentence
from options_platform.domain.backtest_study.variants import VariantScore
from options_platform.domain.chain.vol_errors import error_of
from options_platform.domain.market.index_series import foreign_indices, iv_basis
from options_platform.formats import count
from options_platform.services.backtesting.membership import hindsight_note
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.backtesting.trials import backtest_trials
from options_platform.services.market_data.market_priced import model_note
from options_platform.services.market_data.own_indices import foreign_note
from options_platform.settings import Settings

USUAL_DTE = 30
OVER_BAND = "*"


def record(
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    scores: list[VariantScore],
    purpose: str = "choice",
) -> None:
    """Record every variant as a trial of the home, so that later judgements count it."""
    trials = backtest_trials(scores, data, purpose, datetime.now(UTC))
    TrialLog(settings.home, warehouse).record_all(trials)


def about(data: BacktestData) -> dict[str, Any]:
    """The data of a backtest, as JSON fields: tickers, first and last session, chains, yields.

    `vol_error` is that of synthetic prices of each ticker at 30 days, vol points; null
    where it is not measured; `hindsight` are the stocks of which nothing says when they were
    chosen.
    """
    bases = {t: iv_basis(t, symbol) for t, symbol in data.iv_symbols.items()}
    return {
        "tickers": data.market.tickers,
        "first": data.first,
        "last": data.last,
        "hindsight": list(data.hindsight),
        "stored_chains": data.market.chains is not None,
        "iv_symbols": data.iv_symbols,
        "iv_basis": bases,
        "vol_error": {
            ticker: error_of(ticker, data.iv_symbols[ticker], basis, USUAL_DTE)
            for ticker, basis in bases.items()
        },
        "sessions_with_stale_yield": int(data.market.yield_stale.sum()),
        "interest": bool(data.market.interest.any()),
    }


def say_about(data: BacktestData) -> None:
    """Print the data of a backtest for people, with its weaknesses."""
    chains = "synthetic chains"
    if data.market.chains is not None:
        chains = "stored real chains where there are any, elsewhere synthetic ones"
    say(f"{', '.join(data.market.tickers)} from {data.first} to {data.last}, on {chains}.")
    if note := hindsight_note(data.hindsight):
        say(note)
    for ticker, own in foreign_indices(data.iv_symbols).items():
        say(f"{foreign_note(ticker, data.iv_symbols[ticker], own)}.")
    for ticker, symbol in data.iv_symbols.items():
        if iv_basis(ticker, symbol) == "modelled":
            say(f"{model_note(ticker)}.")
    if not data.market.interest.any():
        say("No yields are stored: cash earns no interest, and Sharpe ratios use plain returns.")
    elif stale := int(data.market.yield_stale.sum()):
        say(f"On {count(stale, 'session')} the yield is unknown or older than a week.")


def say_error_band(errors: pl.DataFrame) -> None:
    """Print the surface's error at the strikes and tenors of the model's trades, rows of
    `OWN_ERRORS`, or that it is not measured, and what the marked intervals are."""
    if not (text := errors_text(errors)):
        return
    say(f"{text}.")
    if mean_error(errors) is not None:
        say(f"Intervals with {OVER_BAND} are the union of those as measured and with the "
            "volatilities of each ticker lower and higher by its own error.")  # fmt: skip


def say_price_risk(rows: pl.DataFrame) -> None:
    """Print what the results are worth at lower implied volatilities."""
    say("At lower implied volatilities, since synthetic prices err by about a vol point; entries, "
        "sizes, marks, stops and exits are run anew:")  # fmt: skip
    for row in rests_on_surface(rows).to_dicts():
        say(f"  {sentence(row)}.")


def chain_sources(result: BacktestResult) -> dict[str, Any]:
    """How many trades rest on real quotes, as JSON fields."""
    sources = result.sources["chain_source"]
    return {
        "chain_source": run_source(result.sources),
        "real_share": real_share(result.sources),
        "trades_by_source": {
            name: int((sources == name).sum()) for name in ("real", "mixed", "synthetic")
        },
    }


def say_sources(result: BacktestResult) -> None:
    """Print how much of the trades rests on real quotes, unless nothing does."""
    stated = chain_sources(result)
    if stated["chain_source"] == "synthetic":
        return
    counts = ", ".join(f"{trades} {name}" for name, trades in stated["trades_by_source"].items())
    say(f"{100 * stated['real_share']:.0f}% of all leg prices are real quotes; trades: {counts}.")


def number(value: float) -> float | None:
    """A value for JSON: None in place of NaN."""
    return value if value == value else None  # noqa: PLR0124 - only NaN differs from itself
