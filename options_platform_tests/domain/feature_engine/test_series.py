import numpy as np
import polars as pl
import pytest

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import compute_features
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.feature_engine.series import lengths_of, series_order, with_formulas
from options_platform.domain.features.windows import lag, sma
from options_platform.testing.market import random_market

TICKERS = ("CCC", "AAA", "EEE", "BBB", "DDD")
PRICES = ("open", "high", "low", "close")


def compute(bars, vix):
    return compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())


def without_bars(bars, vix):
    """Bars set aside on different days for two tickers, including the first and the last bar."""
    day = pl.col("date").rank("dense")
    bad = ((pl.col("ticker") == "AAA") & day.is_in([1, 50, 51, 300])) | (
        (pl.col("ticker") == "DDD") & ((day == 400) | (day == day.max()))
    )
    return bars.with_columns(pl.when(~bad).then(pl.col(n)).alias(n) for n in PRICES), vix


def without_indices(bars, vix):
    """No VIX on some days, and no ticker index for one ticker at first."""
    day = pl.col("date").rank("dense")
    without_own_index = (pl.col("ticker") == "BBB") & (day < 120)
    return bars, vix.with_columns(
        vix=pl.when(~day.is_in([1, 2, 333])).then(pl.col("vix")),
        iv_close=pl.when(~without_own_index).then(pl.col("iv_close")),
    )


def with_later_listings(bars, vix):
    """One ticker listed later than the others, one with a single bar."""
    day = pl.col("date").rank("dense")
    listed = (pl.col("ticker") != "CCC") | (day > 77)
    listed &= (pl.col("ticker") != "EEE") | (day == day.max())
    return bars.filter(listed), vix.filter(listed)


def with_one_index(bars, vix):
    """The same VIX for all tickers, as in the real market."""
    first = pl.col("vix").first().over("date", order_by="ticker")
    return bars, vix.with_columns(vix=first, iv_close=first)


CHANGES = {
    "whole": [],
    "bad bars": [without_bars],
    "missing VIX": [without_indices],
    "one index": [with_one_index],
    "all of it": [with_one_index, with_later_listings, without_bars, without_indices],
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_a_tickers_features_have_the_same_bits_alone_and_among_others(changes):
    market = random_market(TICKERS)
    for change in changes:
        market = change(*market)
    together = compute(*market)
    assert together.select("date", "ticker").equals(
        market[0].select("date", "ticker").sort("date", "ticker")
    )
    for ticker in TICKERS:
        mine = pl.col("ticker") == ticker
        alone = compute(*(frame.filter(mine) for frame in market))
        assert alone.equals(together.filter(mine)), ticker


def test_rows_without_index_data_have_null_index_features():
    bars, vix = random_market(("AAA", "BBB"))
    without_index = (pl.col("ticker") == "AAA") & (pl.col("date") == bars["date"].max())
    rows = compute(bars, vix.filter(~without_index))
    full = compute(bars, vix)
    assert rows.filter(~without_index).equals(full.filter(~without_index))
    last = rows.filter(without_index)
    assert last["vix_sma_10"].to_list() == [None]
    assert last["sma_20"].equals(full.filter(without_index)["sma_20"])


def test_no_bars_give_an_empty_frame_in_the_same_schema():
    bars, vix = random_market(("AAA",))
    assert compute(bars.clear(), vix.clear()).schema == compute(bars, vix).schema


def test_order_and_lengths_of_series():
    frame = pl.DataFrame({"date": [3, 1, 2, 1], "ticker": ["B", "B", "A", "A"]}).cast(
        {"date": pl.Date}
    )
    order = series_order(frame)
    assert order.tolist() == [3, 2, 1, 0]
    assert lengths_of(frame[order]["ticker"]).tolist() == [2, 2]


def test_formulas_are_computed_in_the_order_of_their_dependencies():
    frame = pl.DataFrame({"x": [1.0, 2.0, 4.0, 10.0, 20.0, 60.0]})
    formulas = {"late": lag("early", 1) + pl.col("x"), "early": sma("x", 2)}
    computed = with_formulas(frame, np.array([3, 3]), formulas)
    assert computed["early"].to_list() == [None, 1.5, 3.0, None, 15.0, 40.0]
    assert computed["late"].to_list() == [None, None, 5.5, None, None, 75.0]


def test_formulas_that_depend_on_each_other_in_a_cycle_are_refused():
    formulas = {"a": sma("b", 2), "b": pl.col("a") + 1.0}
    with pytest.raises(ValueError, match="circle: a, b"):
        with_formulas(pl.DataFrame({"x": [1.0]}), np.array([1]), formulas)
