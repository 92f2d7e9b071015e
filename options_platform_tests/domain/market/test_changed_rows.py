from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.market.changed_rows import rows_to_write

DAYS = sessions(date(2024, 7, 1), date(2024, 7, 12))
START = DAYS[5]
NAN = float("nan")


def table(values, tickers=("SPY",), fetched=1):
    return pl.concat(
        pl.DataFrame(
            {"date": DAYS, "ticker": ticker, "close": values, "fetched": fetched},
            schema={"date": pl.Date, "ticker": pl.String, "close": pl.Float64, "fetched": pl.Int64},
        )
        for ticker in tickers
    )


VALUES = [1.0, 2.0, None, NAN, 5.0, 6.0, 7.0, 8.0, 9.0]


def written(computed, stored, **options):
    return rows_to_write(computed, stored, start=START, **options)["date"].to_list()


def test_only_missing_and_changed_earlier_rows_are_written():
    computed = table(VALUES)
    assert written(computed, computed) == DAYS[5:]
    assert written(computed, computed.clear()) == DAYS
    assert written(computed, computed.filter(pl.col("date") != DAYS[1])) == [DAYS[1], *DAYS[5:]]
    other = computed.with_columns(
        close=pl.when(pl.col("date") == DAYS[4]).then(5.0 + 1e-12).otherwise("close")
    )
    assert written(computed, other) == [DAYS[4], *DAYS[5:]]


def test_a_value_that_becomes_null_or_is_no_longer_null_has_changed():
    computed = table(VALUES)
    complete = table([1.0, 2.0, 3.0, *VALUES[3:]])
    assert written(complete, computed) == [DAYS[2], *DAYS[5:]]
    assert written(computed, complete) == [DAYS[2], *DAYS[5:]]


def test_an_ignored_column_makes_no_change():
    stored, computed = table(VALUES), table(VALUES, fetched=2)
    assert written(computed, stored) == DAYS
    assert written(computed, stored, ignore=("fetched",)) == DAYS[5:]


FLOATS = st.one_of(st.none(), st.floats(allow_nan=False, width=16))
NINE = st.lists(FLOATS, min_size=len(DAYS), max_size=len(DAYS))


@given(NINE, NINE, st.sets(st.sampled_from(DAYS)))
def test_after_the_write_the_table_equals_the_computed_rows(now, before, stored_days):
    computed = table(now, ("SPY", "QQQ"))
    stored = table(before, ("SPY", "QQQ")).filter(pl.col("date").is_in(sorted(stored_days)))
    rows = rows_to_write(computed, stored, start=START)
    keys = ["date", "ticker"]
    after = pl.concat([stored.join(rows, on=keys, how="anti"), rows]).sort(keys)
    assert after.equals(computed.sort(keys))
