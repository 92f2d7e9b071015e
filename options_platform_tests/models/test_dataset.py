from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.calendar.sessions import shift
from options_platform.errors import ContractError, IncompleteDataError
from options_platform.models.baselines import PriorDirection
from options_platform.models.dataset import input_table, make_dataset, model_inputs
from options_platform.models.stock_rows import StockRows
from options_platform.models.training import _folds_of_model
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


def test_a_ticker_without_features_is_named_with_the_command_that_computes_them():
    features, labels = random_rows()
    with pytest.raises(IncompleteDataError, match="features of BBB end before they begin") as error:
        make_dataset(features.filter(of("AAA")), labels, pool=POOL, end=END)
    assert "--tickers BBB" in str(error.value)


def test_a_ticker_with_features_that_end_early_is_named_with_its_last_day():
    features, labels = random_rows()
    short = features.filter(of("AAA") | (pl.col("date") < date(2017, 6, 1)))
    with pytest.raises(IncompleteDataError, match="features of BBB end 2017-05-31, not 2017-12-29"):
        make_dataset(short, labels, pool=POOL, end=END)


def test_a_pool_that_ends_before_the_range_is_incomplete():
    features, labels = random_rows()
    with pytest.raises(IncompleteDataError, match="features of AAA end 2017-12-29, not 2018-01-05"):
        make_dataset(features, labels, pool=POOL, end=date(2018, 1, 5))


def test_features_without_labels_are_counted_and_the_first_is_named():
    features, labels = random_rows()
    incomplete = labels.filter(~(of("BBB") & pl.col("date").is_between(date(2016, 1, 4), END)))
    missing_count = labels.height - incomplete.height
    with pytest.raises(
        IncompleteDataError, match=f"labels lack {missing_count} rows, first 2016-01-04 BBB"
    ):
        make_dataset(features, incomplete, pool=POOL, end=END)


def test_the_dataset_has_no_rows_after_the_end():
    data = make_dataset(*random_rows(), pool=POOL, end=date(2016, 6, 30))
    assert data.dates.max() == np.datetime64("2016-06-30")
    # The labels of the last five sessions are known only later.
    last = data.dates > np.datetime64(shift(date(2016, 6, 30), -5))
    assert (data.known_on[last] > np.datetime64("2016-06-30")).all()


def test_rows_are_sorted_by_date_and_ticker_with_their_keys():
    data = random_dataset()
    assert data.keys.equals(data.keys.sort("date", "ticker"))
    assert len(data.sample) == data.keys.height == len(data.dates) == len(data.known_on)


def test_missing_numbers_are_nan_and_an_unknown_class_is_minus_one():
    data = random_dataset()
    first, last = data.dates == data.dates.min(), data.dates == data.dates.max()
    assert np.isnan(data.sample.column("hv_20")[first]).all()
    assert np.isnan(data.sample.column("iv_rank")[first]).all()
    assert (data.sample.direction[last] == -1).all()
    for target in ("fwd_iv_rank", "fwd_rv", "regime_differs"):
        assert np.isnan(getattr(data.sample, target)[last]).all()
    assert not data.sample.complete(("hv_20",))[first].any()


def test_classes_are_numbered_in_the_order_of_the_labels():
    _, labels = random_rows()
    data = random_dataset()
    named = labels.sort("date", "ticker")["direction"].to_list()
    numbers = {"bearish": 0, "neutral": 1, "bullish": 2, None: -1}
    assert data.sample.direction.tolist() == [numbers[name] for name in named]


def test_regime_differs_compares_with_the_regime_five_sessions_later():
    features, labels = random_rows()
    pattern = ["low_vol"] * 6 + ["high_vol"] * 3 + [None] + ["high_vol"] * 2
    days = features["date"].unique().sort()[-len(pattern) :]
    changed_regimes = pl.DataFrame({"date": days, "own": pl.Series(pattern, dtype=pl.String)})
    features = (
        features.join(changed_regimes, on="date", how="left", maintain_order="left")
        .with_columns(regime=pl.when(pl.col("date") >= days[0]).then("own").otherwise("regime"))
        .drop("own")
    )
    dataset = make_dataset(features, labels, pool=POOL, end=END)
    rows = (dataset.keys["ticker"] == "AAA").to_numpy() & (dataset.dates >= np.datetime64(days[0]))
    # 0: low to low. 1 to 3: low to high. 4: to null. 5: low to high. 6: high to high. Then none.
    unknown = float("nan")
    wanted = [0.0, 1.0, 1.0, 1.0, unknown, 1.0, 0.0] + [unknown] * 5
    np.testing.assert_array_equal(dataset.sample.regime_differs[rows], wanted)


def test_a_categorical_feature_has_one_column_per_value_all_missing_together():
    features, _ = random_rows()
    data = random_dataset()
    parts = [name for name in data.sample.names if name.startswith("trend_regime_")]
    assert set(parts) == {"trend_regime_bull", "trend_regime_bear", "trend_regime_neutral"}
    columns = data.sample.matrix(parts)
    has_trend = features.sort("date", "ticker")["trend_regime"].is_not_null().to_numpy()
    np.testing.assert_array_equal(columns[has_trend].sum(axis=1), 1.0)
    assert np.isnan(columns[~has_trend]).all()


def test_no_model_input_depends_on_the_price_level():
    """Multiplying prices by four, a power of two, leaves every input unchanged to the bit."""
    bars, vix = random_market(POOL)
    dear = bars.with_columns(pl.col("open", "high", "low", "close") * 4.0)
    scaled = make_dataset(*features_and_labels(dear, vix), pool=POOL, end=END).sample
    for name in model_inputs():
        np.testing.assert_array_equal(scaled.column(name), random_dataset().sample.column(name))


def test_taking_rows_keeps_inputs_and_targets_aligned():
    sample = random_dataset().sample
    rows = np.array([7, 3, 900])
    part = sample.take(rows)
    assert len(part) == 3
    assert part.names == sample.names
    np.testing.assert_array_equal(part.inputs, sample.inputs[rows])
    np.testing.assert_array_equal(part.fwd_rv, sample.fwd_rv[rows])


def test_a_label_known_before_its_horizon_has_passed_is_refused():
    features, labels = random_rows()
    for ahead in (0, 4):
        days = labels["date"].map_elements(lambda d, n=ahead: shift(d, n), return_dtype=pl.Date)
        early = labels.with_columns(known_on=days)
        with pytest.raises(LeakError, match=f"first 2015-01-02 AAA on {days[0]}; run: options-"):
            make_dataset(features, early, pool=POOL, end=END)


def test_without_targets_a_sample_has_its_inputs_only():
    sample = random_dataset().sample
    without_targets = sample.without_targets()
    np.testing.assert_array_equal(without_targets.inputs, sample.inputs)
    assert (without_targets.direction == -1).all()
    for target in ("fwd_return", "fwd_iv_rank", "fwd_rv", "regime_differs"):
        assert np.isnan(getattr(without_targets, target)).all()
        assert np.isfinite(getattr(sample, target)).any()


def test_an_infinite_feature_is_refused_by_name():
    features, labels = random_rows()
    one_row = (pl.col("date") == date(2017, 11, 1)) & of("BBB")
    for value in (float("inf"), -float("inf")):
        wrong = features.with_columns(hv_20=pl.when(one_row).then(value).otherwise("hv_20"))
        with pytest.raises(ContractError, match="hv_20 of BBB on 2017-11-01 is infinite; run: opt"):
            make_dataset(wrong, labels, pool=POOL, end=END)


def test_a_sequence_has_the_last_sessions_of_its_ticker_oldest_first():
    data = random_dataset()
    rows = np.array([1501, 800, 7])
    sequences = data.sample.take(rows).sequences(("vix", "returns_1d"), 5)
    assert sequences.shape == (3, 5, 2)
    for row, sequence in zip(rows, sequences, strict=True):
        ticker = data.keys["ticker"][int(row)]
        of_ticker = np.flatnonzero((data.keys["ticker"] == ticker).to_numpy())
        wanted = data.sample.matrix(("vix", "returns_1d"))[of_ticker[of_ticker <= row][-5:]]
        np.testing.assert_array_equal(sequence[5 - len(wanted) :], wanted)
        assert np.isnan(sequence[: 5 - len(wanted)]).all()


def test_a_sequence_is_the_same_out_of_a_shorter_dataset_and_across_a_month():
    longer, day = random_dataset(), date(2017, 6, 1)
    shorter = random_dataset(day)
    for ticker in POOL:
        last, same = (
            data.sample.take(
                np.flatnonzero(
                    (data.dates == np.datetime64(day)) & (data.keys["ticker"] == ticker).to_numpy()
                )
            ).sequences(model_inputs(), 30)
            for data in (shorter, longer)
        )
        np.testing.assert_array_equal(last, same)
        assert np.isfinite(last[0, 0, model_inputs().index("vix")])


def with_reactions():
    """Rows of two tickers, of which BBB reports: every 20 sessions there is a reaction."""
    features, labels = random_rows()
    is_stock = of("BBB")
    labels = labels.with_columns(
        neutral_band=pl.when(is_stock).then(0.03),
        reaction_in_5d=pl.when(is_stock).then(pl.int_range(pl.len()) % 40 < 10),
    )
    ahead = pl.int_range(pl.len()) % 60 < 20
    reports = features.filter(is_stock).select("date", "ticker", earnings_in_30d=ahead)
    return features, labels, reports


def test_what_is_known_of_companies_stands_behind_the_inputs_of_all_homes():
    features, labels, reports = with_reactions()
    plain = make_dataset(features, labels, pool=POOL, end=END)
    more = make_dataset(
        features, labels, pool=POOL, end=END, stocks=StockRows(with_band=True, reports=reports)
    )
    assert more.sample.names == (*plain.sample.names, "neutral_band", "earnings_in_30d")
    shared = more.sample.inputs[:, :-2]
    assert np.array_equal(shared, plain.sample.inputs, equal_nan=True)
    fund = (more.keys["ticker"] == "AAA").to_numpy()
    assert set(more.sample.column("neutral_band")[fund]) == {0.01}
    assert set(more.sample.column("neutral_band")[~fund]) == {0.03}
    assert set(more.sample.column("earnings_in_30d")[fund]) == {0.0}
    assert set(more.sample.column("earnings_in_30d")[~fund]) == {0.0, 1.0}
    table = input_table(features, labels, StockRows(with_band=True, reports=reports))
    assert tuple(table.columns) == more.sample.names


def test_sessions_with_a_reaction_ahead_are_predicted_and_not_trained_on():
    features, labels, _ = with_reactions()
    data = make_dataset(
        features, labels, pool=POOL, end=END, stocks=StockRows(leaves_out_reactions=True)
    )
    reacts = data.keys.join(labels, on=["date", "ticker"], maintain_order="left")["reaction_in_5d"]
    hit = reacts.fill_null(value=False).to_numpy()
    span = {"start": date(2017, 3, 1), "end": date(2017, 3, 31), "predict_sessions": None}
    (fold,) = _folds_of_model(PriorDirection(), data, *span.values())
    assert hit[fold.predict].any()
    assert not hit[fold.train].any()
    (whole,) = _folds_of_model(
        PriorDirection(), make_dataset(features, labels, pool=POOL, end=END), *span.values()
    )
    assert hit[whole.train].any()
    assert np.array_equal(whole.predict, fold.predict)
