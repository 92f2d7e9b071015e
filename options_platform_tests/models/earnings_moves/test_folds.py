"""The regression of |move| on five large companies, 2000 to 2024, out of sample."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.models.earnings_moves.folds import (
    EVENT_ROWS,
    FEWEST_EVENTS,
    TICKER_MEAN,
    MoveFold,
    gate_of,
    known_before,
    make_fold,
    out_of_sample,
)
from options_platform.models.earnings_moves.gamma import fit_gamma, predict_gamma
from options_platform.models.earnings_moves.scores import losses, scores_of
from options_platform.models.earnings_moves.walk import month_models
from options_platform.models.memory_store import MemoryStore

WINDOW = 60


@pytest.fixture(scope="module")
def events(reference_data):
    """Every report as a row of `EVENT_ROWS`, known from its reaction on."""
    given = pl.read_csv(reference_data / "earnings/events_2000_2024.csv", try_parse_dates=True)
    rows = []
    for (ticker,), own in given.sort("react").group_by("ticker", maintain_order=True):
        bars = pl.read_csv(reference_data / f"prices/{ticker}.csv", try_parse_dates=True)
        at = {day: row for row, day in enumerate(bars["date"].to_list())}
        returns = np.diff(np.log(bars["close"].to_numpy()), prepend=np.nan)
        returns[[at[day] for day in own["react"]]] = np.nan
        sizes = own["move"].abs().to_numpy()
        for number, (anchor, reaction) in enumerate(own.select("anchor", "react").rows()):
            window = returns[at[anchor] - WINDOW + 1 : at[anchor] + 1]
            rows.append(
                {
                    "ticker": ticker, "anchor": anchor, "known_on": reaction,
                    "size": sizes[number],
                    "mean_8": sizes[number - 8 : number].mean() if number >= 8 else None,
                    "mean_all": sizes[:number].mean() if number >= 4 else None,
                    "vol_60": np.sqrt(np.nanmean(window**2)),
                }
            )  # fmt: skip
    return pl.DataFrame(rows, schema=EVENT_ROWS).sort("known_on", "ticker")


@pytest.fixture(scope="module")
def memo():
    return {}


@pytest.fixture(scope="module")
def past(events, memo):
    return out_of_sample(events.drop_nulls("mean_8"), memo)


def test_the_regression_is_better_than_the_mean_of_the_ticker(past):
    from_2007 = past.filter(pl.col("anchor") >= date(2007, 1, 1)).with_columns(
        quarter=pl.col("known_on").dt.truncate("1q")
    )
    scores = scores_of(from_2007, ["gamma", "mean_all", "mean_8"], "mean_all")
    gamma, naive, last = scores.to_dicts()
    assert gamma["n"] == 355
    assert gamma["score"] <= naive["score"] - 0.005
    assert gamma["low"] < gamma["gain"] < gamma["high"]
    assert gamma["p_value"] < 0.05 < last["p_value"]
    assert gamma["mae"] < naive["mae"]
    assert (naive["gain"], naive["p_value"]) == (None, None)
    assert gate_of(from_2007).p_value == pytest.approx(gamma["p_value"])


def test_no_report_is_forecast_before_80_are_known(past):
    first = past.drop_nulls("gamma").row(0, named=True)
    known = past.filter(pl.col("known_on") < first["anchor"].replace(day=1))
    assert known.height >= FEWEST_EVENTS
    assert past.height - past["gamma"].count() == 82


def test_what_comes_later_changes_no_month(events, memo):
    month = date(2012, 3, 1)
    fold = make_fold(known_before(events, month), memo)
    later = pl.col("known_on") >= month
    mutated = events.with_columns(size=pl.when(later).then(9.0).otherwise("size"))
    assert make_fold(known_before(mutated, month), {}) == fold
    assert MoveFold.from_json(fold.as_json()) == fold


def test_the_mean_of_the_ticker_is_in_use_until_the_regression_has_beaten_it(events, memo):
    early, late = (make_fold(known_before(events, date(year, 6, 1)), memo) for year in (2012, 2024))
    assert (early.champion, late.champion) == (TICKER_MEAN, "gamma")
    assert early.gate.p_value > 0.05 > late.gate.p_value
    assert list(late.quantiles) == ["q50", "q75", "q90", "q95"]
    assert 0.7 < late.quantiles["q50"] < 0.9
    assert 1.7 < late.quantiles["q90"] < 2.1
    assert 3.0 < late.constants["vol_60"] < 3.7
    assert "vix" not in late.constants


def test_few_reports_give_naive_forecasts_alone(events, memo):
    fold = make_fold(known_before(events, date(2003, 1, 1)), memo)
    assert (fold.fit, fold.champion, fold.quantiles) == (None, TICKER_MEAN, {})
    assert make_fold(events.clear(), memo).constants == {}


def test_a_stored_month_is_read_and_not_trained_again(events):
    months = {
        f"{month:%Y-%m}": known_before(events, month)
        for month in (date(2003, 1, 1), date(2012, 3, 1))
    }
    store = MemoryStore()
    first = month_models(months, store)
    assert first["2003-01"].model_id is None
    assert first["2012-03"].model_id.startswith("earnings_move-2012-03-")
    store.save = lambda *_: pytest.fail("trained again")
    assert month_models(months, store) == first


def test_a_row_has_the_same_forecast_alone(events):
    rows = events.drop_nulls("mean_8")
    inputs = rows.select("mean_8", "mean_all", "vol_60").to_numpy()
    fit = fit_gamma(inputs, rows["size"].to_numpy())
    together = predict_gamma(fit, inputs)
    assert [predict_gamma(fit, row[None])[0] for row in inputs[:5]] == together[:5].tolist()
    assert np.isnan(predict_gamma(fit, np.array([[0.03, np.nan, 0.02]]))[0])
    # The scale with the lowest loss is the mean itself.
    sizes = rows["size"].to_numpy()
    means = [losses(sizes, np.full_like(sizes, scale * sizes.mean())).mean() for scale in
             (0.9, 1.0, 1.1)]  # fmt: skip
    assert min(means) == means[1]
