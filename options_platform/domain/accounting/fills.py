"""Fills: each growth of the filled quantity of an order, with its price, fees and cash."""

from __future__ import annotations

import polars as pl

from options_platform.contracts import FILLS
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.orders import Order
from options_platform.domain.trading.positions import Position


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
    return fitted(rows, FILLS.schema).sort(FILLS.key)


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


def _purpose(order: Order, own: Position | None) -> str:
    """What a fill of the order is for: of exits only those of whole spreads are called so."""
    if order.multiplier == 1:
        return "shares"
    if order.purpose == "exit" and own is not None and len(order.legs) != len(own.legs):
        return "leg"
    return order.purpose


def fitted(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The columns of `schema`, in its order and types."""
    return rows.select(schema.names()).cast(dict(schema))  # type: ignore[arg-type]
