"""Ranks of calls against hand-counted lists and a slow version, and what must never change them."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.call_ranks import DIRECTIONAL, call_ranks

DIRECTIONS = ("bearish", "neutral", "bullish")
DAYS = sessions(date(2020, 1, 2), date(2020, 6, 30))


def predictions(*rows, ticker="SPY", variant="blend"):
    """Rows of `direction_model` from (date, direction, probability of that direction)."""
    frames = [
        {
            "date": day,
            "ticker": ticker,
            "direction": direction,
            **{
                f"p_{name}": p if name == direction else (1 - p) / 2 if direction else None
                for name in DIRECTIONS
            },
            "fold": f"{day:%Y-%m}",
            "variant": variant,
        }
        for day, direction, p in rows
    ]
    schema = {
        "date": pl.Date, "ticker": pl.String, "direction": pl.String, "p_bearish": pl.Float64,
        "p_neutral": pl.Float64, "p_bullish": pl.Float64, "fold": pl.String, "variant": pl.String,
    }  # fmt: skip
    return pl.DataFrame(frames, schema=schema)


def random_predictions(seed, tickers=("QQQ", "SPY"), variants=("blend", "logit")):
    random = np.random.default_rng(seed)
    p = random.dirichlet([4, 4, 4], (len(tickers), len(DAYS))).round(2)
    frames = [
        pl.DataFrame(
            {
                "date": DAYS,
                "ticker": ticker,
                "direction": np.array(DIRECTIONS)[p[at].argmax(axis=1)],
                **{f"p_{name}": p[at, :, k] for k, name in enumerate(DIRECTIONS)},
                "fold": [f"{day:%Y-%m}" for day in DAYS],
                "variant": random.choice(variants, len(DAYS)),
            }
        )
        for at, ticker in enumerate(tickers)
    ]
    return pl.concat(frames)


def ranks_of(frame, **options):
    return {
        (day, ticker): (rank, earlier)
        for day, ticker, rank, earlier in call_ranks(frame, **options).iter_rows()
    }


JANUARY = (
    (date(2020, 1, 2), "bullish", 0.40),
    (date(2020, 1, 3), "bearish", 0.42),
    (date(2020, 1, 6), "bullish", 0.44),
)
FEBRUARY = date(2020, 2, 3)


@pytest.mark.parametrize(
    ("p", "rank"),
    [(0.43, 2 / 3), (0.4399, 2 / 3), (0.44, 2 / 3), (0.4401, 1.0), (0.41, 1 / 3), (0.39, 0.0)],
)
def test_a_rank_is_the_share_of_earlier_calls_with_a_lower_probability(p, rank):
    frame = predictions(*JANUARY, (FEBRUARY, "bullish", p))
    assert ranks_of(frame)[FEBRUARY, "SPY"] == (pytest.approx(rank, abs=1e-15), 3)


def test_a_neutral_call_and_a_session_without_a_prediction_have_no_rank():
    quiet = predictions(*JANUARY, (FEBRUARY, "neutral", 0.6), (date(2020, 2, 4), None, 0.0))
    assert ranks_of(quiet)[FEBRUARY, "SPY"] == (None, 3)
    assert ranks_of(quiet)[date(2020, 2, 4), "SPY"] == (None, 3)


def test_the_first_month_has_no_earlier_calls_and_no_ranks():
    assert set(ranks_of(predictions(*JANUARY)).values()) == {(None, 0)}
    assert call_ranks(predictions()).is_empty()


def test_the_last_day_of_a_month_is_ranked_by_the_same_list_as_the_first():
    days = [day for day in DAYS if day.month == 2]
    frame = predictions(*JANUARY, *((day, "bullish", 0.43) for day in days))
    assert {ranks_of(frame)[day, "SPY"] for day in days} == {(2 / 3, 3)}


def slow(frame, counted=(*DIRECTIONAL,), window_months=None):
    """The definition, row by row."""
    rows = frame.to_dicts()
    result = {}
    for row in rows:
        year, month = map(int, row["fold"].split("-"))
        first = "0000-00"
        if window_months is not None:
            months = 12 * year + month - 1 - window_months
            first = f"{months // 12:04d}-{months % 12 + 1:02d}"
        listed = [
            max(other[f"p_{name}"] for name in DIRECTIONS)
            for other in rows
            if (other["ticker"], other["variant"]) == (row["ticker"], row["variant"])
            and other["direction"] in counted
            and first <= other["fold"] < row["fold"]
        ]
        rank = None
        if row["direction"] in DIRECTIONAL and listed:
            p = max(row[f"p_{name}"] for name in DIRECTIONS)
            rank = sum(each < p for each in listed) / len(listed)
        result[row["date"], row["ticker"]] = (rank, len(listed))
    return result


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), window=st.sampled_from([None, 1, 2]))
def test_the_ranks_are_those_of_the_definition(seed, window):
    frame = random_predictions(seed)
    assert ranks_of(frame, window_months=window) == slow(frame, window_months=window)
    bullish = pl.col("direction") == "bullish"
    assert ranks_of(frame, counted=bullish) == slow(frame, counted=("bullish",))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), last=st.sampled_from(DAYS[20:]))
def test_a_truncated_history_gives_the_same_ranks_for_the_days_that_it_has(seed, last):
    frame = random_predictions(seed)
    known = frame.filter(pl.col("date") <= last)
    assert call_ranks(known).equals(call_ranks(frame).filter(pl.col("date") <= last))


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    ticker=st.sampled_from(["QQQ", "SPY"]),
    variant=st.sampled_from(["blend", "logit"]),
)
def test_other_tickers_variants_neutral_calls_months_and_orders_change_no_rank(
    seed, ticker, variant
):
    frame = random_predictions(seed)
    is_own = (pl.col("ticker") == ticker) & (pl.col("variant") == variant)
    own = call_ranks(frame).join(
        frame.filter(is_own).select("date", "ticker"), on=["date", "ticker"], how="semi"
    )
    last = own["date"].to_list()[-1]
    is_same_month = (pl.col("date").dt.month() == last.month) & (pl.col("date") != last)
    wild = (
        pl.when(is_own & (pl.col("direction") != "neutral") & ~is_same_month)
        .then("p_bullish")
        .otherwise(pl.col("p_bullish") + 7.0)
    )
    changed = frame.with_columns(p_bullish=wild).sample(fraction=1.0, shuffle=True, seed=seed)
    after = call_ranks(changed)
    key = ["date", "ticker"]
    # Of the last day only the rank itself: what was changed in its own month does not count.
    kept = own.join(
        frame.filter(is_own & (pl.col("direction") != "neutral") & ~is_same_month).select(key),
        on=key, how="semi",
    )  # fmt: skip
    assert kept.equals(after.join(kept.select(key), on=key, how="semi"))


def test_calls_outside_the_window_do_not_count():
    old = ((date(2019, 1, 2), "bullish", 0.9),)
    frame = predictions(*old, *JANUARY, (FEBRUARY, "bullish", 0.45))
    assert ranks_of(frame)[FEBRUARY, "SPY"] == (0.75, 4)
    assert ranks_of(frame, window_months=12)[FEBRUARY, "SPY"] == (1.0, 3)
