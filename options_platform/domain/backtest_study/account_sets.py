"""Several rule sets in one account: the account's result, and what each set has made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.contracts.rule_sets import ACCOUNT_PART, SET_PART
from options_platform.domain.backtest.market import BacktestMarket
from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.backtest_study.scorecard import MODEL, Curve, scorecard
from options_platform.domain.trading.netting import NETTING_CONFLICT

BLOCK_SESSIONS = 63
"""Sessions a bootstrap block: a spread of 60 days is held for up to 42."""

SHOWN = ("first", "last", "sharpe", "sharpe_low", "sharpe_high", "cagr", "max_drawdown", "trades",
         "win_rate", "win_rate_low", "win_rate_high", "profit_factor", "profit_factor_low",
         "profit_factor_high")  # fmt: skip


def account_set_rows(
    band: Mapping[str, BacktestResult],
    shares: Mapping[str, float],
    plans: pl.DataFrame,
    alternates: pl.DataFrame,
    market: BacktestMarket,
) -> pl.DataFrame:
    """Rows of `account_set_scores` without what only a home knows.

    Args:
        band: the result of all sets together by fill model.
        shares: by set its share of the account.
        plans: rows of `trade_plan` that were traded.
        alternates: rows of `plan_alternates`.
        market: market of the run.
    """
    rows = []
    set_of = dict(
        pl.concat(
            [plans.select("plan_id", "rule_set"), alternates.select("plan_id", "rule_set")]
        ).iter_rows()
    )
    moved = set(alternates["plan_id"])
    for fill, result in band.items():
        curves = [Curve(MODEL, fill, MODEL, _equity(result), result)]
        curves += [
            Curve(name, fill, SET_PART, _equity_of_set(result, name), _of_set(result, name))
            for name in shares
        ]
        scores = scorecard(curves, market, block=BLOCK_SESSIONS).select(SHOWN).to_dicts()
        refused = result.refusals.with_columns(
            rule_set=pl.col("plan_id").replace_strict(set_of, default=None)
        )
        for name, score, curve in zip([None, *shares], scores, curves, strict=True):
            own = refused if name is None else refused.filter(pl.col("rule_set") == name)
            trades: list[str] = (
                [] if curve.result is None else curve.result.trades["plan_id"].to_list()
            )
            rows.append(
                {
                    "fill_model": fill,
                    "part": ACCOUNT_PART if name is None else SET_PART,
                    "rule_set": "+".join(shares) if name is None else name,
                    "share": sum(shares.values()) if name is None else shares[name],
                    "pnl_usd": float(_pnl(result, name)[-1]),
                    **score,
                    "moved": sum(plan_id in moved for plan_id in trades),
                    "netting_conflicts": own.filter(rule=NETTING_CONFLICT).height,
                    "set_limits": own.filter(pl.col("rule").str.starts_with("MAX_SET_")).height,
                }
            )
    return pl.DataFrame(rows, infer_schema_length=None)


def _equity(result: BacktestResult) -> Floats:
    return np.asarray(result.equity["equity_usd"].to_numpy(), dtype=np.float64)


def _pnl(result: BacktestResult, rule_set: str | None) -> Floats:
    """P&L at each session, USD: of a set, or of the account with its interest."""
    if rule_set is None:
        return np.asarray(_equity(result) - result.start_usd)
    of_set = result.by_set.filter(rule_set=rule_set).sort("session")
    return np.asarray(of_set["pnl_usd"].to_numpy(), dtype=np.float64)


def _equity_of_set(result: BacktestResult, rule_set: str) -> Floats:
    """Equity of an account with the cash and interest of this one and one set's positions."""
    interest = np.cumsum(result.equity["interest_usd"].to_numpy())
    return np.asarray(result.start_usd + interest + _pnl(result, rule_set))


def _of_set(result: BacktestResult, rule_set: str) -> BacktestResult:
    """The result with the trades of one set; its marks are still those of all of them."""
    trades = result.trades.filter(rule_set=rule_set)
    marks = result.marks.join(trades, on="plan_id", how="semi")
    return replace(result, trades=trades, marks=marks)
