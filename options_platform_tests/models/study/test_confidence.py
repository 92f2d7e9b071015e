"""Levels of confidence are scored by hand-counted calls, and chosen by calibration alone."""

import ast
import json
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.adapters.tracking.trial_log import TrialLog
from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.statistics.bootstrap import Interval
from options_platform.models.study import confidence
from options_platform.models.study.confidence import (
    DEFAULT_LEVEL,
    LEVELS,
    ConfidenceLevel,
    ConfidenceStudy,
    LevelScore,
    choose_level,
    confidence_trial,
)

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FEW = SelectionRules(fewest_calls=2)
DAYS = sessions(date(2015, 1, 2), date(2021, 6, 30))
START, END = date(2018, 6, 1), date(2020, 12, 31)


def tables(days, p, came, regime="neutral", direction="bullish"):
    """Predictions, regimes and labels of SPY, one row per day."""
    keys = pl.DataFrame({"date": days, "ticker": "SPY"})
    p = pl.Series(p, dtype=pl.Float64)
    predictions = keys.with_columns(
        direction=pl.Series([direction] * len(days)),
        p_bearish=(1.0 - p) / 2,
        p_neutral=(1.0 - p) / 2,
        p_bullish=p,
        fold=pl.col("date").dt.strftime("%Y-%m"),
        variant=pl.lit("blend"),
    )
    regimes = keys.with_columns(regime=pl.lit(regime))
    known_on = pl.col("date").dt.offset_by("7d")
    return predictions, regimes, keys.with_columns(direction=pl.Series(came), known_on=known_on)


def random_tables(seed=0):
    random = np.random.default_rng(seed)
    p = random.uniform(0.36, 0.6, len(DAYS))
    came = np.where(random.uniform(size=len(DAYS)) < p, "bullish", "neutral")
    return tables(DAYS, p, came)


def test_the_gap_is_the_mean_probability_less_the_share_that_came_true():
    january = sessions(date(2019, 1, 2), date(2019, 1, 31))[:12]
    february = sessions(date(2019, 2, 1), date(2019, 2, 28))[:12]
    # Ten calls of 0.5 are above all earlier ones, of which six come true; two of 0.36 are below.
    p = [0.4] * 12 + [0.5] * 10 + [0.36] * 2
    came = ["neutral"] * 12 + ["bullish"] * 6 + ["bearish"] * 4 + ["neutral", "bullish"]
    made = tables([*january, *february], p, came)
    study = ConfidenceStudy(*made, start=date(2019, 2, 1), end=END, rules=FEW)
    score = study.score(DEFAULT_LEVEL)
    assert (score.rated, score.calls) == (12, 10)
    assert score.mean_p == pytest.approx(0.5)
    assert score.hit_rate == pytest.approx(0.6)
    assert score.gap.value == pytest.approx(-0.1)
    assert score.gap.low < -0.1 < score.gap.high
    assert score.advantage.value == pytest.approx(0.6 - 0.5)
    assert score.gap_of_all == pytest.approx((10 * 0.5 + 2 * 0.36 - 7) / 12)
    assert score.months.rows() == [("2019-02", 10, pytest.approx(-0.1), score.gap_of_all)]


def test_only_directional_calls_of_the_neutral_regime_with_enough_earlier_ones_are_scored():
    p, came = [0.45] * len(DAYS), ["bullish"] * len(DAYS)
    for changes in ({"regime": "high_vol"}, {"direction": "neutral"}):
        study = ConfidenceStudy(*tables(DAYS, p, came, **changes), start=START, end=END)
        assert study.score(DEFAULT_LEVEL).rated == 0
        assert np.isnan(study.score(DEFAULT_LEVEL).gap.value)
    whole = ConfidenceStudy(*tables(DAYS, p, came), start=DAYS[0], end=END)
    # 60 calls are known from April on.
    scored = [day for day in DAYS if date(2015, 4, 1) <= day <= date(2020, 12, 24)]
    assert whole.score(DEFAULT_LEVEL).rated == len(scored)


def test_levels_differ_in_their_share_their_calls_and_their_window():
    assert len(LEVELS) == len(set(LEVELS)) == 12
    assert DEFAULT_LEVEL.share == SelectionRules().confident_share
    predictions, regimes, labels = random_tables()
    wild = pl.when(pl.col("date") < date(2019, 1, 1)).then(pl.lit("high_vol"))
    regimes = regimes.with_columns(regime=wild.otherwise("regime"))
    study = ConfidenceStudy(predictions, regimes, labels, start=START, end=END, rules=FEW)
    scores = {level: study.score(level) for level in LEVELS}
    assert len({score.calls for score in scores.values()}) > 6
    for share in (1 / 2, 1 / 3, 1 / 4):
        own = scores[next(level for level in LEVELS if level.share == share)]
        assert own.calls / own.rated == pytest.approx(share, abs=0.06)


def test_nothing_after_the_last_session_is_read():
    predictions, regimes, labels = random_tables()
    later = pl.col("date") > END
    poisoned = (
        predictions.with_columns(p_bullish=pl.when(later).then(9.0).otherwise("p_bullish")),
        regimes.with_columns(regime=pl.when(later).then(pl.lit("x")).otherwise("regime")),
        labels.with_columns(
            direction=pl.when(pl.col("known_on") > END)
            .then(pl.lit("bearish"))
            .otherwise("direction")
        ),
    )
    honest = ConfidenceStudy(predictions, regimes, labels, start=START, end=END, rules=FEW)
    other = ConfidenceStudy(*poisoned, start=START, end=END, rules=FEW)
    assert other.data_hash == honest.data_hash
    for level in LEVELS:
        assert other.score(level).gap == honest.score(level).gap


def scored(level, gap, low, high, calls=100):
    return LevelScore(
        level=level, rated=300, calls=calls, mean_p=0.45, hit_rate=0.45 - gap,
        gap=Interval(gap, low, high), advantage=Interval(0.0, -0.1, 0.1), gap_of_all=0.0,
        months=pl.DataFrame(),
    )  # fmt: skip


HALF = next(level for level in LEVELS if level.name == "upper_half")
OTHER = next(level for level in LEVELS if level.name == "upper_half_of_neutral_3_years")


@pytest.mark.parametrize(
    ("default", "half", "other", "wanted"),
    [
        # Both intervals contain zero: the default stays, however large its gap.
        ((0.06, -0.01, 0.13), (0.0, -0.05, 0.05), (0.5, 0.4, 0.6), DEFAULT_LEVEL),
        # No level is calibrated: there is nothing better to take.
        ((0.06, 0.01, 0.13), (0.05, 0.02, 0.08), (-0.2, -0.3, -0.1), DEFAULT_LEVEL),
        ((0.06, 0.01, 0.13), (0.03, -0.01, 0.05), (0.01, -0.05, 0.05), OTHER),
        ((-0.06, -0.1, -0.01), (-0.01, -0.05, 0.05), (0.01, -0.05, 0.05), HALF),
    ],
)
def test_the_default_stays_unless_it_is_off_and_another_is_not(default, half, other, wanted):
    scores = [scored(OTHER, *other), scored(HALF, *half), scored(DEFAULT_LEVEL, *default)]
    assert choose_level(scores) == wanted
    without_calls = scored(HALF, float("nan"), float("nan"), float("nan"), calls=0)
    assert choose_level([without_calls, scored(DEFAULT_LEVEL, 0.1, 0.05, 0.2)]) == DEFAULT_LEVEL


def test_each_level_is_one_trial_however_often_it_is_scored(tmp_path):
    study = ConfidenceStudy(*random_tables(), start=START, end=END, rules=FEW)
    trials = [
        confidence_trial(study, study.score(level), purpose="choice", tried_at=NOW)
        for level in LEVELS
    ]
    log = TrialLog(tmp_path, Warehouse(tmp_path / "warehouse.duckdb"))
    assert log.record_all(trials) == 12
    assert log.record_all(trials) == 0
    rows = log.warehouse.read(TRIALS)
    assert rows["target"].unique().to_list() == ["confidence"]
    assert set(rows["model"]) == {level.name for level in LEVELS}
    of_default = rows.row(by_predicate=pl.col("model") == DEFAULT_LEVEL.name, named=True)
    score = study.score(DEFAULT_LEVEL)
    assert of_default["loss"] == abs(score.gap.value)
    assert json.loads(of_default["scores"])["gap low"] == score.gap.low
    folds = log.warehouse.read(TRIAL_FOLDS).filter(trial_id=of_default["trial_id"])
    assert folds["rows"].sum() == score.calls == of_default["rows"]
    mean_gap = (folds["loss"] * folds["rows"]).sum() / score.calls
    assert mean_gap == pytest.approx(score.gap.value)
    # Other rules for what is counted are another trial.
    more = ConfidenceStudy(*random_tables(), start=START, end=END)
    other = confidence_trial(more, more.score(DEFAULT_LEVEL), purpose="choice", tried_at=NOW)
    assert log.record_all([other]) == 1


def test_the_choice_reads_neither_profits_nor_backtests():
    tree = ast.parse(Path(confidence.__file__).read_text(encoding="utf-8"))
    imported = [
        node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module
    ]
    assert not [name for name in imported if "backtest" in name or "accounting" in name]


def test_a_level_counts_how_many_of_its_parts_differ():
    assert DEFAULT_LEVEL.changes(DEFAULT_LEVEL) == 0
    assert (
        ConfidenceLevel("x", 0.5, neutral_only=True, window_months=36).changes(DEFAULT_LEVEL) == 3
    )
