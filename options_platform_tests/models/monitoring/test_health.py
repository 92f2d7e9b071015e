"""Verdicts on a model: conditions that stop trading on it, and conditions that do not."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import MODEL_FOLDS
from options_platform.domain.calendar.sessions import sessions
from options_platform.models.monitoring.health import fold_losses, fresh, kept_skill, same_features

END = date(2017, 12, 29)
MONTHS = [f"{year}-{month:02d}" for year in (2015, 2016, 2017) for month in range(1, 13)]


def losses(ours, naive, rows=21):
    parts = [
        pl.DataFrame({"model": name, "fold": MONTHS, "rows": rows, "loss": values})
        for name, values in (("direction", ours), ("prior", naive))
    ]
    return pl.concat(parts)


def test_a_model_worse_than_its_naive_forecast_has_lost_its_skill():
    random = np.random.default_rng(0)
    naive = random.normal(1.0, 0.05, 36)
    worse = naive.copy()
    worse[-24:] += random.normal(0.05, 0.03, 24)
    verdict = kept_skill(losses(worse, naive), "direction", "prior")
    assert not verdict.passed
    assert "on the last 24 months is not below that of prior" in verdict.description
    assert "prior is better by more than chance (p 0.000)" in verdict.description
    assert verdict.figures["gain"] == pytest.approx(-0.05, abs=0.02)


def test_a_model_no_better_than_its_naive_forecast_is_refused():
    naive = np.random.default_rng(1).normal(1.0, 0.05, 36)
    swings = np.tile([0.05, -0.05], 18)
    verdict = kept_skill(losses(naive + 0.001 + swings, naive), "direction", "prior")
    assert not verdict.passed
    assert "there may be nothing to learn in this market" in verdict.description
    assert not kept_skill(losses(naive, naive), "direction", "prior").passed
    assert kept_skill(losses(naive - 0.001 + swings, naive), "direction", "prior").passed


def test_the_first_labels_of_a_month_do_not_outweigh_two_years():
    naive = np.full(36, 1.0)
    ours = naive - 0.01
    ours[-1] += 0.5
    assert not kept_skill(losses(ours, naive), "direction", "prior").passed
    begun = pl.Series([21] * 35 + [1])
    verdict = kept_skill(losses(ours, naive, begun), "direction", "prior")
    assert verdict.passed
    assert verdict.figures["gain"] == pytest.approx((23 * 21 * 0.01 - 0.49) / (23 * 21 + 1))


def test_old_losses_do_not_count_and_less_than_two_years_give_no_verdict():
    naive = np.full(36, 1.0)
    recovered = naive - 0.1
    recovered[:12] += 2.0
    assert kept_skill(losses(recovered, naive), "direction", "prior").passed
    few = losses(naive + 1.0, naive).filter(pl.col("fold") > "2016-01")
    assert few["fold"].n_unique() == 23
    assert kept_skill(few, "direction", "prior").passed


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
    fold_row = fold_losses(rows, labels, "direction").row(0, named=True)
    assert fold_row["loss"] == pytest.approx(log_loss(target, p, labels=[0, 1, 2]))
    assert fold_row["rows"] == 40


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
    # The month's last session is 23 + 6 sessions after the last label available to March.
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
