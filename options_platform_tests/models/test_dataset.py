from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.errors import ContractError, IncompleteDataError
from options_platform.models.dataset import make_dataset, model_inputs
from options_platform.models.walk_forward import LeakError
from options_platform.testing.market import random_market
from options_platform_tests.models.rows import (
    END,
    POOL,
    features_and_labels,
    random_dataset,
    random_rows,
)


def of(ticker):
    return pl.col("ticker") == ticker


def test_a_ticker_without_features_is_named_with_the_command_that_makes_them():
    features, labels = random_rows()
    with pytest.raises(IncompleteDataError, match="features of BBB end before they begin") as said:
        make_dataset(features.filter(of("AAA")), labels, pool=POOL, end=END)
    assert "--tickers BBB" in str(said.value)


def test_a_ticker_that_ends_early_is_named_with_its_last_day():
    features, labels = random_rows()
    short = features.filter(of("AAA") | (pl.col("date") < date(2017, 6, 1)))
    with pytest.raises(IncompleteDataError, match="features of BBB end 2017-05-31, not 2017-12-29"):
        make_dataset(short, labels, pool=POOL, end=END)


def test_a_pool_that_ends_before_the_range_together_is_incomplete_too():
    features, labels = random_rows()
    with pytest.raises(IncompleteDataError, match="features of AAA end 2017-12-29, not 2018-01-05"):
        make_dataset(features, labels, pool=POOL, end=date(2018, 1, 5))


def test_features_without_labels_are_counted_and_the_first_is_named():
    features, labels = random_rows()
    lacking = labels.filter(~(of("BBB") & pl.col("date").is_between(date(2016, 1, 4), END)))
    gone = labels.height - lacking.height
    with pytest.raises(IncompleteDataError, match=f"labels lack {gone} rows, first 2016-01-04 BBB"):
        make_dataset(features, lacking, pool=POOL, end=END)


def test_nothing_after_the_end_is_in_the_dataset():
    data = make_dataset(*random_rows(), pool=POOL, end=date(2016, 6, 30))
    assert data.dates.max() == np.datetime64("2016-06-30")
    # What is learnt of the last five sessions is known only later.
    last = data.dates > np.datetime64(shift(date(2016, 6, 30), -5))
    assert (data.known_on[last] > np.datetime64("2016-06-30")).all()


def test_rows_are_sorted_by_date_and_ticker_with_their_keys():
    data = random_dataset()
    assert data.keys.equals(data.keys.sort("date", "ticker"))
    assert len(data.sample) == data.keys.height == len(data.dates) == len(data.known_on)


def test_what_is_unknown_is_nan_and_an_unknown_class_is_minus_one():
    data = random_dataset()
    first, last = data.dates == data.dates.min(), data.dates == data.dates.max()
    assert np.isnan(data.sample.column("hv_20")[first]).all()
    assert np.isnan(data.sample.column("iv_rank")[first]).all()
    assert (data.sample.direction[last] == -1).all()
    for target in ("fwd_iv_rank", "fwd_rv", "regime_differs"):
        assert np.isnan(getattr(data.sample, target)[last]).all()
    assert not data.sample.complete(("hv_20",))[first].any()


def test_classes_are_numbered_as_the_labels_say():
    _, labels = random_rows()
    data = random_dataset()
    named = labels.sort("date", "ticker")["direction"].to_list()
    numbers = {"bearish": 0, "neutral": 1, "bullish": 2, None: -1}
    assert data.sample.direction.tolist() == [numbers[name] for name in named]


def test_a_regime_differs_if_that_of_five_sessions_later_is_another():
    features, labels = random_rows()
    pattern = ["low_vol"] * 6 + ["high_vol"] * 3 + [None] + ["high_vol"] * 2
    days = features["date"].unique().sort()[-len(pattern) :]
    own = pl.DataFrame({"date": days, "own": pl.Series(pattern, dtype=pl.String)})
    features = (
        features.join(own, on="date", how="left", maintain_order="left")
        .with_columns(regime=pl.when(pl.col("date") >= days[0]).then("own").otherwise("regime"))
        .drop("own")
    )
    found = make_dataset(features, labels, pool=POOL, end=END)
    rows = (found.keys["ticker"] == "AAA").to_numpy() & (found.dates >= np.datetime64(days[0]))
    # 0: low to low. 1 to 3: low to high. 4: to null. 5: low to high. 6: high to high. Then none.
    unknown = float("nan")
    wanted = [0.0, 1.0, 1.0, 1.0, unknown, 1.0, 0.0] + [unknown] * 5
    np.testing.assert_array_equal(found.sample.regime_differs[rows], wanted)


def test_a_category_is_one_column_a_value_and_unknown_in_all_of_them():
    features, _ = random_rows()
    data = random_dataset()
    parts = [name for name in data.sample.names if name.startswith("trend_regime_")]
    assert set(parts) == {"trend_regime_bull", "trend_regime_bear", "trend_regime_neutral"}
    columns = data.sample.matrix(parts)
    known = features.sort("date", "ticker")["trend_regime"].is_not_null().to_numpy()
    np.testing.assert_array_equal(columns[known].sum(axis=1), 1.0)
    assert np.isnan(columns[~known]).all()


def test_models_see_no_price_level():
    """Prices four times as high, a power of two, leave every input as it was, to the bit."""
    bars, vix = random_market(POOL)
    dear = bars.with_columns(pl.col("open", "high", "low", "close") * 4.0)
    found = make_dataset(*features_and_labels(dear, vix), pool=POOL, end=END).sample
    for name in model_inputs():
        np.testing.assert_array_equal(found.column(name), random_dataset().sample.column(name))


def test_taking_rows_keeps_inputs_and_targets_together():
    sample = random_dataset().sample
    rows = np.array([7, 3, 900])
    part = sample.take(rows)
    assert len(part) == 3
    assert part.names == sample.names
    np.testing.assert_array_equal(part.inputs, sample.inputs[rows])
    np.testing.assert_array_equal(part.fwd_rv, sample.fwd_rv[rows])


def test_a_label_said_to_be_known_before_its_horizon_is_over_is_refused():
    features, labels = random_rows()
    for ahead in (0, 4):
        days = labels["date"].map_elements(lambda d, n=ahead: shift(d, n), return_dtype=pl.Date)
        early = labels.with_columns(known_on=days)
        with pytest.raises(LeakError, match=f"first 2015-01-02 AAA on {days[0]}; run: options-"):
            make_dataset(features, early, pool=POOL, end=END)


def test_without_targets_nothing_but_the_inputs_is_left():
    sample = random_dataset().sample
    asked = sample.without_targets()
    np.testing.assert_array_equal(asked.inputs, sample.inputs)
    assert (asked.direction == -1).all()
    for target in ("fwd_return", "fwd_iv_rank", "fwd_rv", "regime_differs"):
        assert np.isnan(getattr(asked, target)).all()
        assert np.isfinite(getattr(sample, target)).any()


def test_an_infinite_feature_is_refused_by_name():
    features, labels = random_rows()
    there = (pl.col("date") == date(2017, 11, 1)) & of("BBB")
    for value in (float("inf"), -float("inf")):
        wrong = features.with_columns(hv_20=pl.when(there).then(value).otherwise("hv_20"))
        with pytest.raises(ContractError, match="hv_20 of BBB on 2017-11-01 is infinite; run: opt"):
            make_dataset(wrong, labels, pool=POOL, end=END)
