"""Converts plans to orders, orders to rows of `paper_orders`, and bars to market closes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime

import numpy as np
import polars as pl

from options_platform.contracts import PAPER_ORDERS
from options_platform.domain.chain.term_structure import known_rates, term_ratios
from options_platform.domain.market.ex_dates import NextDividend, next_dividends
from options_platform.domain.market.odd_splits import odd_splits, odd_splits_ahead
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.orders import Order, OrderLeg, client_order_id, in_lowest_terms

Market = Mapping[date, Mapping[str, MarketClose]]


def entry_order(plan: Mapping[str, object], legs: pl.DataFrame, account: str) -> Order:
    """The entry order of a planned trade, with the ratios of its legs in lowest terms."""
    session, ticker = plan["date"], str(plan["ticker"])
    assert isinstance(session, date)  # noqa: S101 (the contract's type)
    rule_set = str(plan["rule_set"])
    order_id = client_order_id(account, session, ticker, "entry", rule_set=rule_set)
    plan_legs = legs.filter(pl.col("plan_id") == plan["plan_id"]).sort("leg")
    profit = plan["max_profit_usd"]
    order = Order(
        client_order_id=order_id,
        session=session,
        ticker=ticker,
        purpose="entry",
        position_id=order_id,
        plan_id=str(plan["plan_id"]),
        strategy=str(plan["strategy"]),
        legs=tuple(
            OrderLeg(row["side"], row["right"], row["strike"], row["expiry"], row["ratio"])
            for row in plan_legs.iter_rows(named=True)
        ),
        contracts=int(str(plan["contracts"])),
        limit_price=float(str(plan["limit_price"])),
        max_loss_usd=float(str(plan["max_loss_usd"])),
        max_profit_usd=math.inf if profit is None else float(str(profit)),
    )
    return in_lowest_terms(order)


def order_rows(orders: Sequence[Order], broker: str, now: datetime) -> pl.DataFrame:
    """Entry orders as rows of `paper_orders`; of several attempts the last one."""
    last: dict[tuple[date, str, str], Order] = {}
    for order in sorted(orders, key=lambda o: (o.session, o.ticker, o.attempt)):
        if order.purpose == "entry":
            last[order.session, order.ticker, order.rule_set] = order
    rows = [
        {
            "date": order.session,
            "ticker": order.ticker,
            "plan_id": order.plan_id,
            "client_order_id": None if order.status == "not_sent" else order.client_order_id,
            "status": order.status,
            "reason": order.reason,
            "contracts": order.contracts,
            "filled_qty": order.filled_qty,
            "avg_price": order.avg_price,
            "broker": broker,
            "updated_at": now,
            "rule_set": order.rule_set,
        }
        for order in last.values()
    ]
    return pl.DataFrame(rows, schema=PAPER_ORDERS.schema)


def unsent_rows(plans: pl.DataFrame, reason: str, broker: str, now: datetime) -> pl.DataFrame:
    """Rows of `paper_orders` for plans without order: `no_trade`, or `not_sent` with `reason`."""
    trades = pl.col("decision") == "trade"
    return plans.select(
        "date",
        "ticker",
        "plan_id",
        client_order_id=pl.lit(None, pl.String),
        status=pl.when(trades).then(pl.lit("not_sent")).otherwise(pl.lit("no_trade")),
        reason=pl.when(trades).then(pl.lit(reason)).otherwise(pl.lit(None, pl.String)),
        contracts="contracts",
        filled_qty=pl.lit(0, pl.Int32),
        avg_price=pl.lit(None, pl.Float64),
        broker=pl.lit(broker),
        updated_at=pl.lit(now),
        rule_set="rule_set",
    ).cast(PAPER_ORDERS.schema)


def market_closes(
    bars: pl.DataFrame,
    vix: pl.DataFrame,
    tenors: pl.DataFrame | None = None,
    dividends: pl.DataFrame | None = None,
    splits: pl.DataFrame | None = None,
) -> Market:
    """Closes by session and ticker, as traded, from rows of `raw_ohlcv` and `vix`.

    Unknown closes and bars set aside are left out, as in a backtest's market.

    Args:
        bars: rows of `raw_ohlcv`.
        vix: rows of `vix`.
        tenors: date, vix9d, vix3m, vix6m and short_rate, null where unknown.
        dividends: date, ticker and dividend, from before the first bar on; default: the bars'.
        splits: ticker and odd_split_on of splits that are not whole; default: the bars'.
    """
    rows = (
        _with_splits(bars)
        .join(vix, on=["date", "ticker"], how="inner")
        .filter(
            pl.col("close").is_finite()
            & pl.col("iv_close").is_finite()
            & pl.col("bad_reason").is_null()
        )
    )
    if tenors is not None:
        rows = rows.join(tenors, on="date", how="left", maintain_order="left")
    terms = np.vstack([term_ratios(rows), known_rates(rows)]).T.tolist()
    # Of a session without a close, the next close has the split.
    before = pl.col("split_factor").shift(1).over("ticker", order_by="date")
    rows = rows.with_columns(split=before.fill_null(pl.col("began_at")) / pl.col("split_factor"))
    coming = next_dividends(rows, bars if dividends is None else dividends)
    if splits is None:
        has_splits = "split_ratio" in bars.columns
        splits = odd_splits(bars if has_splits else bars.clear().with_columns(split_ratio=1.0))
    odd = odd_splits_ahead(rows, splits)
    rows = rows.join(coming, on=["date", "ticker"], how="left", maintain_order="left")
    rows = rows.join(odd, on=["date", "ticker"], how="left", maintain_order="left").select(
        "date", "ticker", "close", "split_factor", "iv_close", "amount",
        "sessions_ahead", pl.col("dividend").fill_null(0.0), "split", "sessions_to_odd_split",
    )  # fmt: skip
    market: dict[date, dict[str, MarketClose]] = {}
    for row, term in zip(rows.iter_rows(), terms, strict=True):
        day, ticker, close, factor, iv, amount, ahead, paid, split, to_odd = row
        *ratios, rate = (value if value == value else None for value in term)  # noqa: PLR0124 - NaN
        dividend = None if amount is None else NextDividend(amount * factor, ahead)
        market.setdefault(day, {})[ticker] = MarketClose(
            close * factor,
            iv / 100.0,
            tuple(ratios),
            rate,
            dividend,
            ticker,
            paid * factor,
            split,
            to_odd,
        )
    return market


def _with_splits(bars: pl.DataFrame) -> pl.DataFrame:
    """The bars with no factor missing; `began_at` is that of before each ticker's first bar."""
    known = bars.with_columns(pl.col("split_factor").fill_null(1.0))
    first = pl.col("split_factor").sort_by("date").first()
    if "split_ratio" in bars.columns:
        first = first * pl.col("split_ratio").fill_null(1.0).sort_by("date").first()
    return known.with_columns(began_at=first.over("ticker"))
