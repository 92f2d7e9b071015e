"""The look-ahead comparison detects every difference, and nothing else."""

from datetime import date

import polars as pl
import pytest

from options_platform.domain.calendar.sessions import sessions
from options_platform.testing.look_ahead import differences, truncation_differences

DAYS = sessions(date(2024, 7, 1), date(2024, 7, 12))
CUT = DAYS[4]
ROWS = pl.DataFrame(
    {"date": DAYS, "ticker": "SPY", "close": [1.0, 2.0, 4.0, 3.0, 5.0, 9.0, 7.0, 8.0, 6.0]}
)


def with_column(expression):
    return lambda rows: rows.with_columns(made=expression)


@pytest.mark.parametrize(
    "honest",
    [
        pl.col("close").shift(1),
        pl.col("close").cum_max(),
        pl.col("close").rolling_mean(3),
    ],
)
def test_a_backward_looking_computation_does_not_change(honest):
    assert truncation_differences(with_column(honest), CUT, ROWS).is_empty()


@pytest.mark.parametrize(
    ("peeking", "days"),
    [
        (pl.col("close").shift(-1), [CUT]),
        (pl.col("close") - pl.col("close").mean(), DAYS[:5]),
        (pl.col("close").rank() / pl.len(), DAYS[:5]),
        (pl.col("close") / pl.col("close").last(), DAYS[:5]),
    ],
)
def test_a_forward_looking_computation_is_detected_with_its_days(peeking, days):
    changed = truncation_differences(with_column(peeking), CUT, ROWS)
    assert changed["date"].to_list() == days
    assert set(changed["column"]) == {"made"}


def test_a_row_that_only_one_side_has_is_a_difference():
    changed = differences(ROWS, ROWS.head(8))
    assert set(changed["date"]) == {DAYS[8]}
    assert "row" in changed["column"].to_list()
    assert differences(ROWS.head(8), ROWS).height > 0


def test_a_difference_in_the_last_bit_counts_and_nulls_are_equal():
    odd = ROWS.with_columns(close=pl.Series([None, float("nan"), *ROWS["close"][2:]]))
    assert differences(odd, odd.clone()).is_empty()
    nudged = ROWS.with_columns(
        close=pl.when(pl.col("date") == CUT).then(5.0 + 8.9e-16).otherwise("close")
    )
    assert differences(ROWS, nudged).select("date", "column").rows() == [(CUT, "close")]
