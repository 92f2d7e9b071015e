"""Result frames of a backtest run."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from options_platform.domain.backtest.sources import SOURCES

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
        "rule_set": pl.String,
    }
)
"""One row per position. Prices in USD a share, net, debit positive; a positive `exit_price` was
received. `pnl_usd` is after fees. An open position has a null `closed_on` and is valued at its
mark. `slippage_usd` is the cost of the fills against the mids; delta, gamma, theta, vega and other
add up to `pnl_usd` + `fees_usd` + `slippage_usd`."""

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
"""One row per leg and fill; `action` is open, close, settle (at expiry) or assign."""

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
"""Each open position at each close; greeks (units as in `GREEKS_BY_TICKER`) and notional of the
whole position. `stale`: no data for the session, the last mark is carried forward."""

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
"""The account at each close: equity = cash + positions, to the cent. Interest and fees are of the
session; `reserved_usd` is the sum of the maximum losses of open positions, `buying_power_usd` is
equity less `reserved_usd`."""

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
"""Sums over open positions: delta in shares, gamma in shares per USD, theta in USD a calendar day,
vega in USD a vol point."""

EXPOSURES = pl.Schema(
    {
        "session": pl.Date,
        "ticker": pl.String,
        "positions": pl.Int64,
        "max_loss_usd": pl.Float64,
        "notional_usd": pl.Float64,
    }
)
"""Open positions by ticker; `notional_usd` is contracts x 100 x spot."""

BY_SET = pl.Schema(
    {
        "session": pl.Date,
        "rule_set": pl.String,
        "pnl_usd": pl.Float64,
        "value_usd": pl.Float64,
        "open_positions": pl.Int64,
        "reserved_usd": pl.Float64,
    }
)
"""What each of several rule sets has made of the account up to each close, fees deducted: all sets
together make the change of equity, but for interest on cash. No rows where one set trades alone."""

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
"""Planned trades that were refused or did not fill, with rule, value and threshold."""


SETTLED = "EXPIRY"
"""Exit reason of a trade that was held to expiry."""

HELD_NOTE = (
    "Held to expiry, settled in cash at what is in the money. Options of ETFs settle in shares, "
    "and orders are sent for such trades only where the account can carry these."
)
"""Note shown beside every figure that includes such trades."""


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
    sources: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SOURCES))
    by_set: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=BY_SET))

    @property
    def held_to_expiry(self) -> int:
        """Number of trades held to expiry and settled in cash, which no real account does."""
        return self.trades.filter(pl.col("exit_reason") == SETTLED).height
