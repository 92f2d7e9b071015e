"""Fills, positions and the account, session by session, from the ledger and the stored market.

1. Each growth of an order's filled quantity is a fill.
2. The fills give what was held of a position at each close, and its cash.
3. Marks, greeks and attribution are those of the backtest's :func:`trade_paths`; what is loose of
   broken spreads has the marks of the ledger.
Nothing here is kept: the ledger and the market give the same rows again.
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
    """What a ledger holds at one moment.

    `order_events`, `account_events`, `marks` and `broken_marks` are its tables of these names,
    oldest first; `start_usd` is what the account began with, None before its first mark.
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
        """The positions that were opened after the newest stored close: fills, and no row yet."""
        later = self.fills.join(self.positions, on=["account", "position_id"], how="anti")
        return later["position_id"].unique().sort().to_list()


def make_portfolio(
    held: LedgerSnapshot,
    market: BacktestMarket | None,
    rules: BacktestRules,
) -> Portfolio:
    """The views of a ledger; empty where it holds nothing.

    A position that was opened after the market's last session has fills and no daily rows yet.

    Args:
        held: the ledger.
        market: from the session before the first entry; None if nothing was ever filled.
        rules: those of the backtest; their chain prices the legs, `risk.betas` weigh the greeks.

    Raises :class:`IncompleteDataError` where the market lacks a position's ticker or a session
    that the ledger has marked it in.
    """
    fills = fill_rows(held)
    positions = POSITIONS.empty()
    if market is not None and held.positions:
        positions = position_rows(held, fills, market, rules)
    account = portfolio_rows(held, positions, rules.risk.betas)
    return Portfolio(fills, positions, account)


def fill_rows(held: LedgerSnapshot) -> pl.DataFrame:
    """Rows of `fills`; a price that was corrected later counts as it stands now."""
    filled = [o for o in held.orders if o.filled_qty and o.purpose != "exercise"]
    if not filled:
        return FILLS.empty()
    orders = pl.DataFrame([_order_row(order, held) for order in filled])
    state = orders.select(
        "client_order_id", filled_qty="filled", avg_price="avg_price", at=pl.lit(1)
    )
    # The order's own state comes last: the events of older ledgers tell no quantities.
    steps = (
        pl.concat(
            [
                held.order_events.select(
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
        account=pl.lit(held.account),
        price=pl.col("cost") / pl.col("contracts"),
        fees_usd=pl.col("fees_usd") * pl.col("contracts") / pl.col("filled"),
    )
    rows = rows.with_columns(cash_usd=-pl.col("cost") * pl.col("multiplier") - pl.col("fees_usd"))
    return _fitted(rows, FILLS.schema).sort(FILLS.key)


def position_rows(
    held: LedgerSnapshot, fills: pl.DataFrame, market: BacktestMarket, rules: BacktestRules
) -> pl.DataFrame:
    """Rows of `positions`, from each one's entry to its exit or the newest mark."""
    known = _known_positions(held, market)
    paths = position_paths(held, market, rules).drop("opening", "closing")
    newest = market.sessions[-1] if held.marks.is_empty() else held.marks["session"].max()
    days = pl.DataFrame({"date": market.sessions})
    open_then = pl.col("date").is_between(
        "opened_on", pl.col("closed_on").fill_null(pl.lit(newest, pl.Date))
    )
    ends = pl.col("date") == pl.col("closed_on")
    traded = fills.group_by("position_id", "date").agg(
        pl.col("cash_usd").sum(),
        # Single legs, and the shares of an assignment, are no spreads.
        gained=pl.when(pl.col("purpose") == "entry")
        .then("contracts")
        .when(pl.col("purpose") == "exit")
        .then(-pl.col("contracts"))
        .otherwise(0)
        .sum(),
    )
    rows = (
        known.join(days, how="cross")
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
            # What ended without a fill, by an activity or a person's word, counts at the end.
            contracts=pl.when(ends).then(0).otherwise("contracts"),
            cash_usd=pl.col("cash_usd") + pl.when(ends).then("gone_usd").otherwise(0.0),
        )
        .pipe(_with_broken, held.broken_marks, ends)
        .with_columns(before=pl.col("contracts").shift(1, fill_value=0).over("position_id"))
    )
    value = pl.coalesce("broken_value_usd", pl.col("mark_price") * SHARES * pl.col("contracts"))
    made = pl.col("cash_usd").cum_sum().over("position_id") + value
    rows = rows.with_columns(
        value_usd=value, pnl_usd=pl.coalesce("broken_profit_usd", made)
    ).with_columns(
        pnl_day_usd=pl.col("pnl_usd").diff().over("position_id").fill_null(pl.col("pnl_usd")),
        account=pl.lit(held.account),
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
    """The rows with what the ledger marked of broken spreads, from the first such mark to the end.

    The columns `broken_*` are null before it and on the session of the exit.
    """
    names = [name for name in BROKEN_MARKS if name not in ("session", "position_id")]
    marks = broken.select(
        "position_id", pl.col("session").alias("date"), pl.col(names).name.prefix("broken_")
    )
    known = pl.col("^broken_.*$")
    return (
        rows.join(marks, on=["position_id", "date"], how="left", maintain_order="left")
        .with_columns(known.forward_fill().over("position_id"))
        .with_columns(pl.when(~ends.fill_null(value=False)).then(known))
        .with_columns(contracts=pl.coalesce("broken_open_contracts", "contracts"))
    )


def portfolio_rows(
    held: LedgerSnapshot, positions: pl.DataFrame, betas: Mapping[str, float]
) -> pl.DataFrame:
    """Rows of `portfolio`, one for each session that the ledger has marked."""
    if held.marks.is_empty():
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
    marks = held.marks.rename({"session": "date"}).drop("positions_usd").sort("date")
    start_usd = held.start_usd
    peak = pl.max_horizontal(pl.col("equity_usd").cum_max(), pl.lit(start_usd))
    rows = (
        marks.join(sums, on="date", how="left")
        .with_columns(pl.col(sums.columns[1:]).fill_null(0.0))
        .with_columns(
            account=pl.lit(held.account),
            pnl_day_usd=pl.col("equity_usd") - pl.col("equity_usd").shift(1, fill_value=start_usd),
            drawdown_usd=peak - pl.col("equity_usd"),
            drawdown=(peak - pl.col("equity_usd")) / peak,
            halted=_halted(marks["date"], held.account_events),
        )
    )
    return _fitted(rows, PORTFOLIO.schema).sort(PORTFOLIO.key)


def _order_row(order: Order, held: LedgerSnapshot) -> dict[str, object]:
    worked = shift(order.session, 1)
    own = next((p for p in held.positions if p.position_id == order.position_id), None)
    if own is not None and order.purpose == "entry":
        worked = own.opened_on
    elif own is not None and own.closed_on is not None:
        # A fill that was learnt of late counts when the ledger counted it.
        last = max(
            (o for o in held.orders if o.purpose == "exit" and o.filled_qty
             and o.position_id == own.position_id),
            key=lambda o: (o.session, o.attempt),
        )  # fmt: skip
        worked = own.closed_on if order == last else min(worked, own.closed_on)
    return {
        "client_order_id": order.client_order_id,
        "date": worked,
        "ticker": order.ticker,
        "position_id": order.position_id,
        "purpose": _purpose(order, own),
        "multiplier": order.multiplier,
        "strategy": order.strategy,
        "ordered": order.contracts,
        "filled": order.filled_qty,
        "avg_price": float(order.avg_price or 0.0),
        "limit_price": order.limit_price,
        "fees_usd": order.fees_usd,
    }


def _known_positions(held: LedgerSnapshot, market: BacktestMarket) -> pl.DataFrame:
    """The positions that were opened up to the market's last session, or to the newest mark."""
    known = pl.DataFrame([_position_row(position, held) for position in held.positions])
    last = max([market.sessions[-1], *held.marks["session"]])
    known = known.cast({"closed_on": pl.Date, "exit_reason": pl.String})
    return known.filter(pl.col("opened_on") <= last)


def _position_row(position: Position, held: LedgerSnapshot) -> dict[str, object]:
    planned = min(
        (o.session for o in held.orders
         if o.position_id == position.position_id and o.purpose == "entry" and o.filled_qty),
        default=shift(position.opened_on, -1),
    )  # fmt: skip
    filled = -sum(
        o.paid_usd + o.fees_usd
        for o in held.orders
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
        "gone_usd": _without_noise(position.cash_usd - filled),
        "exit_reason": position.exit_reason,
        "max_loss_usd": position.max_loss_usd,
    }


def _without_noise(usd: float) -> float:
    """An amount that sums of floats leave at a fraction of a cent is none."""
    return usd if abs(usd) >= CENT else 0.0


def _purpose(order: Order, own: Position | None) -> str:
    """What a fill of the order is for: of exits only those of whole spreads are called so."""
    if order.multiplier == 1:
        return "shares"
    if order.purpose == "exit" and own is not None and len(order.legs) != len(own.legs):
        return "leg"
    return order.purpose


def _require_market(known: pl.DataFrame, market: BacktestMarket) -> None:
    bare = known.filter(
        ~pl.col("ticker").is_in(market.tickers)
        | (pl.col("planned_on") < market.sessions[0])
        | (pl.col("opened_on") > market.sessions[-1])
    )
    if bare.height:
        ticker, day = bare.select("ticker", "planned_on").row(0)
        raise IncompleteDataError(
            f"the ledger holds a position of {ticker} planned on {day}, and there are no bars of "
            "it from then on; run: options-platform backfill"
        )


def position_paths(
    held: LedgerSnapshot, market: BacktestMarket, rules: BacktestRules
) -> pl.DataFrame:
    """The path of one spread of each position, by position_id and date, USD a share.

    `opening` and `closing` are the fill model's net prices of opening and closing, bought legs
    positive; `mark_price` that at the mids; greeks and `*_pnl_usd` are those of the paths.
    """
    known = _known_positions(held, market)
    _require_market(known, market)
    plans = known.select("position_id", "ticker", plan_id="position_id", date="planned_on")
    legs = pl.DataFrame(
        [
            {"plan_id": position.position_id, "leg": number, **vars(leg)}
            for position in held.positions
            for number, leg in enumerate(position.legs, start=1)
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
            "stale": ~paths.known,
            **paths.greeks,
            **{f"{name}_pnl_usd": values for name, values in paths.parts.items()},
        }
    ).with_columns(pl.col("mark_price", "spot").fill_nan(None))


def _halted(days: pl.Series, events: pl.DataFrame) -> pl.Series:
    """Whether the last halt or resume before the next session's close was a halt."""
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
