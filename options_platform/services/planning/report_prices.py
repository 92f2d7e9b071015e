"""What each close knew of the price of the next report: the move that options imply, and the
forecast one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import KEY
from options_platform.contracts import EARNINGS_FORECAST, VIX
from options_platform.domain.earnings.rules import EarningsRules
from options_platform.domain.earnings.straddles import implied_move
from options_platform.domain.planning.report_trades.choice import PRICE_INPUTS

READ = [*KEY, "implied_move", "ratio", "expected_move"]


def with_report_prices(
    rows: pl.DataFrame,
    warehouse: Warehouse,
    tickers: Sequence[str],
    start: date,
    end: date,
    rules: EarningsRules,
) -> pl.DataFrame:
    """`rows` (date, ticker) with `PRICE_INPUTS`, null where no report is near or none is priced.

    The move is that of the chain of the session. Without one there is none, unless `event_premium`
    says by which factor the model's is to be multiplied.
    """
    forecasts = warehouse.read(
        EARNINGS_FORECAST, columns=READ, tickers=tickers, start=start, end=end
    )
    if forecasts.is_empty():
        return rows
    prices = forecasts.select(
        *KEY, "expected_move", priced_move="implied_move", priced_ratio="ratio"
    )
    if rules.prices_reports:
        prices = _with_modelled(prices, warehouse, tickers, start, end, rules)
    return rows.join(prices.select(*KEY, *PRICE_INPUTS), on=KEY, how="left", maintain_order="left")


def _with_modelled(
    prices: pl.DataFrame,
    warehouse: Warehouse,
    tickers: Sequence[str],
    start: date,
    end: date,
    rules: EarningsRules,
) -> pl.DataFrame:
    """`prices` with the model's move, where no chain gives one."""
    scale = (rules.event_premium or 1.0) ** 2
    columns = [*KEY, "event_var"]
    modelled = warehouse.read(VIX, columns=columns, tickers=tickers, start=start, end=end)
    moves = modelled.filter(pl.col("event_var") > 0.0)
    moves = moves.with_columns(
        modelled=pl.Series(
            [implied_move(scale * each) for each in moves["event_var"]], dtype=pl.Float64
        )
    )
    joined = prices.join(moves.select(*KEY, "modelled"), on=KEY, how="left", maintain_order="left")
    return joined.with_columns(
        priced_move=pl.coalesce("priced_move", "modelled"),
        priced_ratio=pl.coalesce("priced_ratio", pl.col("modelled") / pl.col("expected_move")),
    )
