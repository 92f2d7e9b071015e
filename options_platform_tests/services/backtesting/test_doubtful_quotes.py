"""Real quotes that are crossed, wide, one-sided or missing, and what stands in for them."""

from datetime import date

import polars as pl
import pytest

from options_platform.domain.backtest import run_backtest
from options_platform_tests.domain.backtest.small import plan
from options_platform_tests.services.backtesting.real_files import (
    HELD,
    RULES,
    trade,
    without,
)
from options_platform_tests.services.backtesting.spxw_trade import (
    EXPIRY,
    PLANNED,
    mark_on,
    put_spread,
)


def crossed(raw, strike):
    """The quotes without 2018-02-06, and with those of a put crossed on 02-07."""
    wrong = (
        (pl.col("date") == date(2018, 2, 7)) & (pl.col("strike") == strike)
        & (pl.col("right") == "put")
    )  # fmt: skip
    return without(raw, date(2018, 2, 6)).with_columns(
        bid=pl.when(wrong).then("ask").otherwise("bid"),
        ask=pl.when(wrong).then("bid").otherwise("ask"),
    )


def test_a_crossed_quote_gives_way_to_a_narrow_quote_of_the_other_right(spx, raw):
    """The 2650P of 2018-02-07, crossed, is priced by its neighbours and fills by the 2650C.

    The 2650C is quoted 63.30/65.80; half of that, 1.25, is 3% of the put's price. The 2645P has a
    volatility of 20.4573%, the 2655P 19.8763%, hence 20.1686% and a price of 39.4974 at T = 21/365
    and the implied spot of 2673.369. Bought at 39.4974 + 0.625 = 40.1224; the 2600P sold at 28.10.
    (4.70 - 12.0224) x 100 - 2.60 = -734.84 USD.
    """
    result = trade(PLANNED, spx(crossed(raw, 2650.0)))
    row = result.trades.row(0, named=True)
    assert row["closed_on"] == date(2018, 2, 7)
    assert row["pnl_usd"] == pytest.approx(-734.84, abs=0.005)
    assert result.sources["exit_source"].item() == "parity"


def test_an_exit_waits_where_the_other_right_is_quoted_too_wide(spx, raw):
    """The 2600C of 2018-02-07, 102.00/106.60, says 2.30 more or less of a put worth 28.41.

    So the 2600P, crossed, has a mark and no fill. On 02-08: buy 2650P quoted 90.50/97.30 at 95.60,
    sell 2600P quoted 68.10/73.40 at 69.425: (4.70 - 26.175) x 100 - 2.60 = -2,150.10 USD.
    """
    result = trade(PLANNED, spx(crossed(raw, 2600.0)))
    row = result.trades.row(0, named=True)
    assert row["closed_on"] == date(2018, 2, 8)
    assert row["pnl_usd"] == pytest.approx(-2_150.10, abs=1e-9)
    waited = result.refusals.filter(pl.col("rule") == "NO_QUOTE")
    assert waited["session"].to_list() == [date(2018, 2, 6), date(2018, 2, 7)]


def test_a_far_option_without_a_bid_is_marked_at_half_its_ask_and_sold_for_nothing(spx, raw):
    """On 2018-02-27 the 2650P is quoted 0.25/0.35, bought at 0.325; the 2600P is made 0/0.05.

    (4.70 - 0.325) x 100 - 2.60 = 434.90 USD.
    """
    last = date(2018, 2, 27)
    lone = (pl.col("date") == last) & (pl.col("strike") == 2600.0) & (pl.col("right") == "put")
    quotes = raw.with_columns(
        bid=pl.when(lone).then(0.0).otherwise("bid"), ask=pl.when(lone).then(0.05).otherwise("ask")
    )
    (plan_id,) = PLANNED[0]["plan_id"]
    result = run_backtest(*PLANNED, spx(quotes), RULES, exit_on={plan_id: last})
    row = result.trades.row(0, named=True)
    assert row["closed_on"] == last
    assert row["pnl_usd"] == pytest.approx(434.90, abs=1e-9)
    held = trade(PLANNED, spx(quotes), HELD)
    assert -mark_on(held, last) == pytest.approx(0.30 - 0.025, abs=1e-9)


def only_asked(raw, ask):
    """The quotes with no bid and this ask for the 2600P of 2018-02-27, truly 0.10/0.15."""
    lone = (
        (pl.col("date") == date(2018, 2, 27)) & (pl.col("strike") == 2600.0)
        & (pl.col("right") == "put")
    )  # fmt: skip
    return raw.with_columns(
        bid=pl.when(lone).then(0.0).otherwise("bid"), ask=pl.when(lone).then(ask).otherwise("ask")
    )


@pytest.mark.parametrize("side", ["sell", "buy"])
def test_a_stub_ask_far_above_the_smile_is_no_quote(spx, raw, side):
    """Asked at 2.00 the 2600P is marked at the smile, 0.10 to 0.15, and not bought or sold."""
    last = date(2018, 2, 27)
    other = ("buy", 2550.0) if side == "sell" else ("sell", 2650.0)
    legs = [(side, "put", 2600.0, EXPIRY), (other[0], "put", other[1], EXPIRY)]
    planned = plan(date(2018, 2, 1), legs, ticker="SPX", price=-1.2, loss=48.8, profit=1.2)
    (plan_id,) = planned[0]["plan_id"]
    of_market = spx(only_asked(raw, 2.0))
    result = run_backtest(*planned, of_market, HELD, exit_on={plan_id: last})
    assert result.trades["closed_on"].to_list() == [EXPIRY]
    assert result.refusals.select("session", "rule").rows() == [(last, "NO_QUOTE")]
    quoted = raw.filter((pl.col("date") == last) & (pl.col("right") == "put"))
    mids = dict(quoted.select("strike", (pl.col("bid") + pl.col("ask")) / 2).iter_rows())
    sign = 1.0 if side == "sell" else -1.0
    apart = -mark_on(result, last) + sign * mids[other[1]]
    assert 0.10 <= sign * apart <= 0.15


def test_an_ask_without_a_bid_or_a_smile_counts_up_to_a_few_ticks(spx, raw):
    few = pl.col("strike").is_in([2600.0, 2650.0]) & (pl.col("right") == "put")
    kept = (pl.col("date") != date(2018, 2, 27)) | few
    for ask, mixed in ((0.10, 1), (0.30, 2)):
        result = run_backtest(*PLANNED, spx(only_asked(raw.filter(kept), ask)), HELD)
        # Beside the put without a quote on 2018-02-05.
        assert result.sources["marks_mixed"].item() == mixed


def test_a_wide_quote_far_from_the_smile_is_no_price(spx, raw):
    """On 2018-02-05 the 2650P is quoted 85.00/95.00; quoted 10.00/95.00 it is not worth 52.50."""
    day = date(2018, 2, 5)
    wide = (
        (pl.col("date") == day) & (pl.col("strike") == 2650.0) & (pl.col("right") == "put")
    )  # fmt: skip
    quotes = raw.with_columns(bid=pl.when(wide).then(10.0).otherwise("bid"))
    plain = trade(PLANNED, spx(raw), HELD)
    result = trade(PLANNED, spx(quotes), HELD)
    assert mark_on(result, day) == pytest.approx(mark_on(plain, day), abs=1.5)


def test_a_put_in_the_money_is_priced_by_its_neighbours_where_calls_are_wide(spx):
    """On 2018-02-05 the 2715P is quoted 0/0, and every call from 2710 on is wide.

    The 2710P, 109.00/124.80, has a volatility of 25.9154%, the 2720P, 114.50/130.30, 25.2716%; in
    between 25.595%, at T = 23/365 and the implied spot of 2626.586 a price of 119.618. The 2715C,
    28.50/38.50, says 119.268, half a width of 5 is 4% of that, and the 2665P is quoted 91/101.
    """
    day = date(2018, 2, 5)
    result = run_backtest(*put_spread(day, 2715.0, 2665.0), spx(), HELD)
    assert -mark_on(result, day) == pytest.approx(119.618 - 96.0, abs=0.001)
    assert result.sources["entry_source"].item() == "parity"


def test_without_a_smile_to_agree_with_it_parity_gives_no_price(spx, raw):
    """Of the chain of 2018-02-05 only the pairs at 2665 and 2715 are left."""
    day = date(2018, 2, 5)
    few = raw.filter((pl.col("date") != day) | pl.col("strike").is_in([2665.0, 2715.0]))
    result = run_backtest(*put_spread(day, 2715.0, 2665.0), spx(few), HELD)
    assert result.trades.is_empty()
    assert result.refusals["rule"].to_list() == ["NO_QUOTE"]


def test_a_wide_quote_of_a_cheap_option_is_better_than_parity_with_a_dear_one(spx):
    """On 2018-01-23 the 2595P is quoted 0.15/0.30, which is wide; the 2595C 241.50/246.60."""
    day = date(2018, 1, 23)
    result = run_backtest(*put_spread(day, 2645.0, 2595.0), spx(), HELD)
    assert -mark_on(result, day) == pytest.approx(0.35 - 0.225, abs=1e-9)
    assert result.sources["entry_source"].item() == "real"
