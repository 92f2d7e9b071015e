from datetime import date

import polars as pl
import pytest

from options_platform.adapters.ports.market_data import BAR_SCHEMA, INDEX_SCHEMA
from options_platform.contracts import RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.checks.tables import ExpectedPartitions, rules_for
from options_platform.domain.market.bars import clean_bars, require_ticker
from options_platform.domain.market.index_series import align_indices
from options_platform.errors import UsageError
from options_platform.testing.market import NOW

DAYS = sessions(date(2024, 7, 1), date(2024, 7, 12))


def raw(**changes):
    frame = pl.DataFrame(
        {
            "date": DAYS,
            "ticker": "SPY",
            "open": 100.0,
            "high": 102.0,
            "low": 99.0,
            "close": 101.0,
            "adj_close": 101.0,
            "volume": 1000.0,
            "dividend": 0.0,
            "split_ratio": 1.0,
            "split_factor": 1.0,
            "source": "test",
        }
    ).cast(dict(BAR_SCHEMA))
    third = pl.col("date") == DAYS[2]
    return frame.with_columns(
        pl.when(third).then(pl.lit(value, pl.Float64)).otherwise(pl.col(name)).alias(name)
        for name, value in changes.items()
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"close": float("nan")}, "nan_price"),
        ({"close": float("inf")}, "nan_price"),
        ({"open": None}, "nan_price"),
        ({"low": -1.0}, "non_positive_price"),
        ({"adj_close": -1.0}, "non_positive_price"),
        ({"adj_close": 0.0}, "non_positive_price"),
        ({"high": 98.0, "open": 98.0, "close": 98.0}, "high_below_low"),
        ({"close": 103.0}, "outside_range"),
        ({"volume": -5.0}, "negative_volume"),
    ],
)
def test_a_bad_bar_keeps_its_row_with_null_prices_and_its_reason(changes, reason):
    cleaned = clean_bars(raw(**changes), DAYS, "test", NOW)
    RAW_OHLCV.validate(cleaned.rows)
    bad = cleaned.rows.filter(pl.col("bad_reason").is_not_null())
    assert bad["date"].to_list() == [DAYS[2]]
    assert bad["bad_reason"].to_list() == [reason]
    assert bad.select("open", "high", "low", "close").row(0) == (None,) * 4
    assert cleaned.quarantined["rule"].to_list() == [reason]
    assert cleaned.rows.height == len(DAYS)


@pytest.mark.parametrize("unknown", [float("nan"), float("inf")])
@pytest.mark.parametrize("column", ["adj_close", "volume"])
def test_a_volume_or_adjusted_close_of_nan_becomes_null_and_passes_the_checks(column, unknown):
    cleaned = clean_bars(raw(**{column: unknown}), DAYS, "test", NOW)
    assert cleaned.quarantined.is_empty()
    assert cleaned.rows.filter(pl.col("date") == DAYS[2])[column].to_list() == [None]
    expected = ExpectedPartitions(DAYS, ("SPY",), {"SPY": DAYS[0]})
    broken = [
        r.name for r in rules_for(RAW_OHLCV) if not r.find(RAW_OHLCV, cleaned.rows, expected).passed
    ]
    assert broken == []


def test_a_missing_session_has_a_row_with_that_reason():
    rows = clean_bars(raw().filter(pl.col("date") != DAYS[2]), DAYS, "test", NOW).rows
    assert rows.filter(pl.col("date") == DAYS[2])["bad_reason"].item() == "missing"


def test_identical_bars_of_a_day_are_one_row_and_conflicting_ones_are_set_aside():
    same = clean_bars(pl.concat([raw(), raw()[3:4]]), DAYS, "test", NOW)
    assert same.rows["bad_reason"].null_count() == len(DAYS)
    other = raw()[3:4].with_columns(close=pl.lit(100.5))
    conflict = clean_bars(pl.concat([raw(), other]), DAYS, "test", NOW)
    assert conflict.rows["bad_reason"].to_list()[3] == "duplicate_conflict"
    assert conflict.quarantined.height == 2


def test_a_bar_on_a_holiday_is_set_aside_without_a_row():
    holiday = raw()[2:3].with_columns(date=pl.lit(date(2024, 7, 4)))
    cleaned = clean_bars(pl.concat([raw(), holiday]), DAYS, "test", NOW)
    assert cleaned.rows["date"].to_list() == DAYS
    assert cleaned.quarantined["rule"].to_list() == ["no_session"]


@pytest.mark.parametrize("ticker", ["../x", "'; drop table", "spy", "", "A" * 11, "SPY\n", "É"])
def test_hostile_tickers_are_refused(ticker):
    with pytest.raises(UsageError, match="no ticker"):
        require_ticker(ticker)


def closes(values):
    unknown = dict.fromkeys(("open", "high", "low"))
    shared = {"date": DAYS, "symbol": "VIX", "source": "test"}
    return pl.DataFrame({**shared, **unknown, "close": values}, strict=False).select(
        pl.col(name).cast(dtype) for name, dtype in INDEX_SCHEMA.items()
    )


def aligned(values):
    keys = pl.DataFrame({"date": DAYS, "ticker": "SPY"})
    return align_indices(keys, closes(values), {"SPY": "VIX"}, "test", NOW)


def test_a_missing_index_is_carried_forward_once_and_then_null():
    values = [15.0, None, None, 16.0, 17.0, float("nan"), 18.0, 19.0, 20.0]
    rows = aligned(values)
    assert rows["vix"].to_list()[:4] == [15.0, 15.0, None, 16.0]
    assert rows["vix_age"].to_list()[:4] == [0, 1, None, 0]
    assert rows["vix"].to_list()[5] == 17.0


def test_an_index_row_on_a_closed_day_is_never_carried_forward():
    holiday = closes([99.0] * len(DAYS)).head(1).with_columns(date=date(2024, 7, 4))
    keys = pl.DataFrame({"date": DAYS, "ticker": "SPY"})
    on_sessions = closes([15.0, 15.5, 16.0, None, 17.0, 17.0, 17.0, 17.0, 17.0])
    rows = align_indices(keys, pl.concat([on_sessions, holiday]), {"SPY": "VIX"}, "test", NOW)
    assert rows["vix"].to_list()[3] == 16.0
