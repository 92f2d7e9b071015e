from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import (
    CORPORATE_ACTIONS,
    IV_HISTORY,
    OPTION_CHAIN,
    QUARANTINE,
    RAW_OHLCV,
    REVISIONS,
    VIX,
)
from options_platform.reporting.data_page import StoredData, data_section
from options_platform.reporting.figures import coverage_calendar
from options_platform.testing.market import random_market

SEEN = datetime(2026, 1, 2, tzinfo=UTC)
BARS, INDEX = random_market(("AAA", "BBB"), date(2016, 1, 4), date(2016, 6, 30))
DAYS = BARS["date"].unique().sort().to_list()
HOLE = DAYS[40:50]
STORED = StoredData(
    BARS,
    INDEX,
    QUARANTINE.empty(),
    REVISIONS.empty(),
    CORPORATE_ACTIONS.empty(),
    IV_HISTORY.empty(),
    OPTION_CHAIN.empty(),
)


def row(declared, /, **values):
    return pl.DataFrame(
        {name: [values.get(name)] for name in declared.schema}, schema=declared.schema, strict=False
    )


def of(found, ticker):
    return next(one for one in found["coverage"] if one["ticker"] == ticker)


def test_complete_data_have_no_gap_and_are_not_behind():
    found = data_section(STORED, ("AAA", "BBB"), DAYS[-1])
    assert found["gaps"] == found["quarantine"] == found["revisions"] == []
    for ticker in ("AAA", "BBB"):
        row = of(found, ticker)
        assert (row["sessions"], row["missing"], row["set_aside"]) == (len(DAYS), 0, 0)
        assert (row["first"], row["last"], row["sessions_behind"]) == (DAYS[0], DAYS[-1], 0)
        assert row["sources"] == "test"


def test_a_ticker_that_ends_early_is_behind_by_its_sessions():
    early = BARS.filter((pl.col("ticker") == "AAA") | (pl.col("date") <= DAYS[-4]))
    found = data_section(replace(STORED, bars=early), ("AAA", "BBB"), DAYS[-1])
    assert of(found, "AAA")["sessions_behind"] == 0
    assert of(found, "BBB")["sessions_behind"] == 3


def test_a_gap_is_listed_once_with_its_ends_and_its_sessions():
    prices = [name for name, kind in RAW_OHLCV.schema.items() if kind == pl.Float64]
    lost = (pl.col("ticker") == "BBB") & pl.col("date").is_in(HOLE)
    holed = BARS.with_columns(
        *(pl.when(~lost).then(name) for name in prices),
        bad_reason=pl.when(lost).then(pl.lit("missing")),
    )
    found = data_section(replace(STORED, bars=holed), ("AAA", "BBB"), DAYS[-1])
    assert found["gaps"] == [
        {"ticker": "BBB", "first": HOLE[0], "last": HOLE[-1], "sessions": len(HOLE)}
    ]
    assert of(found, "BBB")["missing"] == len(HOLE)
    assert of(found, "BBB")["set_aside"] == 0


def test_quarantine_revisions_and_actions_are_summed_up():
    broken = row(
        QUARANTINE, date=DAYS[3], ticker="AAA", rule="jump", value="{}", source="test",
        seen_at=SEEN, severity="set_aside", status="open",
    )  # fmt: skip
    changed = row(
        REVISIONS, seen_at=SEEN, table="raw_ohlcv", date=DAYS[5], ticker="BBB", column="close",
        old="1.0", new="2.0", source="test", cause="correction",
    )  # fmt: skip
    paid = row(
        CORPORATE_ACTIONS, date=DAYS[7], ticker="AAA", dividend=0.5, split_ratio=1.0,
        source="test", seen_at=SEEN,
    )  # fmt: skip
    stored = replace(STORED, quarantine=broken, revisions=changed, corporate_actions=paid)
    found = data_section(stored, ("AAA", "BBB"), DAYS[-1])
    assert [(r["ticker"], r["rule"], r["open"]) for r in found["quarantine"]] == [
        ("AAA", "jump", 1)
    ]
    assert [(r["ticker"], r["cause"], r["changes"]) for r in found["revisions"]] == [
        ("BBB", "correction", 1)
    ]
    assert found["newest_revisions"][0]["new"] == "2.0"
    assert found["actions"] == [
        {"ticker": "AAA", "dividends": 1, "dividends_usd": 0.5, "splits": 0, "last": DAYS[7]}
    ]


def test_bars_that_were_all_set_aside_are_counted_and_not_drawn():
    bars = BARS.head(4).with_columns(close=pl.lit(None, pl.Float64), bad_reason=pl.lit("nan_price"))
    found = data_section(replace(STORED, bars=bars, vix=INDEX.head(4)), ("AAA", "BBB"), DAYS[-1])
    assert found["plot"] is found["calendar"] is None
    assert of(found, "AAA")["set_aside"] == 2


def test_without_stored_data_the_page_says_so():
    found = data_section(
        replace(STORED, bars=RAW_OHLCV.empty(), vix=VIX.empty()), ("AAA",), DAYS[-1]
    )
    assert found["coverage"] == found["gaps"] == []
    assert found["plot"] is found["calendar"] is None


@pytest.mark.parametrize("good", [0, 10, 21])
def test_the_calendar_is_redder_the_more_sessions_a_month_misses(good):
    from io import BytesIO

    from matplotlib.image import imread

    months = pl.DataFrame(
        {"ticker": ["AAA"], "month": [date(2016, 3, 1)], "sessions": [21], "good": [good]}
    )
    picture = imread(BytesIO(coverage_calendar(months, ("AAA",))))
    middle = picture[picture.shape[0] // 3, picture.shape[1] // 2, :3]
    wanted = {0: (0.753, 0.322, 0.290), 10: (0.96, 0.86, 0.64), 21: (0.718, 0.875, 0.788)}[good]
    assert np.allclose(middle, wanted, atol=0.05)
