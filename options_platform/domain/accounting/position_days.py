"""Positions session by session: contracts, value, greeks and attributed P&L.

Marks, greeks and attribution come from the backtest's :func:`trade_paths`; the remaining legs of
broken spreads use the marks in the ledger.
"""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import polars as pl

from options_platform.contracts import POSITIONS
from options_platform.domain.accounting.fills import fitted
from options_platform.domain.accounting.snapshot import BROKEN_MARKS, LedgerSnapshot
from options_platform.domain.backtest import BacktestMarket, BacktestRules
from options_platform.domain.backtest.leg_marks import GREEKS
from options_platform.domain.backtest.paths import trade_paths
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.orders import SHARES
from options_platform.domain.trading.positions import Position
from options_platform.errors import IncompleteDataError

CENT = 0.005
PARTS = tuple(f"{name}_pnl_usd" for name in GREEKS)


def position_rows(
    ledger: LedgerSnapshot, fills: pl.DataFrame, market: BacktestMarket, rules: BacktestRules
) -> pl.DataFrame:
    """Rows of `positions`, from each position's entry to its exit or the newest mark."""
    opened_positions = _opened_positions(ledger, market)
    paths = position_paths(ledger, market, rules).drop("opening", "closing")
    newest = market.sessions[-1] if ledger.marks.is_empty() else ledger.marks["session"].max()
    days = pl.DataFrame({"date": market.sessions})
    open_then = pl.col("date").is_between(
        "opened_on", pl.col("closed_on").fill_null(pl.lit(newest, pl.Date))
    )
    ends = pl.col("date") == pl.col("closed_on")
    traded = fills.group_by("position_id", "date").agg(
        pl.col("cash_usd").sum(),
        # Fills of single legs and of assigned shares do not change the number of spreads.
        gained=pl.when(pl.col("purpose") == "entry")
        .then("contracts")
        .when(pl.col("purpose") == "exit")
        .then(-pl.col("contracts"))
        .otherwise(0)
        .sum(),
    )
    rows = (
        opened_positions.join(days, how="cross")
        .filter(open_then)
        .join(paths, on=["position_id", "date"], how="left")
        .join(traded, on=["position_id", "date"], how="left")
        .sort("position_id", "date")
        .with_columns(
            pl.col("mark_price", "spot").forward_fill().over("position_id"),
            pl.col(*GREEKS, *PARTS, "cash_usd").fill_null(0.0),
            pl.col("stale").fill_null(value=True),
            gained=pl.col("gained").fill_null(0),
        )
        .with_columns(pl.col("mark_price").fill_null(pl.col("last_mark")))
        .with_columns(contracts=pl.col("gained").cum_sum().over("position_id"))
        .with_columns(
            # Cash without a fill (expiry, assignment, a manual correction) counts on the exit day.
            contracts=pl.when(ends).then(0).otherwise("contracts"),
            cash_usd=pl.col("cash_usd") + pl.when(ends).then("unfilled_cash_usd").otherwise(0.0),
        )
        .pipe(_with_broken, ledger.broken_marks, ends)
        .with_columns(before=pl.col("contracts").shift(1, fill_value=0).over("position_id"))
    )
    rows = _with_values(rows, ends).with_columns(account=pl.lit(ledger.account))
    return fitted(rows, POSITIONS.schema).sort(POSITIONS.key)


def _with_values(rows: pl.DataFrame, ends: pl.Expr) -> pl.DataFrame:
    """The rows with value, profit, risk and greeks of the contracts that are held, USD."""
    value = pl.coalesce("broken_value_usd", pl.col("mark_price") * SHARES * pl.col("contracts"))
    made = pl.col("cash_usd").cum_sum().over("position_id") + value
    rows = rows.with_columns(
        value_usd=value, pnl_usd=pl.coalesce("broken_profit_usd", made)
    ).with_columns(
        pnl_day_usd=pl.col("pnl_usd").diff().over("position_id").fill_null(pl.col("pnl_usd")),
        exit_reason=pl.when(ends).then("exit_reason"),
        max_loss_usd=pl.coalesce(
            "broken_risk_usd", pl.col("max_loss_usd") * pl.col("contracts") / pl.col("total")
        ),
        **{
            name: pl.col(name) * SHARES * pl.col("contracts")
            + pl.col(f"broken_{name}").fill_null(0)
            for name in GREEKS
        },
        **{name: pl.col(name) * SHARES * pl.col("before") for name in PARTS},
    )
    # `sum_horizontal` adds in an order that depends on the number of threads.
    explained = reduce(add, (pl.col(part).fill_null(0.0) for part in PARTS))
    other = pl.col("pnl_day_usd") - explained
    return rows.with_columns(other_pnl_usd=other)


def _with_broken(rows: pl.DataFrame, broken: pl.DataFrame, ends: pl.Expr) -> pl.DataFrame:
    """Adds the ledger's marks of broken spreads, carried forward from the first one to the exit.

    The columns `broken_*` are null before the first mark and on the session of the exit.
    """
    names = [name for name in BROKEN_MARKS if name not in ("session", "position_id")]
    marks = broken.select(
        "position_id", pl.col("session").alias("date"), pl.col(names).name.prefix("broken_")
    )
    broken_columns = pl.col("^broken_.*$")
    return (
        rows.join(marks, on=["position_id", "date"], how="left", maintain_order="left")
        .with_columns(broken_columns.forward_fill().over("position_id"))
        .with_columns(pl.when(~ends.fill_null(value=False)).then(broken_columns))
        .with_columns(contracts=pl.coalesce("broken_open_contracts", "contracts"))
    )


def _opened_positions(ledger: LedgerSnapshot, market: BacktestMarket) -> pl.DataFrame:
    """Positions opened no later than the market's last session or the newest mark."""
    rows = pl.DataFrame([_position_row(position, ledger) for position in ledger.positions])
    last = max([market.sessions[-1], *ledger.marks["session"]])
    rows = rows.cast({"closed_on": pl.Date, "exit_reason": pl.String})
    return rows.filter(pl.col("opened_on") <= last)


def _position_row(position: Position, ledger: LedgerSnapshot) -> dict[str, object]:
    planned = min(
        (o.session for o in ledger.orders
         if o.position_id == position.position_id and o.purpose == "entry" and o.filled_qty),
        default=shift(position.opened_on, -1),
    )  # fmt: skip
    filled = -sum(
        o.paid_usd + o.fees_usd
        for o in ledger.orders
        if o.position_id == position.position_id and o.purpose != "exercise"
    )
    return {
        "position_id": position.position_id,
        "ticker": position.ticker,
        "strategy": position.strategy,
        "rule_set": position.rule_set,
        "planned_on": planned,
        "opened_on": position.opened_on,
        "closed_on": position.closed_on,
        "expiry": position.expiry,
        "total": position.contracts,
        "entry_price": position.entry_price,
        "last_mark": position.mark_price,
        "unfilled_cash_usd": _without_noise(position.cash_usd - filled),
        "exit_reason": position.exit_reason,
        "max_loss_usd": position.max_loss_usd,
    }


def _without_noise(usd: float) -> float:
    """Zero for amounts below half a cent, which are rounding errors of float sums."""
    return usd if abs(usd) >= CENT else 0.0


def _require_market(positions: pl.DataFrame, market: BacktestMarket) -> None:
    uncovered = positions.filter(
        ~pl.col("ticker").is_in(market.tickers)
        | (pl.col("planned_on") < market.sessions[0])
        | (pl.col("opened_on") > market.sessions[-1])
    )
    if uncovered.height:
        ticker, day = uncovered.select("ticker", "planned_on").row(0)
        raise IncompleteDataError(
            f"the ledger holds a position of {ticker} planned on {day}, and there are no bars of "
            "it from then on; run: options-platform backfill"
        )


def position_paths(
    ledger: LedgerSnapshot, market: BacktestMarket, rules: BacktestRules
) -> pl.DataFrame:
    """Daily values of one spread of each position, by position_id and date, USD a share.

    `opening` and `closing` are the fill model's net prices to open and to close the spread, bought
    legs positive; `mark_price` is the net mid. Greeks and `*_pnl_usd` are per share, as in
    :func:`trade_paths`.
    """
    positions = _opened_positions(ledger, market)
    _require_market(positions, market)
    plans = positions.select(
        "position_id", "ticker", "rule_set", plan_id="position_id", date="planned_on"
    )
    legs = pl.DataFrame(
        [
            {"plan_id": position.position_id, "leg": leg_number, **vars(leg)}
            for position in ledger.positions
            for leg_number, leg in enumerate(position.legs, start=1)
        ]
    )
    paths = trade_paths(plans, legs, market, rules)
    trade = np.repeat(np.arange(plans.height), paths.length)
    session = np.arange(len(trade)) - paths.first[trade] + paths.entry[trade]
    return pl.DataFrame(
        {
            "position_id": plans["position_id"].gather(trade),
            "date": pl.Series(market.days[session]).cast(pl.Date),
            "opening": paths.opening,
            "closing": paths.closing,
            "mark_price": paths.mark,
            "spot": paths.spot,
            "stale": ~paths.has_data,
            **paths.greeks,
            **{f"{name}_pnl_usd": values for name, values in paths.parts.items()},
        }
    ).with_columns(pl.col("mark_price", "spot").fill_nan(None))
