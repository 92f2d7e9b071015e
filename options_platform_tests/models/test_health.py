"""Verdicts on a model: what stops trading on it, and what does not."""

from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest
from scipy.stats import ks_2samp

from options_platform.contracts import MODEL_FOLDS
from options_platform.domain.calendar import sessions
from options_platform.models.dataset import make_dataset
from options_platform.models.drift import input_drift, ks_distance, population_stability
from options_platform.models.health import (
    fold_losses,
    fresh,
    kept_skill,
    no_drift,
    same_features,
)
from options_platform_tests.market import random_market
from options_platform_tests.models.rows import POOL, features_and_labels, random_rows

END = date(2017, 12, 29)
MONTHS = [f"{year}-{month:02d}" for year in (2015, 2016, 2017) for month in range(1, 13)]


def losses(ours, naive):
    parts = [
        pl.DataFrame({"model": name, "fold": MONTHS, "loss": values})
        for name, values in (("direction", ours), ("prior", naive))
    ]
    return pl.concat(parts)


def test_a_model_that_its_naive_forecast_beats_has_lost_its_skill():
    random = np.random.default_rng(0)
    naive = random.normal(1.0, 0.05, 36)
    worse = naive.copy()
    worse[-24:] += random.normal(0.05, 0.03, 24)
    verdict = kept_skill(losses(worse, naive), "direction", "prior")
    assert not verdict.passed
    assert "prior beats direction on the last 24 months" in verdict.description
    assert verdict.figures["gain"] == pytest.approx(-0.05, abs=0.02)


def test_a_model_that_is_bad_only_by_chance_keeps_trading():
    random = np.random.default_rng(1)
    naive = random.normal(1.0, 0.05, 36)
    assert kept_skill(
        losses(naive + random.normal(0, 0.05, 36), naive), "direction", "prior"
    ).passed
    assert kept_skill(losses(naive + 1.0, naive).tail(5), "direction", "prior").passed


def test_fold_losses_equal_scikit_learns_log_loss():
    from sklearn.metrics import log_loss

    random = np.random.default_rng(2)
    p = random.dirichlet([2, 2, 2], 40)
    days = sessions(date(2017, 1, 3), date(2017, 12, 29))[:40]
    names = np.array(["bearish", "neutral", "bullish"])
    target = random.integers(0, 3, 40)
    rows = pl.DataFrame(
        {
            "date": days, "ticker": "AAA", "model": "direction", "target": "direction",
            "fold": "2017-01", "p_bearish": p[:, 0], "p_neutral": p[:, 1], "p_bullish": p[:, 2],
        }
    )  # fmt: skip
    labels = pl.DataFrame({"date": days, "ticker": "AAA", "direction": names[target]})
    found = fold_losses(rows, labels, "direction").row(0, named=True)
    assert found["loss"] == pytest.approx(log_loss(target, p, labels=[0, 1, 2]))
    assert found["rows"] == 40


def predicted(day, model_id):
    return pl.DataFrame(
        {"date": [date(2017, 1, 3), day], "ticker": "SPY", "model_id": ["m-1", model_id]}
    )


def folds(train_end):
    row = {
        "model": "m", "fold": "2017-03", "input_hash": "h", "model_id": "m-2", "run_id": "r",
        "path": "p", "sha256": "s", "train_rows": 500, "train_end": train_end,
        "trained_seconds": 1.0,
    }  # fmt: skip
    return pl.DataFrame([row], schema=MODEL_FOLDS.schema)


def test_a_model_trained_just_before_its_month_is_fresh_and_an_older_one_is_stale():
    rows = predicted(date(2017, 3, 31), "m-2")
    # The month's last session is 23 + 6 sessions after the last label that March may use.
    assert fresh(rows, folds(date(2017, 2, 21))).figures["sessions_since_training"] == 28
    stale = fresh(rows, folds(date(2016, 11, 30)))
    assert not stale.passed
    assert "stale: its training ends 83 sessions before" in stale.description


def test_a_session_without_model_after_sessions_with_one_is_refused():
    verdict = fresh(predicted(date(2017, 3, 31), None), folds(date(2017, 2, 21)))
    assert not verdict.passed
    assert "no model for SPY" in verdict.description
    nothing = predicted(date(2017, 3, 31), None).with_columns(model_id=pl.lit(None, pl.String))
    assert fresh(nothing, folds(date(2017, 2, 21))).passed


def test_two_declarations_of_features_are_not_mixed():
    assert same_features(["abc"], "abc").passed
    assert (
        "version old stand beside those of abc" in same_features(["abc", "old"], "abc").description
    )


def test_psi_by_hand_and_ks_as_scipy():
    # 10 * ln: shares 0.5/0.5 against 0.25/0.75.
    found = population_stability(np.array([50.0, 50.0]), np.array([25.0, 75.0]))
    wanted = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert found == pytest.approx(wanted)
    random = np.random.default_rng(3)
    left, right = random.normal(size=80), random.normal(0.4, 1, size=50)
    assert ks_distance(left, right) == pytest.approx(ks_2samp(left, right).statistic)


@cache
def dataset():
    bars, vix = random_market(POOL, start=date(2010, 1, 4), end=END)
    return make_dataset(*features_and_labels(bars, vix), pool=POOL, end=END)


def changed(data, names, change, newest=63):
    inputs = data.sample.inputs.copy()
    rows = data.dates >= np.unique(data.dates)[-newest]
    for name in names:
        column = data.sample.names.index(name)
        inputs[rows, column] = change(inputs[rows, column])
    return replace(data, sample=replace(data.sample, inputs=inputs))


def test_an_ordinary_market_shows_no_drift():
    verdict = no_drift(dataset())
    assert verdict.passed, verdict.description
    assert input_drift(dataset()).height > 40


def test_a_change_of_units_is_out_of_scale():
    verdict = no_drift(changed(dataset(), ["vix"], lambda v: v / 100, newest=21))
    assert not verdict.passed
    assert "out of scale with all history: vix" in verdict.description


def test_inputs_that_all_move_where_they_never_were_have_drifted():
    data = dataset()
    signed = [n for n in data.sample.names if n.startswith(("returns", "vix_change", "hv_"))]
    signed += ["rsi_14", "rsi_28", "bb_position", "price_vs_sma20", "price_vs_sma50", "vix_zscore"]
    stuck = changed(data, signed, lambda v: np.full_like(v, np.nanmax(v)))
    drift = input_drift(stuck)
    assert drift.filter("drifted").height > 0.33 * drift.height
    assert not no_drift(stuck).passed


def test_a_short_history_gives_no_verdict_on_drift():
    short = make_dataset(*random_rows(), pool=POOL, end=date(2017, 6, 30))
    assert input_drift(short).is_empty()
    assert no_drift(short).passed
