"""Real chains through splits."""

from datetime import date

import polars as pl
import pytest

from options_platform.domain.chain.occ_symbols import standard_symbol
from options_platform_tests.domain.backtest.small import plan
from options_platform_tests.services.backtesting.real_files import (
    HELD,
    closes_of,
    imported,
    market,
    stored,
    trade,
)
from options_platform_tests.services.backtesting.spxw_trade import mark_on

JULY = date(2014, 7, 19)
AAPL_DAYS = (date(2014, 6, 5), date(2014, 6, 6), date(2014, 6, 9))
AAPL_PLAN = plan(
    AAPL_DAYS[0], [("sell", "put", 620.0, JULY), ("buy", "put", 600.0, JULY)],
    ticker="AAPL", price=-4.5, loss=15.5, profit=4.5,
)  # fmt: skip


@pytest.fixture(scope="module")
def aapl(reference_data, tmp_path_factory):
    """The chain of 2014-06-06, the eve of the split, and the same one split 7:1 on 06-09."""
    path = reference_data / "options/lean/AAPL_2014-06-06_quotes.csv.gz"
    before = imported(path, tmp_path_factory.mktemp("aapl"), "AAPL")
    # The clearing house rounds strikes to the cent.
    after = before.with_columns(
        pl.col("strike", "bid", "ask", "last") / 7.0,
        date=pl.lit(AAPL_DAYS[2]),
        quoted_at=pl.col("quoted_at") + pl.duration(days=3),
    ).with_columns(strike=pl.col("strike").round(2))
    return pl.concat(
        [before, after.with_columns(contract_symbol=standard_symbol(pl.col("ticker")))]
    )


def aapl_market(quotes, folder, factors):
    closes = {
        "AAPL": dict(
            zip(AAPL_DAYS, (647.35, 645.57, 645.57 * factors[2] / factors[0]), strict=True)
        )
    }
    index = dict.fromkeys(AAPL_DAYS, 22.0)
    return market(closes, index, stored(quotes, folder), dict(zip(AAPL_DAYS, factors, strict=True)))


def test_through_a_split_a_position_keeps_its_value_at_the_new_strikes(aapl, tmp_path):
    """620P quoted 8.90/9.15 and 600P quoted 4.45/4.55: 9.025 - 4.50 = 4.525.

    On 2014-06-09 the strikes are 88.57 and 85.71, and a seventh of the prices is quoted.
    """
    result = trade(AAPL_PLAN, aapl_market(aapl, tmp_path, (7.0, 7.0, 1.0)), HELD)
    marks = (-result.marks["mark_price"]).to_list()
    assert marks == [pytest.approx(4.525, abs=1e-9)] * 2
    assert result.trades["entry_price"].item() == pytest.approx(-(8.9625 - 4.525), abs=1e-9)
    (sources,) = result.sources.to_dicts()
    assert (sources["chain_source"], sources["real_share"]) == ("real", 1.0)


def test_contracts_that_deliver_something_else_after_a_split_have_no_real_price(aapl, tmp_path):
    # Three for two: the old contracts deliver 150 shares under another root.
    result = trade(AAPL_PLAN, aapl_market(aapl, tmp_path, (1.5, 1.5, 1.0)), HELD)
    assert result.sources["exit_source"].item() == "shifted"
    assert result.sources["marks_real"].item() == 1


def test_a_reverse_split_later_does_not_change_what_was_quoted(reference_data, tmp_path):
    """VXX was split 1:4 in August 2017, so adjusted closes of 2016 are four times those quoted."""
    raw = imported(reference_data / "options/VXX_2016-12_eod.csv.gz", tmp_path, "VXX")
    closes = closes_of(raw, "VXX")
    days = sorted(closes["VXX"])
    expiry, low, high = date(2017, 1, 20), 25.0, 30.0
    legs = [("buy", "put", high, expiry), ("sell", "put", low, expiry)]
    planned = plan(days[0], legs, ticker="VXX", price=2.0, loss=2.0, profit=3.0)
    of_market = market(
        closes, dict.fromkeys(days, 70.0), stored(raw, tmp_path), dict.fromkeys(days, 0.25)
    )
    result = trade(planned, of_market, HELD)
    mids = raw.filter((pl.col("right") == "put") & (pl.col("expiry") == expiry)).select(
        "date", "strike", mid=(pl.col("bid") + pl.col("ask")) / 2
    )
    wanted = mids.filter(pl.col("strike") == high).join(
        mids.filter(pl.col("strike") == low), on="date", suffix="_low"
    )
    for day, value in wanted.select("date", pl.col("mid") - pl.col("mid_low")).iter_rows():
        if day > days[0]:
            assert mark_on(result, day) == pytest.approx(value, abs=1e-4), day
    assert result.sources["real_share"].item() == 1.0
