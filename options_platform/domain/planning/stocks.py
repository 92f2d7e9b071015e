"""What the plan does otherwise for stocks: how wide their spreads are, and may be.

Prices of stocks differ by a factor of hundreds, and so does one fixed width in USD as a share of
them. Funds are planned as without these rules.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import polars as pl

from options_platform.domain.chain import SurfaceRules
from options_platform.domain.market.index_series import all_funds, may_be_stock
from options_platform.domain.planning.refusals import RefusalRule
from options_platform.domain.planning.strike_settings import BY_MOVES, FIXED, StrikeRules

WIDTH_RANGE = "WIDTH_RANGE"


@dataclass(frozen=True)
class StockRules:
    """Widths of the spreads of stocks.

    Where `strikes.width_mode` is `fixed`, a stock's spreads are `width_moves` expected moves wide
    instead (spot x IV x sqrt(T)), on the strikes that are listed; 0 leaves them at the fixed width.
    A width below `min_width_share` or above `max_width_share` of the spot is not traded, whatever
    the rule set: half an expected move of 45 days is above 15% from a volatility of 85% on.
    """

    width_moves: float = 0.5
    min_width_share: float = 0.005
    max_width_share: float = 0.15

    def __post_init__(self) -> None:
        if not 0.0 <= self.width_moves < math.inf:
            raise ValueError("width_moves must be a positive number, or 0 for the fixed width")
        if not 0.0 <= self.min_width_share < self.max_width_share:
            raise ValueError("0 <= min_width_share < max_width_share must hold")

    def strikes(self, of_funds: StrikeRules) -> StrikeRules:
        """The rules of a stock's strikes, from those of a fund's."""
        if not self.width_moves or of_funds.width_mode != FIXED:
            return of_funds
        return replace(of_funds, width_mode=BY_MOVES, width_moves=self.width_moves)


def is_stock(ticker: str, surface: SurfaceRules) -> bool:
    """Whether a ticker is a stock: no known fund or index, and none of the surface's `funds`."""
    return may_be_stock(ticker, surface.funds)


def of_stocks(surface: SurfaceRules) -> pl.Expr:
    """:func:`is_stock` of the column `ticker`."""
    return ~pl.col("ticker").is_in(sorted(all_funds(surface.funds)))


def with_unknown_dividends(rows: pl.DataFrame, surface: SurfaceRules) -> pl.DataFrame:
    """`rows` with `dividends_unknown`: the source gives none of the stock, not that there are none.

    Nothing then warns of an early assignment before an ex-date. False for funds, and where
    `dividends_known` is not among the columns.
    """
    if "dividends_known" not in rows.columns:
        return rows.with_columns(dividends_unknown=pl.lit(value=False))
    return rows.with_columns(dividends_unknown=of_stocks(surface) & ~pl.col("dividends_known"))


def _advice(rules: StockRules) -> str:
    return f", now {rules.width_moves:g}, sets it" if rules.width_moves else "=0.5 scales it"


def width_refusal(rules: StockRules, surface: SurfaceRules) -> RefusalRule:
    """The gate on a stock's width; asked of rows with ticker, `spot` and `width`, USD a share.

    What has no width, such as a straddle or a calendar, passes.
    """
    share = pl.col("width") / pl.col("spot")
    wanted = f"{rules.min_width_share:.3g} to {rules.max_width_share:.3g} of a stock's price"
    outside = (share < rules.min_width_share) | (share > rules.max_width_share)
    return RefusalRule(
        WIDTH_RANGE,
        share.round(6).cast(pl.String),
        wanted,
        (of_stocks(surface) & (pl.col("width") > 0) & outside).fill_null(value=False),
        pl.lit(f"a width of {wanted}: plan.stocks.width_moves{_advice(rules)}"),
    )
