"""Scorecard: metrics of the model, the baselines and buy-and-hold, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts import BACKTEST_SCORES
from options_platform.contracts.backtest import OF_RUN
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.targets import SEED_TARGETS
from options_platform.domain.backtest.trade_metrics import (
    TradeMetrics,
    trade_intervals,
    trade_metrics,
)
from options_platform.domain.statistics.bootstrap import (
    BLOCK_SESSIONS,
    block_positions,
    interval_of,
)
from options_platform.domain.statistics.curve import CurveMetrics, curve_metrics, returns_of, sharpe

MODEL = "model"
# Below a tenth of the account, a single spread is most of it and returns are mere chance.
RUIN_SHARE = 0.1
CENT = 0.01
WITH_INTERVAL = ("sharpe", "sharpe_gain", "win_rate", "profit_factor")
# Left out because equity, max_drawdown and profit_factor already show them.
OMITTED = ("total_return", "best_session", "worst_session", "average_win_usd", "average_loss_usd")
CURVE = [field.name for field in fields(CurveMetrics) if field.name not in OMITTED]
TRADE = [field.name for field in fields(TradeMetrics) if field.name not in OMITTED]


@dataclass(frozen=True)
class Curve:
    """One line of a scorecard: an equity curve (USD), and its backtest result if it has one."""

    name: str
    fill_model: str
    kind: str
    equity: Floats
    result: BacktestResult | None = None

    @property
    def ruin_share(self) -> float:
        """Fraction of the starting equity that counts as ruin; 0 for buy-and-hold, which is never
        resized."""
        return 0.0 if self.kind == "hold" else RUIN_SHARE


def excess_returns(
    equity: Floats, market: BacktestMarket, *, ruin_share: float = RUIN_SHARE
) -> Floats:
    """Daily returns in excess of cash, shape [sessions - 1]; fractions.

    Ruin is the first session with equity at or below `ruin_share` of the starting equity. The
    return of that session is -1, all later ones are 0. An account that only ever earns interest,
    which is paid in whole cents, has none.
    """
    alive = np.cumprod(equity > ruin_share * equity[0]).astype(bool)
    safe = np.where(alive, equity, 1.0)
    returns = np.where(alive[1:], returns_of(safe), 0.0)
    returns = np.where(alive[:-1] & ~alive[1:], -1.0, returns)
    excess = np.where(alive[:-1], returns - market.interest[1:], 0.0)
    is_cash = bool((np.abs(excess) * np.abs(equity[:-1]) <= CENT).all())
    return np.zeros_like(excess) if is_cash else np.asarray(excess)


def scorecard(
    curves: list[Curve], market: BacktestMarket, *, block: int = BLOCK_SESSIONS
) -> pl.DataFrame:
    """One row per curve, with the columns of `backtest_scores` except `OF_RUN`.

    Gains compare the curve named `model` with every other curve under the same fill model. All
    intervals of Sharpe ratios use the same bootstrap blocks, of `block` sessions.
    """
    at = block_positions(len(market.sessions) - 1, block=block)
    excess = [excess_returns(c.equity, market, ruin_share=c.ruin_share) for c in curves]
    drawn = [sharpe(returns[at]) for returns in excess]
    models = {c.fill_model: n for n, c in enumerate(curves) if c.name == MODEL}
    rows = []
    for n, curve in enumerate(curves):
        row = _row(curve, market)
        ruined = row["ruined_on"] is not None
        if not ruined:
            row |= _ends("sharpe", drawn[n], float(sharpe(excess[n])))
        model_at = models.get(curve.fill_model)
        if model_at is not None and model_at != n and not ruined:
            gain = float(sharpe(excess[model_at]) - sharpe(excess[n]))
            row |= {"sharpe_gain": gain} | _ends("sharpe_gain", drawn[model_at] - drawn[n], gain)
        rows.append(row)
    columns = {name: kind for name, kind in BACKTEST_SCORES.schema.items() if name not in OF_RUN}
    return pl.DataFrame(rows, schema=columns).fill_nan(None)


def against_seed(scores: pl.DataFrame) -> pl.DataFrame:
    """The model against the performance targets, under each fill model.

    Columns fill_model, metric, value, low, high, target, met; an undefined value is a miss.
    """
    frames = [
        scores.filter(pl.col("name") == MODEL).select(
            "fill_model",
            metric=pl.lit(metric),
            value=metric,
            low=f"{metric}_low",
            high=f"{metric}_high",
            target=pl.lit(target),
            met=(pl.col(metric) > target).fill_null(value=False),
        )
        for metric, target in SEED_TARGETS.items()
    ]
    return pl.concat(frames)


def curves_of(
    band: Mapping[str, BacktestResult],
    baselines: Mapping[str, Mapping[str, BacktestResult]],
    holdings: Mapping[str, Floats],
    fill_model: str,
) -> list[Curve]:
    """The lines of a scorecard: the model under each fill model, the baselines, buy-and-hold.

    Buy-and-hold trades once and appears under the configured fill model only.

    Args:
        band: results of the model by fill model.
        baselines: results by name and fill model.
        holdings: equity of buy-and-hold by ticker, USD.
        fill_model: the configured fill model.
    """
    return [
        *(Curve(MODEL, fill, MODEL, _equity(result), result) for fill, result in band.items()),
        *(
            Curve(name, fill, "baseline", _equity(result), result)
            for name, results in baselines.items()
            for fill, result in results.items()
        ),
        *(Curve(f"hold_{t}", fill_model, "hold", values) for t, values in holdings.items()),
    ]


def held_to_expiry(curves: Sequence[Curve]) -> dict[str, int]:
    """Number of trades held to expiry by curve name; curves without such trades are left out."""
    counts: dict[str, int] = {}
    for curve in curves:
        count = 0 if curve.result is None else curve.result.held_to_expiry
        if count:
            counts[curve.name] = max(count, counts.get(curve.name, 0))
    return counts


def _equity(result: BacktestResult) -> Floats:
    return np.asarray(result.equity["equity_usd"].to_numpy(), dtype=np.float64)


def _row(curve: Curve, market: BacktestMarket) -> dict[str, Any]:
    ruined = _ruined_on(curve, market.sessions)
    row: dict[str, Any] = {
        "name": curve.name,
        "fill_model": curve.fill_model,
        "kind": curve.kind,
        "first": market.sessions[0],
        "last": market.sessions[-1],
        "equity_usd": float(curve.equity[-1]),
        "ruined_on": ruined,
    }
    row |= dict.fromkeys(CURVE)
    if ruined is None:
        metrics = vars(curve_metrics(market.sessions, curve.equity, market.interest[1:]))
        row |= {name: metrics[name] for name in CURVE}
    row |= dict.fromkeys(("sharpe_gain", *TRADE))
    row |= {f"{name}_{end}": None for name in WITH_INTERVAL for end in ("low", "high")}
    if curve.result is not None:
        traded = vars(trade_metrics(curve.result))
        row |= {name: traded[name] for name in TRADE} | _trade_intervals(curve.result)
    return row


def _trade_intervals(result: BacktestResult) -> dict[str, float]:
    closed = result.trades.drop_nulls("closed_on").sort("closed_on", "plan_id")
    intervals = trade_intervals(closed["pnl_usd"].to_numpy())
    return {
        f"{name}_{end}": getattr(interval, end)
        for name, interval in intervals.items()
        for end in ("low", "high")
    }


def _ends(name: str, drawn: Floats, value: float) -> dict[str, float]:
    interval = interval_of(value, drawn)
    return {f"{name}_low": interval.low, f"{name}_high": interval.high}


def _ruined_on(curve: Curve, sessions: list[date]) -> date | None:
    fallen = np.flatnonzero(curve.equity <= curve.ruin_share * curve.equity[0])
    return sessions[int(fallen[0])] if len(fallen) else None
