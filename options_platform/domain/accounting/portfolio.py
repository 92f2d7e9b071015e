"""Fills, positions and the account, session by session, from the ledger and the stored market.

1. Every increase of an order's filled quantity is a fill.
2. The fills give the open contracts and the cash of a position at each close.
3. Marks, greeks and P&L attribution come from the backtest's :func:`trade_paths`; the remaining
   legs of broken spreads use the marks in the ledger.

The rows are derived: the same ledger and market always give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from options_platform.contracts import PORTFOLIO, PORTFOLIO_SETS, POSITIONS
from options_platform.domain.accounting.fills import fill_rows, fitted
from options_platform.domain.accounting.position_days import position_rows
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.backtest import BacktestMarket, BacktestRules
from options_platform.domain.calendar.sessions import close_time, shift
from options_platform.domain.risk.limits import ONE_PERCENT


@dataclass(frozen=True)
class Portfolio:
    """Rows of the tables `fills`, `positions` and `portfolio`."""

    fills: pl.DataFrame
    positions: pl.DataFrame
    portfolio: pl.DataFrame

    @property
    def by_set(self) -> pl.DataFrame:
        """Rows of `portfolio_sets`: each set from its first position to the last marked session."""
        sums = self.positions.group_by("account", "date", "rule_set").agg(
            pl.col("value_usd", "pnl_day_usd", "max_loss_usd").sum(),
            open_positions=(pl.col("contracts") > 0).sum(),
        )
        firsts = sums.group_by("account", "rule_set").agg(first=pl.col("date").min())
        days = self.portfolio.select("account", "date").join(firsts, on="account")
        of_set = ["account", "rule_set"]
        rows = (
            days.filter(pl.col("date") >= pl.col("first"))
            .join(sums, on=["account", "date", "rule_set"], how="left")
            .sort(*of_set, "date")
            .with_columns(pl.exclude("account", "date", "rule_set", "first").fill_null(0))
            .with_columns(pnl_usd=pl.col("pnl_day_usd").cum_sum().over(of_set))
        )
        return fitted(rows, PORTFOLIO_SETS.schema).sort(PORTFOLIO_SETS.key)

    @property
    def without_rows(self) -> list[str]:
        """Ids of positions opened after the newest stored close: they have fills, but no rows."""
        later = self.fills.join(self.positions, on=["account", "position_id"], how="anti")
        return later["position_id"].unique().sort().to_list()


def make_portfolio(
    ledger: LedgerSnapshot,
    market: BacktestMarket | None,
    rules: BacktestRules,
) -> Portfolio:
    """The views of a ledger; empty for an empty ledger.

    A position opened after the market's last session has fills, but no daily rows yet.

    Args:
        ledger: content of the order ledger.
        market: market from the session before the first entry on; None if nothing was ever filled.
        rules: rules of the backtest; their chain prices the legs, `risk.betas` weight the greeks.

    Raises:
        IncompleteDataError: the market has no bars of a position's ticker, or not for all
            sessions in which the ledger marked it.
    """
    fills = fill_rows(ledger)
    positions = POSITIONS.empty()
    if market is not None and ledger.positions:
        positions = position_rows(ledger, fills, market, rules)
    measured = None if market is None else market.beta_rows()
    account = portfolio_rows(ledger, positions, rules.risk.betas, measured)
    return Portfolio(fills, positions, account)


def portfolio_rows(
    ledger: LedgerSnapshot,
    positions: pl.DataFrame,
    betas: Mapping[str, float],
    measured: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Rows of `portfolio`, one per session marked in the ledger.

    `measured` has date, ticker and beta, for tickers that are not among `betas`.
    """
    if ledger.marks.is_empty():
        return PORTFOLIO.empty()
    if measured is None:
        positions = positions.with_columns(beta=pl.lit(None, pl.Float64))
    else:
        positions = positions.join(
            measured, on=["date", "ticker"], how="left", maintain_order="left"
        )
    chosen = pl.col("ticker").replace_strict(dict(betas), default=None, return_dtype=pl.Float64)
    beta = pl.coalesce(chosen, pl.col("beta"), 1.0)
    spot = pl.col("spot").fill_null(0.0)
    sums = positions.group_by("date").agg(
        positions_usd=pl.col("value_usd").sum(),
        max_loss_usd=pl.col("max_loss_usd").sum(),
        delta_usd=(pl.col("delta") * spot * beta).sum(),
        gamma_usd=(pl.col("gamma") * spot * spot * ONE_PERCENT * beta * beta).sum(),
        theta_usd=pl.col("theta").sum(),
        vega_usd=pl.col("vega").sum(),
    )
    marks = ledger.marks.rename({"session": "date"}).drop("positions_usd").sort("date")
    start_usd = ledger.start_usd
    peak = pl.max_horizontal(pl.col("equity_usd").cum_max(), pl.lit(start_usd))
    rows = (
        marks.join(sums, on="date", how="left")
        .with_columns(pl.col(sums.columns[1:]).fill_null(0.0))
        .with_columns(
            account=pl.lit(ledger.account),
            pnl_day_usd=pl.col("equity_usd") - pl.col("equity_usd").shift(1, fill_value=start_usd),
            drawdown_usd=peak - pl.col("equity_usd"),
            drawdown=(peak - pl.col("equity_usd")) / peak,
            halted=_halted(marks["date"], ledger.account_events),
        )
    )
    return fitted(rows, PORTFOLIO.schema).sort(PORTFOLIO.key)


def _halted(days: pl.Series, events: pl.DataFrame) -> pl.Series:
    """For each session, whether entries were halted: the last event before the next close."""
    turns = [
        (at, kind == "halted")
        for at, kind in events.filter(pl.col("kind").is_in(["halted", "resumed"]))
        .sort("number")
        .select(pl.col("recorded_at").dt.replace_time_zone("UTC"), "kind")
        .iter_rows()
    ]
    ends = [close_time(shift(day, 1)) for day in days]
    states = [next((on for at, on in reversed(turns) if at <= end), False) for end in ends]
    return pl.Series(states, dtype=pl.Boolean)
