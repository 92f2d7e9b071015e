"""The metrics of a run and of everything that it is measured against, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts import BACKTEST_SCORES
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest.targets import SEED_TARGETS
from options_platform.domain.backtest.trade_metrics import (
    TradeMetrics,
    trade_intervals,
    trade_metrics,
)
from options_platform.domain.statistics.bootstrap import block_positions, interval_of
from options_platform.domain.statistics.curve import CurveMetrics, curve_metrics, returns_of, sharpe

MODEL = "model"
# On the last tenth of an account a spread is much of it, or more, and a return is chance alone.
RUIN_SHARE = 0.1
WITH_INTERVAL = ("sharpe", "sharpe_gain", "win_rate", "profit_factor")
# The total return is told by the equity, wins and losses by the profit factor.
UNTOLD = ("total_return", "best_session", "worst_session", "average_win_usd", "average_loss_usd")
CURVE = [field.name for field in fields(CurveMetrics) if field.name not in UNTOLD]
TRADE = [field.name for field in fields(TradeMetrics) if field.name not in UNTOLD]


@dataclass(frozen=True)
class Curve:
    """One line of a scorecard: an equity curve, and the run behind it where there is one."""

    name: str
    fill_model: str
    kind: str
    equity: Floats
    result: BacktestResult | None = None

    @property
    def ruin_share(self) -> float:
        """The share of the first equity that is ruin: what is held is never resized, so nothing."""
        return 0.0 if self.kind == "hold" else RUIN_SHARE


def excess_returns(
    equity: Floats, market: BacktestMarket, *, ruin_share: float = RUIN_SHARE
) -> Floats:
    """Daily returns less what cash earned; -1 on the session of ruin, and zero from then on.

    Ruin is the first session on which no more than `ruin_share` of the first equity is left.
    """
    alive = np.cumprod(equity > ruin_share * equity[0]).astype(bool)
    safe = np.where(alive, equity, 1.0)
    returns = np.where(alive[1:], returns_of(safe), 0.0)
    returns = np.where(alive[:-1] & ~alive[1:], -1.0, returns)
    return np.asarray(np.where(alive[:-1], returns - market.interest[1:], 0.0))


def scorecard(curves: list[Curve], market: BacktestMarket) -> pl.DataFrame:
    """The columns of `backtest_scores` but `run`, one row a curve, in their order.

    Gains compare the curve named `model` with each other one of its fill model; all intervals
    of Sharpe ratios are drawn with the same blocks.
    """
    at = block_positions(len(market.sessions) - 1)
    excess = [excess_returns(c.equity, market, ruin_share=c.ruin_share) for c in curves]
    drawn = [sharpe(returns[at]) for returns in excess]
    models = {c.fill_model: n for n, c in enumerate(curves) if c.name == MODEL}
    rows = []
    for n, curve in enumerate(curves):
        row = _row(curve, market)
        ruined = row["ruined_on"] is not None
        if not ruined:
            row |= _ends("sharpe", drawn[n], float(sharpe(excess[n])))
        own = models.get(curve.fill_model)
        if own is not None and own != n and not ruined:
            gain = float(sharpe(excess[own]) - sharpe(excess[n]))
            row |= {"sharpe_gain": gain} | _ends("sharpe_gain", drawn[own] - drawn[n], gain)
        rows.append(row)
    columns = {name: kind for name, kind in BACKTEST_SCORES.schema.items() if name != "run"}
    return pl.DataFrame(rows, schema=columns).fill_nan(None)


def against_seed(scores: pl.DataFrame) -> pl.DataFrame:
    """The plan's targets for each row of the model: fill_model, metric, value, low, high, target,
    met; an unknown value is a missed target."""
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
    held: Mapping[str, Floats],
    fill_model: str,
) -> list[Curve]:
    """The lines of a scorecard: the model under each fill model, then what it is measured against.

    Holding buys once, so it stands under the fill model that is set alone.

    Args:
        band: the model's result by fill model.
        baselines: results by name and fill model.
        held: equity of holding each ticker.
        fill_model: the one that is set.
    """
    return [
        *(Curve(MODEL, fill, MODEL, _equity(own), own) for fill, own in band.items()),
        *(
            Curve(name, fill, "baseline", _equity(own), own)
            for name, results in baselines.items()
            for fill, own in results.items()
        ),
        *(Curve(f"hold_{t}", fill_model, "hold", values) for t, values in held.items()),
    ]


def held_to_expiry(curves: Sequence[Curve]) -> dict[str, int]:
    """By name how many trades were held to their expiry, of those curves that have any."""
    counts: dict[str, int] = {}
    for curve in curves:
        held = 0 if curve.result is None else curve.result.held_to_expiry
        if held:
            counts[curve.name] = max(held, counts.get(curve.name, 0))
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
        found = vars(curve_metrics(market.sessions, curve.equity, market.interest[1:]))
        row |= {name: found[name] for name in CURVE}
    row |= dict.fromkeys(("sharpe_gain", *TRADE))
    row |= {f"{name}_{end}": None for name in WITH_INTERVAL for end in ("low", "high")}
    if curve.result is not None:
        traded = vars(trade_metrics(curve.result))
        row |= {name: traded[name] for name in TRADE} | _trade_intervals(curve.result)
    return row


def _trade_intervals(result: BacktestResult) -> dict[str, float]:
    closed = result.trades.drop_nulls("closed_on").sort("closed_on", "plan_id")
    found = trade_intervals(closed["pnl_usd"].to_numpy())
    return {
        f"{name}_{end}": getattr(interval, end)
        for name, interval in found.items()
        for end in ("low", "high")
    }


def _ends(name: str, drawn: Floats, value: float) -> dict[str, float]:
    found = interval_of(value, drawn)
    return {f"{name}_low": found.low, f"{name}_high": found.high}


def _ruined_on(curve: Curve, sessions: list[date]) -> date | None:
    fallen = np.flatnonzero(curve.equity <= curve.ruin_share * curve.equity[0])
    return sessions[int(fallen[0])] if len(fallen) else None
