"""Fills, positions and the account, session by session, from the ledger and the stored market.

1. Every increase of an order's filled quantity is a fill.
2. The fills give the open contracts and the cash of a position at each close.
3. Marks, greeks and P&L attribution come from the backtest's :func:`trade_paths`; the remaining
   legs of broken spreads use the marks in the ledger.

The rows are derived: the same ledger and market always give the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from options_platform.contracts import FILLS, PORTFOLIO, POSITIONS
from options_platform.domain.backtest import BacktestMarket, BacktestRules
from options_platform.domain.backtest.paths import GREEKS, trade_paths
from options_platform.domain.calendar.sessions import close_time, shift
from options_platform.domain.risk.limits import ONE_PERCENT
from options_platform.domain.trading.orders import SHARES, Order
from options_platform.domain.trading.positions import Position
from options_platform.errors import IncompleteDataError

CENT = 0.005
PARTS = tuple(f"{name}_pnl_usd" for name in GREEKS)
BROKEN_MARKS = pl.Schema(
    {"session": pl.Date, "position_id": pl.String, "open_contracts": pl.Int32}
    | dict.fromkeys(("value_usd", "profit_usd", "risk_usd", *GREEKS), pl.Float64)
)


@dataclass(frozen=True)
class LedgerSnapshot:
    """Content of an order ledger at one moment.

    `order_events`, `account_events`, `marks` and `broken_marks` are its tables of the same names,
    oldest row first. `start_usd` is the starting equity, None before the first mark.
    """

    account: str
    orders: tuple[Order, ...]
    positions: tuple[Position, ...]
    order_events: pl.DataFrame
    account_events: pl.DataFrame
    marks: pl.DataFrame
    start_usd: float | None
    broken_marks: pl.DataFrame = field(default_factory=BROKEN_MARKS.to_frame)


@dataclass(frozen=True)
class Portfolio:
    """Rows of the tables `fills`, `positions` and `portfolio`."""

    fills: pl.DataFrame
    positions: pl.DataFrame
    portfolio: pl.DataFrame

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
    account = portfolio_rows(ledger, positions, rules.risk.betas)
    return Portfolio(fills, positions, account)


def fill_rows(ledger: LedgerSnapshot) -> pl.DataFrame:
    """Rows of `fills`; a price corrected later is shown as corrected."""
    filled = [o for o in ledger.orders if o.filled_qty and o.purpose != "exercise"]
    if not filled:
        return FILLS.empty()
    orders = pl.DataFrame([_order_row(order, ledger) for order in filled])
    state = orders.select(
        "client_order_id", filled_qty="filled", avg_price="avg_price", at=pl.lit(1)
    )
    # The order's current state comes last, because events of older ledgers have no quantities.
    steps = (
        pl.concat(
            [
                ledger.order_events.select(
                    "client_order_id",
                    pl.col("filled_qty").cast(pl.Int64),
                    "avg_price",
                    at=pl.lit(0),
                ),
                state.cast({"filled_qty": pl.Int64}),
            ]
        )
        .filter(pl.col("filled_qty") > 0)
        .group_by("client_order_id", "filled_qty", maintain_order=True)
        .agg(pl.col("avg_price").last())
        .sort("client_order_id", "filled_qty")
        .with_columns(cost=pl.col("filled_qty") * pl.col("avg_price"))
    )
    grown = steps.with_columns(
        number=pl.int_range(1, pl.len() + 1).over("client_order_id"),
        contracts=pl.col("filled_qty")
        .diff()
        .over("client_order_id")
        .fill_null(pl.col("filled_qty")),
        cost=pl.col("cost").diff().over("client_order_id").fill_null(pl.col("cost")),
    ).drop("avg_price")
    rows = grown.join(orders, on="client_order_id").with_columns(
        account=pl.lit(ledger.account),
        price=pl.col("cost") / pl.col("contracts"),
        fees_usd=pl.col("fees_usd") * pl.col("contracts") / pl.col("filled"),
    )
    rows = rows.with_columns(cash_usd=-pl.col("cost") * pl.col("multiplier") - pl.col("fees_usd"))
    return _fitted(rows, FILLS.schema).sort(FILLS.key)


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
    value = pl.coalesce("broken_value_usd", pl.col("mark_price") * SHARES * pl.col("contracts"))
    made = pl.col("cash_usd").cum_sum().over("position_id") + value
    rows = rows.with_columns(
        value_usd=value, pnl_usd=pl.coalesce("broken_profit_usd", made)
    ).with_columns(
        pnl_day_usd=pl.col("pnl_usd").diff().over("position_id").fill_null(pl.col("pnl_usd")),
        account=pl.lit(ledger.account),
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
    other = pl.col("pnl_day_usd") - pl.sum_horizontal(PARTS)
    return _fitted(rows.with_columns(other_pnl_usd=other), POSITIONS.schema).sort(POSITIONS.key)


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


def portfolio_rows(
    ledger: LedgerSnapshot, positions: pl.DataFrame, betas: Mapping[str, float]
) -> pl.DataFrame:
    """Rows of `portfolio`, one per session marked in the ledger."""
    if ledger.marks.is_empty():
        return PORTFOLIO.empty()
    beta = pl.col("ticker").replace_strict(dict(betas), default=1.0, return_dtype=pl.Float64)
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
    return _fitted(rows, PORTFOLIO.schema).sort(PORTFOLIO.key)


def _order_row(order: Order, ledger: LedgerSnapshot) -> dict[str, object]:
    fill_session = shift(order.session, 1)
    position = next((p for p in ledger.positions if p.position_id == order.position_id), None)
    if position is not None and order.purpose == "entry":
        fill_session = position.opened_on
    elif position is not None and position.closed_on is not None:
        # A fill reported late is dated by the session in which the ledger booked it.
        last = max(
            (o for o in ledger.orders if o.purpose == "exit" and o.filled_qty
             and o.position_id == position.position_id),
            key=lambda o: (o.session, o.attempt),
        )  # fmt: skip
        fill_session = (
            position.closed_on if order == last else min(fill_session, position.closed_on)
        )
    return {
        "client_order_id": order.client_order_id,
        "date": fill_session,
        "ticker": order.ticker,
        "position_id": order.position_id,
        "purpose": _purpose(order, position),
        "multiplier": order.multiplier,
        "strategy": order.strategy,
        "ordered": order.contracts,
        "filled": order.filled_qty,
        "avg_price": float(order.avg_price or 0.0),
        "limit_price": order.limit_price,
        "fees_usd": order.fees_usd,
    }


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


def _purpose(order: Order, position: Position | None) -> str:
    """Purpose of the order's fills; an exit of fewer legs than the position has is a `leg`."""
    if order.multiplier == 1:
        return "shares"
    if order.purpose == "exit" and position is not None and len(order.legs) != len(position.legs):
        return "leg"
    return order.purpose


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
    plans = positions.select("position_id", "ticker", plan_id="position_id", date="planned_on")
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


def _fitted(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    return rows.select(schema.names()).cast(dict(schema))  # type: ignore[arg-type]
