from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.outliers import find_outliers
from options_platform_tests.scripted import calm_bars


def judged(bars, settled=0, **options):
    frame = bars.with_columns(gap=1, settled=pl.int_range(pl.len()) < settled)
    return find_outliers(frame, **options)


def shaken(seed, count=300):
    """Bars with a dozen jumps, spikes and busy days."""
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
def test_a_judgement_is_the_same_with_or_without_what_comes_later(seed, cut):
    bars = shaken(seed)
    assert judged(bars)[:cut] == judged(bars.head(cut))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(60, 290))
def test_a_judgement_is_the_same_where_earlier_good_bars_are_settled(seed, cut):
    bars = shaken(seed)
    whole = judged(bars)
    good = pl.Series([rule is None for rule in whole])
    at = next((n for n in range(cut, 300) if whole[n - 1] is None), None)
    if at is None:
        return
    frame = pl.concat([bars.head(at).filter(good.head(at)), bars.tail(300 - at)])
    found = judged(frame, settled=int(good.head(at).sum()))
    assert found[int(good.head(at).sum()) :] == whole[at:]


def test_few_bars_are_judged_by_nobody():
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
    found = judged(with_level(100, 1.3))
    assert [at for at, rule in enumerate(found) if rule] == [100]


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0, 4.0, 7.0, 10.0, 20.0])
def test_a_new_level_by_the_ratio_of_a_split_never_is(ratio):
    for factor in (1 / ratio, ratio):
        found = judged(with_level(100, factor))
        assert set(found[100:]) == {"unadjusted_split"}


def test_turnover_confirms_a_fall_by_half():
    assert set(judged(with_level(100, 0.48, volume=12e6))) == {None}


def test_a_wrong_close_buys_no_turnover():
    """A close ten times too high makes its own turnover ten times as large."""
    bars = calm_bars()
    here = pl.int_range(pl.len()) == 100
    bars = bars.with_columns(
        pl.when(here).then(pl.col(name) * 11).otherwise(name).alias(name)
        for name in ("close", "high")
    )
    assert [at for at, rule in enumerate(judged(bars)) if rule] == [100]


def test_without_volume_only_twice_the_bound_counts():
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


def test_a_move_over_a_hole_is_measured_by_its_length():
    bars = with_level(100, 1.3)
    gap = pl.when(pl.int_range(pl.len()) == 100).then(500).otherwise(1)
    assert set(find_outliers(bars.with_columns(gap=gap, settled=False))) == {None}
    assert bars["date"][0] == date(2023, 1, 3)
