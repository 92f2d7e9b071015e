"""Fills: every increase of an order's filled quantity, with its price, fees and cash."""

from __future__ import annotations

import polars as pl

from options_platform.contracts import FILLS
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position


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
    return fitted(rows, FILLS.schema).sort(FILLS.key)


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
        "rule_set": order.rule_set,
        "ordered": order.contracts,
        "filled": order.filled_qty,
        "avg_price": float(order.avg_price or 0.0),
        "limit_price": order.limit_price,
        "fees_usd": order.fees_usd,
    }


def _purpose(order: Order, position: Position | None) -> str:
    """Purpose of the order's fills; an exit of fewer legs than the position has is a `leg`."""
    if order.multiplier == 1:
        return "shares"
    if order.purpose == "exit" and position is not None and len(order.legs) != len(position.legs):
        return "leg"
    return order.purpose


def fitted(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of `schema`, in its order and types."""
    return rows.select(schema.names()).cast(dict(schema))  # type: ignore[arg-type]
