"""How much of the best variant is luck, and what a walk-forward choice would have earned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import (
    WARM_UP_YEARS,
    VariantScore,
    WalkForwardChoice,
    choose_walk_forward,
    first_of_each,
    rules_hash,
)
from options_platform.domain.statistics.bootstrap import Interval, bootstrap_interval
from options_platform.domain.statistics.curve import (
    SESSIONS_A_YEAR,
    annual_return,
    drawdown,
    sharpe,
)
from options_platform.domain.statistics.overfitting import (
    PARTITIONS,
    deflated_best,
    overfitting_probability,
)


@dataclass(frozen=True)
class WalkForwardScore:
    """Out-of-sample score of the walk-forward choice; returns are in excess of cash.

    `excess_return_annual` and `max_drawdown` are fractions.
    """

    choice: WalkForwardChoice
    sharpe: Interval
    excess_return_annual: float
    max_drawdown: float


@dataclass(frozen=True)
class Judgement:
    """Judgement of a grid of variants.

    `table` has one row per variant, best Sharpe ratio first; `held_to_expiry` marks variants that
    hold positions to expiry. `deflated_sharpe`: probability that the best variant's skill exceeds
    the luck of `trials`. `overfitting_probability`: how often the best variant in one half of the
    time is below the median in the other half; NaN with one variant or too few sessions.
    `walk_forward`: None with one variant, or if no year remains after the warm-up.
    """

    table: pl.DataFrame
    trials: int
    deflated_sharpe: float
    overfitting_probability: float
    walk_forward: WalkForwardScore | None


def judge(
    scores: Sequence[VariantScore],
    market: BacktestMarket,
    earlier: Sequence[float] = (),
    unrecorded: int = 0,
) -> Judgement:
    """Judge the variants of a grid; of copies, which have the same rules, the first counts.

    Args:
        scores: variants with their equity, one value per session of the market.
        market: the market that they traded.
        earlier: annualised Sharpe ratios of all other variants ever tried; more trials make a good
            result by luck more likely.
        unrecorded: number of trials elsewhere that the rules were chosen from.
    """
    scores = first_of_each(scores, lambda score: rules_hash(score.variant))
    returns = {score.variant.name: excess_returns(score.equity, market) for score in scores}
    columns = np.stack(list(returns.values()), axis=1)
    table = _table(scores, returns)
    enough = columns.shape[1] > 1 and len(columns) >= 2 * PARTITIONS
    later = {day.year for day in market.sessions[1:]}
    walked = columns.shape[1] > 1 and len(later) > WARM_UP_YEARS
    others = [ratio / np.sqrt(SESSIONS_A_YEAR) for ratio in earlier]
    return Judgement(
        table=table,
        trials=len(scores) + len(others) + unrecorded,
        deflated_sharpe=deflated_best(columns, others=others, unrecorded=unrecorded),
        overfitting_probability=overfitting_probability(columns) if enough else float("nan"),
        walk_forward=_walk_forward(market, returns) if walked else None,
    )


def _table(scores: Sequence[VariantScore], returns: dict[str, Floats]) -> pl.DataFrame:
    rows = [
        {
            "variant": score.variant.name,
            "held_to_expiry": score.variant.rules.holds_to_expiry,
            "sharpe": float(sharpe(returns[score.variant.name])),
            "equity_usd": float(score.equity[-1]),
            "max_drawdown": min(drawdown(score.equity)[0], 1.0),
            "trades": score.trades.trades,
            "win_rate": score.trades.win_rate,
            "profit_factor": score.trades.profit_factor,
            "expectancy_usd": score.trades.expectancy_usd,
        }
        for score in scores
    ]
    return pl.DataFrame(rows).sort("sharpe", descending=True, nulls_last=True)


def _walk_forward(market: BacktestMarket, returns: dict[str, Floats]) -> WalkForwardScore:
    choice = choose_walk_forward(market.sessions[1:], returns)
    grown = np.cumprod(1.0 + choice.returns)
    return WalkForwardScore(
        choice=choice,
        sharpe=bootstrap_interval(choice.returns, sharpe),
        excess_return_annual=float(annual_return(choice.returns)),
        max_drawdown=drawdown(np.concatenate([[1.0], grown]))[0],
    )
