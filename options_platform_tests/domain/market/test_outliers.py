from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import compute_features, good_bars
from options_platform.domain.feature_engine.garch import fit_missing
from options_platform.domain.feature_engine.labels import compute_labels
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.market.bars import clean_bars
from options_platform.domain.market.index_series import align_indices
from options_platform.domain.market.outliers import find_outliers
from options_platform_tests.scripted import calm_bars, calm_index


def judged(bars, settled=0, **options):
    frame = bars.with_columns(gap=1, settled=pl.int_range(pl.len()) < settled)
    return find_outliers(frame, **options)


def shaken(seed, count=300):
    """A random series of bars with a dozen jumps, spikes and days of high volume."""
    bars = calm_bars(seed=seed).head(count)
    random = np.random.default_rng(seed)
    factor, high = np.ones(count), np.ones(count)
    volume = np.ones(count)
    for at in random.integers(30, count, 12):
        factor[at] *= random.choice([0.5, 0.8, 1.2, 2.0])
        high[random.integers(30, count)] = 1.3
        volume[random.integers(30, count)] = 6.0
        if random.random() < 0.3:
            factor[at:] *= random.choice([0.7, 1.4])
    return bars.with_columns(
        *(pl.col(name) * pl.Series(factor) for name in ("open", "low", "close")),
        high=pl.col("high") * pl.Series(factor * high),
        volume=pl.col("volume") * pl.Series(volume),
    )


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 299))
def test_a_verdict_does_not_depend_on_later_bars(seed, cut):
    bars = shaken(seed)
    assert judged(bars)[:cut] == judged(bars.head(cut))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 290))
def test_a_verdict_is_the_same_whether_or_not_earlier_bars_are_settled(seed, cut):
    bars = shaken(seed)
    whole = judged(bars)
    good = pl.Series([rule is None for rule in whole])
    at = next((n for n in range(cut, 300) if whole[n - 1] is None), None)
    if at is None:
        return
    frame = pl.concat([bars.head(at).filter(good.head(at)), bars.tail(300 - at)])
    rules = judged(frame, settled=int(good.head(at).sum()))
    assert rules[int(good.head(at).sum()) :] == whole[at:]


def test_with_too_few_bars_none_is_judged():
    bars = calm_bars().head(20)
    assert judged(bars.with_columns(close=pl.col("close") * 3)) == [None] * 20


def with_level(at, factor, volume=1e6):
    bars = calm_bars()
    late = pl.int_range(pl.len()) >= at
    return bars.with_columns(
        *(
            pl.when(late).then(pl.col(name) * factor).otherwise(name).alias(name)
            for name in ("open", "high", "low", "close")
        ),
        volume=pl.when(pl.int_range(pl.len()) == at).then(volume).otherwise("volume"),
    )


def test_a_new_level_is_confirmed_by_the_next_bar():
    rules = judged(with_level(100, 1.15))
    assert [at for at, rule in enumerate(rules) if rule] == [100]


@pytest.mark.parametrize(
    "ratio",
    [1.25, 1.5, 1.75, 2.0, 3.0, 4.0, 7.0, 10.0, 12.0, 20.0, 35.0, 40.0, 100.0, 190.0, 7777.0],
)
def test_a_new_level_as_far_away_as_a_split_never_confirms_itself(ratio):
    for factor in (1 / ratio, ratio):
        rules = judged(with_level(100, factor))
        assert rules[100] in ("jump", "unadjusted_split")
        assert set(rules[101:]) == {"unadjusted_split"}


@settings(max_examples=40, deadline=None)
@given(st.floats(1.25, 1000.0), st.booleans(), st.integers(1, 40))
def test_a_level_shift_of_any_ratio_is_an_unadjusted_split(ratio, is_reverse, hole):
    bars = with_level(100, ratio if is_reverse else 1 / ratio)
    gap = pl.when(pl.int_range(pl.len()) == 100).then(hole).otherwise(1)
    rules = find_outliers(bars.with_columns(gap=gap, settled=False))
    if np.log(ratio) > 10 * 0.01 * np.sqrt(hole):
        assert rules[100] in ("jump", "unadjusted_split")
        assert set(rules[101:]) == {"unadjusted_split"}


def with_split(at, ratio, step, bars=None, volume=1e6):
    """Bars with a reported split of `ratio` at bar `at`, where prices step by `step`."""
    bars = with_level(at, step, volume) if bars is None else bars
    day = pl.int_range(pl.len())
    return bars.with_columns(
        split_ratio=pl.when(day == at).then(ratio).otherwise(1.0),
        split_factor=pl.when(day < at).then(ratio).otherwise(1.0),
    )


@pytest.mark.parametrize("ratio", [1 / 190, 1 / 12, 1.25, 2.0, 7.0])
@pytest.mark.parametrize("at", [5, 100])
def test_a_reported_split_that_prices_still_step_by_is_unadjusted_at_any_turnover(ratio, at):
    busy = with_split(at, ratio, 1 / ratio, volume=5e8)
    assert set(judged(busy)[at:]) == {"unadjusted_split"}
    assert set(judged(with_split(at, ratio, 1.0))) == {None}


def test_a_reported_split_on_a_day_without_a_bar_is_detected_at_the_next_bar():
    whole = with_split(100, 1 / 40, 40.0)
    rules = judged(pl.concat([whole.head(100), whole.tail(whole.height - 101)]))
    assert set(rules[100:]) == {"unadjusted_split"}


def test_a_split_reported_without_a_split_factor_is_checked_as_well():
    bars = with_split(5, 1 / 12, 12.0).with_columns(split_factor=pl.lit(None, pl.Float64))
    assert judged(bars)[5] == "unadjusted_split"


def test_turnover_confirms_a_fall_by_half():
    assert set(judged(with_level(100, 0.48, volume=12e6))) == {None}


def test_a_wrong_close_does_not_confirm_itself_by_turnover():
    """A close ten times too high also makes its turnover ten times too large."""
    bars = calm_bars()
    here = pl.int_range(pl.len()) == 100
    bars = bars.with_columns(
        pl.when(here).then(pl.col(name) * 11).otherwise(name).alias(name)
        for name in ("close", "high")
    )
    assert [at for at, rule in enumerate(judged(bars)) if rule] == [100]


def test_without_volume_the_bound_is_doubled():
    bars = calm_bars(volume=None)
    here = pl.int_range(pl.len()) == 100
    rules = []
    for factor in (1.12, 1.4):
        moved = bars.with_columns(
            pl.when(here).then(pl.col(name) * factor).otherwise(name).alias(name)
            for name in ("close", "high")
        )
        rules.append(judged(moved)[100])
    assert rules == [None, "jump"]


def test_a_move_over_a_hole_is_scaled_by_its_length():
    bars = with_level(100, 1.3)
    gap = pl.when(pl.int_range(pl.len()) == 100).then(500).otherwise(1)
    assert set(find_outliers(bars.with_columns(gap=gap, settled=False))) == {None}
    assert bars["date"][0] == date(2023, 1, 3)


def with_drift(ratio=12.0):
    """Unadjusted prices across a split that rise back to the old level within half a year."""
    bars = with_level(100, 1 / ratio)
    day = pl.int_range(pl.len())
    climb = pl.when(day < 100).then(1.0).otherwise(np.e ** ((day - 99) * 0.006))
    return bars.with_columns(pl.col(name) * climb for name in ("open", "high", "low", "close"))


def test_a_level_that_steps_back_has_been_adjusted_and_one_that_drifts_back_has_not():
    assert set(judged(with_drift(2.0))[100:]) == {"unadjusted_split"}
    mended = with_level(100, 0.5).head(150).vstack(calm_bars().slice(150))
    assert [at for at, rule in enumerate(judged(mended)) if rule] == list(range(100, 150))


@pytest.mark.parametrize("cut", [101, 102, 110, 111, 112, 150, 213, 230])
@pytest.mark.parametrize("ratio", [1.33, 2.0, 12.0])
def test_bars_after_an_unadjusted_split_get_the_same_verdict_in_one_run_or_two(cut, ratio):
    bars, now = with_drift(ratio), datetime(2024, 6, 3, tzinfo=UTC)
    days = bars["date"].to_list()
    whole = clean_bars(bars, days, "scripted", now)
    first = clean_bars(bars.head(cut), days[:cut], "scripted", now)
    again = days[cut - 10 :]
    later = clean_bars(
        bars.filter(pl.col("date") >= again[0]),
        again,
        "scripted",
        now,
        stored=first.rows,
        decisions=first.quarantined,
    )
    assert later.rows.equals(whole.rows.tail(len(again)))
    assert whole.rows["bad_reason"].to_list()[101:] == ["unadjusted_split"] * (len(days) - 101)


@pytest.mark.parametrize("ratio", [1 / 12, 1 / 190, 13.0])
def test_no_return_and_no_label_contains_a_split(ratio):
    bars = with_level(100, 1 / ratio)
    days = bars["date"].to_list()
    rows = clean_bars(bars, days, "scripted", datetime(2024, 6, 3, tzinfo=UTC)).rows
    vix = align_indices(
        rows, calm_index(), {"SPY": "VIX"}, "scripted", datetime(2024, 6, 3, tzinfo=UTC)
    )
    fits, _ = fit_missing(good_bars(rows), GARCH_PARAMS.empty(), workers=1)
    features = compute_features(rows, vix, fits, RegimeRules())
    assert features["returns_1d"].abs().max() < 0.2
    assert compute_labels(rows, vix)["fwd_return_5d"].abs().max() < 0.2
