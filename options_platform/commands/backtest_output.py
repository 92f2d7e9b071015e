"""What `backtest` and its search both write and print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.commands.common import say
from options_platform.domain.backtest_study.variants import VariantScore
from options_platform.domain.market.index_series import foreign_indices
from options_platform.services.backtesting.run import BacktestData
from options_platform.services.backtesting.trials import backtest_trials
from options_platform.settings import Settings


def record(
    settings: Settings,
    warehouse: Warehouse,
    data: BacktestData,
    scores: list[VariantScore],
    purpose: str = "choice",
) -> None:
    """Count every variant among the trials of the home."""
    trials = backtest_trials(scores, data, purpose, datetime.now(UTC))
    TrialLog(settings.home, warehouse).record_all(trials)


def about(data: BacktestData) -> dict[str, Any]:
    """What a result rests on."""
    return {
        "tickers": data.market.tickers,
        "first": data.first,
        "last": data.last,
        "chain_source": "synthetic",
        "iv_symbols": data.iv_symbols,
        "sessions_with_stale_yield": int(data.market.yield_stale.sum()),
        "interest": bool(data.market.interest.any()),
    }


def say_about(data: BacktestData) -> None:
    """The same for people."""
    say(f"{', '.join(data.market.tickers)} from {data.first} to {data.last}, on synthetic chains.")
    for ticker, own in foreign_indices(data.iv_symbols).items():
        say(f"{ticker} is priced on the VIX. Its own index is {own}; if the source has it: "
            f"OPTIONS_IV_SYMBOL__{ticker}={own}, then backfill again.")  # fmt: skip
    if not data.market.interest.any():
        say("No yields are stored: cash earns nothing, and Sharpe ratios are of plain returns.")
    elif stale := int(data.market.yield_stale.sum()):
        say(f"On {stale} sessions the yield was unknown, or carried for more than a week.")


def number(value: float) -> float | None:
    """A value for JSON; null for what cannot be told."""
    return value if value == value else None  # noqa: PLR0124 - only NaN differs from itself
