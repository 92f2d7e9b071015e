"""How much of the best of many variants is luck, and what an honest choice among them earned."""

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
    """The variants chosen on the past alone, scored after it; returns are over cash."""

    choice: WalkForwardChoice
    sharpe: Interval
    excess_return_annual: float
    max_drawdown: float


@dataclass(frozen=True)
class Judgement:
    """Of a grid: `table` has one row a variant, the best Sharpe ratio first.

    Its column `held_to_expiry` says which hold their positions into their expiry.

    deflated_sharpe: probability that the best one's skill is more than the luck of `trials`.
    overfitting_probability: how often the best of one half of the time is below the median in
    the other half; NaN with a single variant or too few sessions. walk_forward: None where the
    warm-up leaves nothing to score, or with a single variant.
    """

    table: pl.DataFrame
    trials: int
    deflated_sharpe: float
    overfitting_probability: float
    walk_forward: WalkForwardScore | None


def judge(
    scores: Sequence[VariantScore], market: BacktestMarket, earlier: Sequence[float] = ()
) -> Judgement:
    """Judge the variants of a grid.

    Args:
        scores: the variants with their equity, one value a session of the market.
        market: the market that they traded.
        earlier: annualised Sharpe ratios of all other variants that were ever tried; the more
            were tried, the better the best of them looks by luck.
    """
    returns = {score.variant.name: excess_returns(score.equity, market) for score in scores}
    columns = np.stack(list(returns.values()), axis=1)
    table = _table(scores, returns)
    enough = columns.shape[1] > 1 and len(columns) >= 2 * PARTITIONS
    later = {day.year for day in market.sessions[1:]}
    walked = columns.shape[1] > 1 and len(later) > WARM_UP_YEARS
    others = [ratio / np.sqrt(SESSIONS_A_YEAR) for ratio in earlier]
    return Judgement(
        table=table,
        trials=len(scores) + len(others),
        deflated_sharpe=deflated_best(columns, others=others),
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
