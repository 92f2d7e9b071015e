"""What the size of the account does to the trades of the same rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from options_platform.domain.backtest.results import BacktestResult
from options_platform.domain.statistics.curve import annual_return, drawdown, returns_of

BUDGET, NARROWED = "RISK_BUDGET", "NARROWED"

ACCOUNTS = pl.Schema(
    {
        "account_value_usd": pl.Float64,
        "variant": pl.String,
        "trades": pl.Int64,
        "narrowed": pl.Int64,
        "refused_by_budget": pl.Int64,
        "fees_of_profit": pl.Float64,
        "risk_as_sized": pl.Float64,
        "risk_as_filled": pl.Float64,
        "largest_loss": pl.Float64,
        "cagr": pl.Float64,
        "max_drawdown": pl.Float64,
    }
)
"""One row per variant. `narrowed`: trades at a narrower width than the configured one;
`refused_by_budget`: signals refused with RISK_BUDGET, when planned or at entry; `fees_of_profit`:
fees of all closed trades over the gross profit of those that gained. `risk_as_sized` is the largest
maximum loss of a trade at the price of its plan, over the account, or over its equity when the
trade was sized if that was less; without a regime multiplier above 1 it is within `risk_pct`.
`risk_as_filled` is the same at the price of the fill, a session later, at which market orders are
sized again; `largest_loss` the largest
loss of one trade over the account. `cagr` and `max_drawdown` are as in :class:`CurveMetrics`. All
shares are fractions."""


@dataclass(frozen=True)
class SizeFigures:
    """What one run says of its account, named as in `ACCOUNTS`; NaN without trades."""

    trades: int
    narrowed: int
    refused_by_budget: int
    fees_of_profit: float
    risk_as_sized: float
    risk_as_filled: float
    largest_loss: float
    cagr: float
    max_drawdown: float


def size_figures(
    plans: pl.DataFrame, result: BacktestResult, account_value_usd: float
) -> SizeFigures:
    """The figures of a run with these plans (rows of `trade_plan`) on an account of this size."""
    codes = plans.filter(pl.col("reasons").list.contains(NARROWED))["plan_id"]
    closed = result.trades.drop_nulls("closed_on")
    before_fees = closed["pnl_usd"] + closed["fees_usd"]
    gross = float(before_fees.filter(before_fees > 0).sum())
    planned = plans["reasons"].list.contains(BUDGET).sum()
    equity = result.equity["equity_usd"].to_numpy()
    risks = _risks(plans, result, account_value_usd)
    return SizeFigures(
        trades=closed.height,
        narrowed=closed.filter(pl.col("plan_id").is_in(codes.implode())).height,
        refused_by_budget=int(planned) + result.refusals.filter(rule=BUDGET).height,
        fees_of_profit=float(closed["fees_usd"].sum()) / gross if gross else float("nan"),
        risk_as_sized=_most(risks["sized"]),
        risk_as_filled=_most(risks["filled"]),
        largest_loss=_most(-closed["pnl_usd"] / account_value_usd),
        cagr=float(annual_return(returns_of(equity))),
        max_drawdown=min(drawdown(equity)[0], 1.0),
    )


def account_table(
    names: Sequence[str], accounts: Sequence[float], figures: Sequence[SizeFigures]
) -> pl.DataFrame:
    """One row for each variant in `ACCOUNTS`, the smallest account first."""
    rows = [
        {"account_value_usd": account, "variant": name, **vars(own)}
        for name, account, own in zip(names, accounts, figures, strict=True)
    ]
    return pl.DataFrame(rows, schema=ACCOUNTS).sort("account_value_usd", maintain_order=True)


def _risks(plans: pl.DataFrame, result: BacktestResult, account_value_usd: float) -> pl.DataFrame:
    """Each trade's maximum loss over the account that sized it: `sized` and `filled`."""
    # A trade is sized by the equity of the session that planned it.
    equity = result.equity.select(planned_on="session", equity_usd="equity_usd")
    of_one = plans.select("plan_id", one_usd=pl.col("max_loss_usd") / pl.col("contracts"))
    trades = result.trades.join(equity, on="planned_on", how="left")
    trades = trades.join(of_one, on="plan_id", how="left")
    account = pl.min_horizontal("equity_usd", pl.lit(account_value_usd))
    return trades.select(
        sized=pl.col("one_usd") * pl.col("contracts") / account,
        filled=pl.col("max_loss_usd") / account,
    )


def _most(shares: pl.Series) -> float:
    return max(float(shares.max()), 0.0) if len(shares) else float("nan")  # type: ignore[arg-type]
