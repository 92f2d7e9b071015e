"""Forecasts of stops: what they learn from, what they may not see, and how they are scored."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score

from options_platform.models.study.own_loss import (
    FEWEST_TRADES,
    FORECASTS,
    INPUTS,
    score_stops,
    stop_forecasts,
)


def spreads(effect=0.0, count=900, seed=3):
    """Weekly spreads that last 45 days; the logit of a stop is -1.5 + effect x har_rv_rank."""
    random = np.random.default_rng(seed)
    inputs = {name: random.normal(size=count) for name in INPUTS}
    chance = 1.0 / (1.0 + np.exp(1.5 - effect * inputs["har_rv_rank"]))
    planned = [date(2005, 1, 3) + timedelta(days=7 * n) for n in range(count)]
    return pl.DataFrame(
        {
            "date": planned,
            "closed_on": [day + timedelta(days=45) for day in planned],
            "stopped": random.uniform(size=count) < chance,
            **inputs,
        }
    )


def test_what_is_there_to_be_learned_is_found_and_what_is_not_is_not():
    learned = score_stops(stop_forecasts(spreads(effect=1.5)))
    assert learned.gain[1] > 0.0
    assert learned.auc[1] > 0.7
    # The true chance has an AUC of 0.80 on many such spreads.
    assert learned.auc[0] == pytest.approx(0.80, abs=0.05)
    nothing = score_stops(stop_forecasts(spreads()))
    assert nothing.auc[1] < 0.5 < nothing.auc[2]
    assert nothing.gain[0] < 0.005


def test_the_scores_are_those_of_the_definitions():
    forecasts = stop_forecasts(spreads(effect=1.0))
    rows = forecasts.drop_nulls("p_stop")
    scores = score_stops(forecasts)
    stopped, chance = rows["stopped"].to_numpy(), rows["p_stop"].to_numpy()
    assert (scores.trades, scores.stops) == (rows.height, stopped.sum())
    assert scores.auc[0] == pytest.approx(roc_auc_score(stopped, chance))
    assert scores.log_loss == pytest.approx(-np.log(np.where(stopped, chance, 1 - chance)).mean())
    assert scores.gain[0] == pytest.approx(scores.naive_log_loss - scores.log_loss)
    assert f"{scores.trades} trades, {scores.stops} of them stopped" in str(scores)


def test_a_year_is_forecast_from_what_had_closed_before_it_alone():
    trades, year = spreads(effect=1.0), 2015
    known = pl.col("closed_on") < date(year, 1, 1)
    flipped = trades.with_columns(
        stopped=pl.when(known).then("stopped").otherwise(~pl.col("stopped"))
    )
    assert flipped["stopped"].sum() != trades["stopped"].sum()
    until = pl.col("date") < date(year + 1, 1, 1)
    forecasts = [stop_forecasts(rows).filter(until).select(FORECASTS) for rows in (trades, flipped)]
    assert_frame_equal(*forecasts)
    assert_frame_equal(stop_forecasts(trades.filter(until)).select(FORECASTS), forecasts[0])
    # Those planned in December had not closed by January: with them the forecasts are others.
    closed = trades.with_columns(closed_on=pl.col("date"))
    changed = stop_forecasts(closed).filter(until)["p_stop"]
    assert changed.to_list() != forecasts[0]["p_stop"].to_list()


def test_shares_of_earlier_spreads_that_were_less_likely_to_be_stopped():
    forecasts = stop_forecasts(spreads(effect=1.0)).drop_nulls("p_rank")
    assert forecasts["p_rank"].is_between(0.0, 1.0).all()
    assert forecasts.filter(pl.col("p_rank") >= 0.75).height == pytest.approx(
        0.25 * forecasts.height, rel=0.2
    )
    for _, rows in forecasts.group_by(pl.col("date").dt.year()):
        assert rows.sort("p_stop")["p_rank"].is_sorted()


def test_nothing_is_forecast_before_enough_had_closed_nor_without_an_input():
    trades = spreads(effect=1.0)
    holes = trades.with_columns(iv_rank=pl.when(pl.int_range(pl.len()) % 5 > 0).then("iv_rank"))
    forecasts = stop_forecasts(holes)
    known = forecasts.filter(pl.col("p_stop").is_not_null())
    assert known["iv_rank"].null_count() == 0
    first = known["date"].min().year
    complete = holes.drop_nulls("iv_rank")
    closed = [
        complete.filter(pl.col("closed_on") < date(year, 1, 1)).height
        for year in (first - 1, first)
    ]
    assert closed[0] < FEWEST_TRADES <= closed[1]
    never = stop_forecasts(trades.with_columns(stopped=False))
    assert never.select(pl.col(FORECASTS).null_count().min()).row(0) == (trades.height,) * 3
    assert score_stops(never) is None
