"""Training data have the rows, inputs and splits of the platform's own models."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.errors import IncompleteDataError, UsageError
from options_platform.models.dataset import model_inputs
from options_platform.models.direction import ScaledDirection


@pytest.fixture(scope="module")
def data(home):
    return home.training_data()


def test_the_splits_are_the_folds_that_the_shipped_model_was_trained_on(home, data):
    stored = home.frame("model_folds").filter(model="direction").sort("fold")
    made = [
        (split.name, len(split.train), data.keys["date"][split.train].max())
        for split in data.splits(needs=ScaledDirection().needs)
    ]
    folds = stored.select("fold", "train_rows", "train_end").rows()
    assert len(folds) > 5
    assert [split for split in made if split[0] in set(stored["fold"])] == folds


def test_no_row_is_trained_on_before_its_label_was_known(data):
    dates, known = data.keys["date"].to_numpy(), data.labels["known_on"].to_numpy()
    for split in data.splits(embargo_sessions=10):
        first = dates[split.predict].min()
        assert (known[split.train] < first).all()
        assert (dates[split.train] < first - np.timedelta64(15, "D")).all()
        months = set(data.keys["date"][split.predict].dt.strftime("%Y-%m"))
        assert months == {split.name}


def test_a_window_keeps_the_newest_sessions(data):
    whole, short = (list(data.splits(window_sessions=n)) for n in (None, 260))
    assert [split.name for split in whole] == [split.name for split in short]
    for one, other in zip(whole, short, strict=True):
        assert len(np.unique(data.keys["date"].to_numpy()[other.train])) <= 260
        assert set(other.train) <= set(one.train)


def test_inputs_are_those_that_models_may_see_and_labels_those_of_the_table(home, data):
    assert data.inputs.columns == list(model_inputs())
    assert len(data) == data.inputs.height == data.labels.height == data.keys.height
    features = home.frame("features", columns=["date", "ticker", "rsi_14"])
    assert data.keys.hstack(data.inputs.select("rsi_14")).equals(features)
    labels = home.frame("labels", columns=["date", "ticker", "direction"])
    assert data.keys.hstack(data.labels.select("direction")).equals(labels)


def test_ones_own_inputs_are_joined_by_date_and_ticker(home, data):
    bars = home.frame("raw_ohlcv", tickers="SPY", columns=["date", "ticker", "close"])
    with_close = data.with_inputs(bars.sample(fraction=1.0, shuffle=True, seed=1))
    is_spy = data.keys["ticker"] == "SPY"
    assert with_close.inputs.filter(is_spy)["close"].equals(bars["close"])
    assert with_close.inputs.filter(~is_spy)["close"].is_null().all()
    assert with_close.matrix(["close", "rsi_14"]).shape == (len(data), 2)
    needing = next(with_close.splits(needs=["close"]))
    assert set(data.keys["ticker"][needing.train]) == {"SPY"}


def test_rows_end_where_they_are_asked_to_and_a_missing_ticker_is_named(home):
    early = home.training_data(tickers="SPY", end="2016-06-30")
    assert early.keys["date"].max() == date(2016, 6, 30)
    assert early.keys["ticker"].unique().to_list() == ["SPY"]
    with pytest.raises(IncompleteDataError, match="no features of IWM"):
        home.training_data(tickers="IWM")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"ticker": ["SPY"], "mine": [1.0]}, "lack the column date"),
        ({"date": [date(2016, 1, 4)], "ticker": ["SPY"], "rsi_14": [1.0]}, "an input rsi_14"),
        (
            {"date": [date(2016, 1, 4)] * 2, "ticker": ["SPY"] * 2, "mine": [1.0, 2.0]},
            "two rows for one date and ticker",
        ),
    ],
)
def test_inputs_that_cannot_be_joined_are_refused(data, frame, message):
    with pytest.raises(UsageError, match=message):
        data.with_inputs(pl.DataFrame(frame))


def test_an_unknown_label_or_input_is_named(data):
    with pytest.raises(UsageError, match="did you mean fwd_rv_5d"):
        next(data.splits(target="fwd_rv5d"))
    with pytest.raises(UsageError, match="did you mean rsi_14"):
        next(data.splits(needs=["rsi14"]))
