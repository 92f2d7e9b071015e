"""Narrower spreads for accounts that the configured width does not fit.

Fees do not shrink with the width, so a narrower spread is taken only while they leave most of its
profit; the rest is refused with the account that would carry the configured width.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from options_platform.common import KEY
from options_platform.domain.planning.strike_settings import FIXED, StrikeRules
from options_platform.domain.strategies.base import Strategy

Priced = tuple[pl.DataFrame, pl.DataFrame]
"""Rows of the plan with their prices, and their legs."""

PriceAt = Callable[[pl.DataFrame, StrikeRules], Priced]
"""Prices rows, whose expiries are chosen, at the widths of the rules."""


def narrow_to_fit(
    rows: pl.DataFrame, legs: pl.DataFrame, strategy: Strategy, rules: StrikeRules, price: PriceAt
) -> Priced:
    """The same rows, those that the budget alone refuses at the widest narrower width that fits.

    Args:
        rows: of one strategy, priced at the configured width: date, ticker, width, contracts,
            fee_share (round-trip fees over the maximum profit), bad_quote and illiquid.
        legs: their legs; date, ticker.
        strategy: whose rows they are; one without a width is left as it is.
        rules: the widths to try, and the largest share that fees may take.
        price: prices rows again at other widths.

    Returns:
        The rows with `narrowed`, and their legs. A row that no narrower width fits is unchanged,
        and each row is the same in any batch.
    """
    rows = rows.with_columns(narrowed=pl.lit(value=False))
    if not (rules.narrow_to_fit and rules.width_mode == FIXED and strategy.winged):
        return rows, legs
    sound = ~pl.col("bad_quote") & ~pl.col("illiquid")
    too_wide = rows.filter(sound & (pl.col("contracts") < 1))
    too_wide = too_wide.with_columns(configured_width="width")
    for width in sorted(rules.narrower_usd, reverse=True):
        if too_wide.is_empty():
            break
        tried, tried_legs = price(too_wide, rules.at_width(width))
        fits = (
            sound
            & (pl.col("contracts") >= 1)
            & (pl.col("width") < pl.col("configured_width"))
            & (pl.col("fee_share") <= rules.max_fee_share)
        )
        taken = tried.filter(fits).with_columns(narrowed=pl.lit(value=True))
        rows = _with(rows, taken.select(rows.columns))
        legs = _with(legs, tried_legs.join(taken, on=KEY, how="semi"))
        too_wide = too_wide.join(taken, on=KEY, how="anti")
    return rows, legs


def _with(rows: pl.DataFrame, replacing: pl.DataFrame) -> pl.DataFrame:
    """`rows` with those of the same dates and tickers replaced, sorted by these."""
    kept = rows.join(replacing, on=KEY, how="anti")
    return pl.concat([kept, replacing]).sort(KEY, maintain_order=True)
