"""Narrower spreads for accounts that the configured width does not fit.

Fees do not shrink with the width, so a narrower spread is taken only while they leave most of its
profit; the rest is refused with the smallest account that would carry one of the widths.
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

NEEDS = ("account_needed", "spread_loss_usd")


def narrow_to_fit(
    rows: pl.DataFrame, legs: pl.DataFrame, strategy: Strategy, rules: StrikeRules, price: PriceAt
) -> Priced:
    """The same rows, those that the budget alone refuses at the widest narrower width that fits.

    Args:
        rows: of one strategy, priced at the configured width: date, ticker, width, contracts,
            fee_share (round-trip fees over the maximum profit), bad_quote, illiquid, and the
            account_needed and spread_loss_usd of one spread, USD.
        legs: their legs; date, ticker.
        strategy: whose rows they are; one without a width is left as it is.
        rules: the widths to try, and the largest share that fees may take.
        price: prices rows again at other widths.

    Returns:
        The rows with `narrowed`, and their legs. A row that no narrower width fits is unchanged,
        except that account_needed and spread_loss_usd are the smallest at any allowed width. Each
        row is the same in any batch.
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
        allowed = tried.filter(
            sound
            & (pl.col("width") < pl.col("configured_width"))
            & (pl.col("fee_share") <= rules.max_fee_share)
        )
        fits = pl.col("contracts") >= 1
        taken = allowed.filter(fits).with_columns(narrowed=pl.lit(value=True))
        rows = _with(rows, taken.select(rows.columns))
        rows = _with_smaller_needs(rows, allowed.filter(~fits))
        legs = _with(legs, tried_legs.join(taken, on=KEY, how="semi"))
        too_wide = too_wide.join(taken, on=KEY, how="anti")
    return rows, legs


def _with_smaller_needs(rows: pl.DataFrame, refused: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the needs of the same rows `refused` at another width, where these are less."""
    tried = refused.select(*KEY, *NEEDS)
    return rows.join(tried, on=KEY, how="left", suffix="_tried", maintain_order="left").select(
        pl.min_horizontal(name, f"{name}_tried").alias(name) if name in NEEDS else name
        for name in rows.columns
    )


def _with(rows: pl.DataFrame, replacing: pl.DataFrame) -> pl.DataFrame:
    """`rows` with those of the same dates and tickers replaced, sorted by these."""
    kept = rows.join(replacing, on=KEY, how="anti")
    return pl.concat([kept, replacing]).sort(KEY, maintain_order=True)
