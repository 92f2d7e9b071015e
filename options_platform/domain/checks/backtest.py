"""Accounting rules that the stored tables of every backtest must satisfy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import polars as pl

from options_platform.contracts import ACCOUNT_SET_SCORES
from options_platform.contracts.backtest import ACCOUNT
from options_platform.contracts.rule_sets import SET_PART
from options_platform.domain.backtest.results import SETTLED
from options_platform.domain.checks.tables import SHOWN, Finding
from options_platform.domain.earnings.trade_rules import EARNINGS_STRATEGIES
from options_platform.domain.strategies import STRATEGIES, any_strategy
from options_platform.domain.trading.orders import SHARES

CENT = 0.005
BY_RUN = ["run", "fill_model"]


@dataclass(frozen=True)
class BacktestTables:
    """Stored rows of one or several backtest runs; `parts` are those of `account_set_scores`."""

    equity: pl.DataFrame
    trades: pl.DataFrame
    marks: pl.DataFrame
    fills: pl.DataFrame
    parts: pl.DataFrame = field(default_factory=ACCOUNT_SET_SCORES.empty)


@dataclass(frozen=True)
class BacktestRule:
    """A named rule; a violation of a blocking rule means that the accounting is wrong."""

    name: str
    description: str
    find: Callable[[BacktestTables], Finding]
    blocking: bool = True


def _finding(rows: pl.DataFrame, shown: Sequence[str]) -> Finding:
    examples = [
        ", ".join(f"{name} {value}" for name, value in zip(shown, row, strict=True))
        for row in rows.select(shown).head(SHOWN).iter_rows()
    ]
    return Finding(rows.height, tuple(examples))


def _unbalanced(tables: BacktestTables) -> Finding:
    marked = tables.marks.group_by(*BY_RUN, "date").agg(marked=pl.col("value_usd").sum())
    rows = tables.equity.join(marked, on=[*BY_RUN, "date"], how="left").with_columns(
        pl.col("marked").fill_null(0.0)
    )
    equity = pl.col("cash_usd") + pl.col("positions_usd")
    wrong = ((equity - pl.col("equity_usd")).abs() > CENT) | (
        (pl.col("marked") - pl.col("positions_usd")).abs() > CENT
    )
    shown = ("fill_model", "date", "cash_usd", "positions_usd", "marked", "equity_usd")
    return _finding(rows.filter(wrong), shown)


def _unfilled(tables: BacktestTables) -> Finding:
    """Net prices are rounded to a hundredth of a cent, at most half a cent per contract."""
    paid = pl.when(pl.col("side") == "buy").then("price").otherwise(-pl.col("price"))
    filled = tables.fills.group_by(*BY_RUN, "date").agg(
        paid=(paid * pl.col("contracts")).sum() * SHARES, contracts=pl.col("contracts").sum()
    )
    rows = tables.equity.sort("date").join(
        filled, on=[*BY_RUN, "date"], how="left", maintain_order="left"
    ).with_columns(
        pl.col("paid", "contracts").fill_null(0),
        moved=pl.col("cash_usd").diff().over(BY_RUN),
    )  # fmt: skip
    missing = pl.col("moved") + pl.col("paid") + pl.col("fees_usd") - pl.col("interest_usd")
    wrong = missing.abs() > CENT * (1 + pl.col("contracts"))
    shown = (*BY_RUN, "date", "moved", "paid", "fees_usd", "interest_usd")
    return _finding(rows.filter(wrong), shown)


def _unexplained(tables: BacktestTables) -> Finding:
    """The change in equity must equal interest plus the profits of all positions."""
    gained = (
        tables.equity.sort("date")
        .group_by(*BY_RUN)
        .agg(
            gained=pl.col("equity_usd").last() - pl.col("equity_usd").first(),
            # The first session has no trades, and its interest is already in its mark.
            interest=pl.col("interest_usd").slice(1).sum(),
        )
    )
    earned = tables.trades.group_by(BY_RUN).agg(pnl=pl.col("pnl_usd").sum())
    rows = gained.join(earned, on=BY_RUN, how="left").with_columns(pl.col("pnl").fill_null(0.0))
    missing = pl.col("gained") - pl.col("interest") - pl.col("pnl")
    return _finding(rows.filter(missing.abs() > CENT), (*BY_RUN, "gained", "interest", "pnl"))


def _unattributed(tables: BacktestTables) -> Finding:
    """Where several sets trade one account, what a set has made is the sum of its trades."""
    by_set = ["fill_model", "rule_set"]
    stated = tables.parts.filter(part=SET_PART).select(*by_set, "pnl_usd")
    of_account = tables.trades.filter(run=ACCOUNT)
    made = of_account.group_by(by_set).agg(made=pl.col("pnl_usd").sum())
    rows = stated.join(made, on=by_set, how="full", coalesce=True).fill_null(0.0)
    wrong = (pl.col("pnl_usd") - pl.col("made")).abs() > CENT
    return _finding(rows.filter(wrong), (*by_set, "pnl_usd", "made"))


def _beyond_maximum(tables: BacktestTables) -> Finding:
    """A position settled at expiry cannot lose more than its maximum loss.

    Strategies of undefined risk are exempt: they have no maximum loss, only capital at risk. So are
    those with several expiries, which end at the market price of the legs that live on.
    """
    every = [any_strategy(name) for name in (*STRATEGIES, *EARNINGS_STRATEGIES)]
    inexact = [own.name for own in every if not (own.defined_risk and own.one_expiry)]
    settled = tables.trades.filter(
        ~pl.col("strategy").is_in(inexact).fill_null(value=False)
        & (pl.col("exit_reason") == SETTLED)
    )
    wrong = settled.filter(-pl.col("pnl_usd") > pl.col("max_loss_usd") + CENT)
    return _finding(wrong, ("fill_model", "plan_id", "ticker", "pnl_usd", "max_loss_usd"))


def _unmarked(tables: BacktestTables) -> Finding:
    """A position must have a mark in each session from its entry to the one before its exit."""
    marks = tables.marks.group_by(*BY_RUN, "plan_id").agg(marks=pl.len())
    sessions = tables.equity.select(*BY_RUN, "date")
    lived = (
        tables.trades.select(*BY_RUN, "plan_id", "opened_on", "closed_on")
        .join(sessions, on=BY_RUN)
        .filter(
            (pl.col("date") >= pl.col("opened_on"))
            & (pl.col("closed_on").is_null() | (pl.col("date") < pl.col("closed_on")))
        )
        .group_by(*BY_RUN, "plan_id")
        .agg(lived=pl.len())
    )
    rows = lived.join(marks, on=[*BY_RUN, "plan_id"], how="full", coalesce=True)
    wrong = ~pl.col("lived").eq_missing(pl.col("marks"))
    return _finding(rows.filter(wrong), ("fill_model", "plan_id", "lived", "marks"))


def _no_trades(tables: BacktestTables) -> Finding:
    runs = tables.equity.select(BY_RUN).unique()
    idle = runs.join(tables.trades, on=BY_RUN, how="anti").sort(BY_RUN)
    return _finding(idle, BY_RUN)


BACKTEST_RULES = (
    BacktestRule(
        "accounts_balance",
        "cash + positions equal equity in each session, and the marks add up to the positions, "
        "to the cent",
        _unbalanced,
    ),
    BacktestRule(
        "fills_explain_cash",
        "cash changes by fills, fees and interest only, to half a cent per contract",
        _unfilled,
    ),
    BacktestRule(
        "profits_explain_equity",
        "the change in equity is interest plus the profits of all positions, to the cent",
        _unexplained,
    ),
    BacktestRule(
        "sets_explain_account",
        "of several sets in one account each has made the profits of its own trades, to the cent",
        _unattributed,
    ),
    BacktestRule(
        "losses_bounded",
        "no position held to expiry lost more than its maximum loss",
        _beyond_maximum,
    ),
    BacktestRule(
        "positions_marked",
        "each position has a mark in every session in which it was open",
        _unmarked,
    ),
    BacktestRule("trades_made", "each run made at least one trade", _no_trades, blocking=False),
)
