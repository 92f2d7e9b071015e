"""The frames that a backtest gives."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

TRADES = pl.Schema(
    {
        "plan_id": pl.String,
        "ticker": pl.String,
        "strategy": pl.String,
        "regime": pl.String,
        "direction": pl.String,
        "planned_on": pl.Date,
        "opened_on": pl.Date,
        "closed_on": pl.Date,
        "expiry": pl.Date,
        "contracts": pl.Int64,
        "entry_price": pl.Float64,
        "exit_price": pl.Float64,
        "exit_reason": pl.String,
        "days_held": pl.Int64,
        "fees_usd": pl.Float64,
        "slippage_usd": pl.Float64,
        "pnl_usd": pl.Float64,
        "max_loss_usd": pl.Float64,
        "max_profit_usd": pl.Float64,
        "delta_usd": pl.Float64,
        "gamma_usd": pl.Float64,
        "theta_usd": pl.Float64,
        "vega_usd": pl.Float64,
        "other_usd": pl.Float64,
    }
)
"""One row a position. Prices USD a share, net, debit positive; `exit_price` is what closing
brought; `pnl_usd` has fees deducted. An open one has no `closed_on` and is valued at its mark.
`slippage_usd` is what fills cost against the mids; delta, gamma, theta, vega and other add up to
`pnl_usd` + `fees_usd` + `slippage_usd`."""

FILLS = pl.Schema(
    {
        "session": pl.Date,
        "plan_id": pl.String,
        "ticker": pl.String,
        "action": pl.String,
        "leg": pl.Int64,
        "side": pl.String,
        "right": pl.String,
        "strike": pl.Float64,
        "expiry": pl.Date,
        "contracts": pl.Int64,
        "price": pl.Float64,
    }
)
"""One row a leg and fill; `action` is open, close, settle (at expiry) or assign."""

MARKS = pl.Schema(
    {
        "session": pl.Date,
        "plan_id": pl.String,
        "ticker": pl.String,
        "mark_price": pl.Float64,
        "value_usd": pl.Float64,
        "stale": pl.Boolean,
        "delta": pl.Float64,
        "gamma": pl.Float64,
        "theta": pl.Float64,
        "vega": pl.Float64,
        "max_loss_usd": pl.Float64,
        "notional_usd": pl.Float64,
    }
)
"""Each open position at each close, greeks and notional of the whole position in the units below;
`stale` carries the last mark over a session without data."""

EQUITY = pl.Schema(
    {
        "session": pl.Date,
        "cash_usd": pl.Float64,
        "positions_usd": pl.Float64,
        "equity_usd": pl.Float64,
        "interest_usd": pl.Float64,
        "fees_usd": pl.Float64,
        "open_positions": pl.Int64,
        "reserved_usd": pl.Float64,
        "buying_power_usd": pl.Float64,
        "yield_stale": pl.Boolean,
    }
)
"""The account at each close: equity = cash + positions, to the cent. Interest and fees are the
session's; `reserved_usd` the maximum losses of what is open, `buying_power_usd` equity less it."""

GREEKS_BY_TICKER = pl.Schema(
    {
        "session": pl.Date,
        "ticker": pl.String,
        "delta": pl.Float64,
        "gamma": pl.Float64,
        "theta": pl.Float64,
        "vega": pl.Float64,
    }
)
"""Sums over open positions: shares, shares per USD, USD a calendar day, USD a vol point."""

EXPOSURES = pl.Schema(
    {
        "session": pl.Date,
        "ticker": pl.String,
        "positions": pl.Int64,
        "max_loss_usd": pl.Float64,
        "notional_usd": pl.Float64,
    }
)
"""What is open in each ticker; `notional_usd` is contracts x 100 x spot."""

REFUSALS = pl.Schema(
    {
        "session": pl.Date,
        "plan_id": pl.String,
        "ticker": pl.String,
        "rule": pl.String,
        "value": pl.Float64,
        "threshold": pl.Float64,
    }
)
"""Planned trades that the account refused, or that were not filled, with rule and numbers."""


SETTLED = "EXPIRY"
"""The exit reason of a trade that was held into its expiry."""

HELD_NOTE = (
    "Held to expiry, settled in cash at what is in the money. Options of ETFs settle in shares, "
    "and orders are sent for such trades only where the account can carry these."
)
"""What stands wherever figures of such trades do."""


@dataclass(frozen=True)
class BacktestResult:
    """The frames of one run, each in its schema above and sorted by session."""

    start_usd: float
    trades: pl.DataFrame
    fills: pl.DataFrame
    marks: pl.DataFrame
    equity: pl.DataFrame
    greeks: pl.DataFrame
    exposures: pl.DataFrame
    refusals: pl.DataFrame

    @property
    def held_to_expiry(self) -> int:
        """Trades that were held into their expiry and settled in cash, which no account does."""
        return self.trades.filter(pl.col("exit_reason") == SETTLED).height
