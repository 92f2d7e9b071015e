from datetime import UTC, date, datetime, time

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.files.parquet import OFFSET
from options_platform.adapters.sources.files.text.times import (
    StampError,
    days_of,
    instants_of,
    require_trading_days,
)
from options_platform.domain.calendar.sessions import sessions
from options_platform.errors import SourceError

DAYS = sessions(date(2024, 1, 2), date(2024, 12, 30))
MIDNIGHTS = pl.Series("date", DAYS).cast(pl.Datetime("us"))
IN_UTC = MIDNIGHTS.dt.replace_time_zone("UTC")
IN_NEW_YORK = MIDNIGHTS.dt.replace_time_zone("America/New_York")
ZONES = ("UTC", "America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Kolkata",
         "Asia/Tokyo", "Pacific/Auckland", "+05:30")  # fmt: skip
EVENING = pl.Series(["2024-07-02T20:00:00"]).str.to_datetime()
TEXT = MIDNIGHTS.dt.date().dt.to_string("%Y-%m-%d")

READ = {
    **{f"midnight of UTC shown in {z}": IN_UTC.dt.convert_time_zone(z) for z in ZONES[:-1]},
    **{
        f"midnight of New York shown in {z}": IN_NEW_YORK.dt.convert_time_zone(z)
        for z in ZONES[:-1]
    },
    **{f"midnight of {z}": MIDNIGHTS.dt.replace_time_zone(z) for z in ZONES[:-1]},
    **{
        f"{at} in New York shown in {z}": IN_NEW_YORK.dt.offset_by(at).dt.convert_time_zone(z)
        for at in ("9h30m", "16h", "16h15m")
        for z in ZONES[:-1]
    },
    **{f"midnight without a zone, {u}": MIDNIGHTS.cast(pl.Datetime(u)) for u in ("ms", "us", "ns")},
    **{f"midnight of New York, {u}": IN_NEW_YORK.dt.cast_time_unit(u) for u in ("ms", "us", "ns")},
    "midnight of UTC shown in New York, the zone forgotten": IN_UTC.dt.convert_time_zone(
        "America/New_York"
    ).dt.replace_time_zone(None),
    "close in UTC, the zone forgotten": IN_NEW_YORK.dt.offset_by("16h")
    .dt.convert_time_zone("UTC")
    .dt.replace_time_zone(None),
    "dates": pl.Series("date", DAYS),
    "text": TEXT,
    "text with blanks": (" " + TEXT + " ").alias("date"),
    "text with slashes": TEXT.str.replace_all("-", "/"),
    "text of eight digits": TEXT.str.replace_all("-", ""),
    "text with a time": TEXT + " 00:00:00",
    "text with T and Z": TEXT + "T00:00:00.000Z",
    "text with pandas' offset": pl.Series("date", [str(at) for at in IN_NEW_YORK]),
    "text, midnight of UTC shown in New York": pl.Series(
        "date", [str(at) for at in IN_UTC.dt.convert_time_zone("America/New_York")]
    ),
    "categories": TEXT.cast(pl.Categorical),
    "an enumeration": TEXT.cast(pl.Enum(TEXT.to_list())),
    "bytes": TEXT.cast(pl.Binary),
    "eight digits": TEXT.str.replace_all("-", "").cast(pl.Int32),
    "eight digits as floats": TEXT.str.replace_all("-", "").cast(pl.Float64),
    "days since 1970": MIDNIGHTS.dt.epoch("d"),
    "a spreadsheet's days": MIDNIGHTS.dt.epoch("d") + 25_569,
    **{f"{u} since 1970, midnight of UTC": IN_UTC.dt.epoch(u) for u in ("s", "ms", "us", "ns")},
    **{f"{u} since 1970, of New York": IN_NEW_YORK.dt.epoch(u) for u in ("s", "ms", "us", "ns")},
}


@pytest.mark.parametrize("kind", READ)
def test_a_stamp_is_read_as_the_session_that_it_means(kind):
    days = days_of(READ[kind])
    assert days.to_list() == DAYS
    assert (days.name, days.dtype) == ("date", pl.Date)
    require_trading_days(days)


@pytest.mark.parametrize("kind", READ)
def test_a_few_days_of_summer_are_read_like_the_whole_year(kind):
    """A daily file, an actions file: half a dozen stamps without a change of clocks."""
    if "zone forgotten" in kind:
        return
    first = DAYS.index(date(2024, 7, 8))
    assert days_of(READ[kind][first : first + 6]).to_list() == DAYS[first : first + 6]


@pytest.mark.parametrize(
    ("stamps", "row", "why"),
    [
        (pl.Series([date(2024, 1, 2), None]), 1, "'' is no date like 2024-12-31"),
        (pl.Series(["2024-01-02", "2024-02-30"]), 1, "'2024-02-30' is no date"),
        (pl.Series(["2024-01-02", ""]), 1, "'' is no date"),
        (pl.Series(["01/02/2024"]), 0, "'01/02/2024' is no date like 2024-12-31"),
        (pl.Series(["2024-01-02", "2024-01-03 00:00:00-05:00"]), 0, "lacks the zone"),
        (pl.Series([20240102, 20240230]), 1, "'20240230' is no date"),
        (pl.Series([1.5]), 0, "'1.5' is no date"),
        (pl.Series([float("nan")]), 0, "is no date"),
        (pl.Series([7, 8, 9]), None, "neither days nor seconds since 1970"),
        (pl.Series([True]), None, "type Boolean"),
        (pl.Series([time(3)]), None, "type Time"),
        (pl.Series([[1]]), None, "type List"),
        (pl.Series([b"\xff\xfe"]), None, "bytes that are no text"),
        # The evening of a Tuesday in New York: its midnight of UTC, or the end of late trading?
        (EVENING, None, "2024-07-02 20:00 do not show which session"),
    ],
)
def test_a_column_without_dates_is_refused_with_the_reason(stamps, row, why):
    with pytest.raises(StampError, match=why) as fault:
        days_of(stamps)
    assert fault.value.row == row
    assert "\n" not in str(fault.value)


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Tokyo", "Asia/Kolkata"])
def test_days_that_are_off_by_one_are_refused(zone):
    moved = MIDNIGHTS.dt.replace_time_zone(zone).dt.convert_time_zone("UTC")
    days = days_of(moved)
    assert days.to_list() != DAYS
    with pytest.raises(StampError, match="fall on a weekend and hardly any on a Friday"):
        require_trading_days(days)


def test_a_calendar_with_every_day_of_the_week_is_not_off_by_one():
    every = pl.date_range(date(2024, 1, 1), date(2024, 3, 1), eager=True)
    require_trading_days(every)


def test_moments_need_a_zone_and_may_be_missing():
    close = datetime(2024, 12, 31, 21, tzinfo=UTC)
    for stamps in (
        pl.Series(["2024-12-31T16:00:00-05:00", "", None, "2024-12-31 21:00Z"]),
        pl.Series(["2024-12-31T21:00:00.000+0000", "", None, "2024-12-31T16:00:00-05"]),
    ):
        assert instants_of(stamps).to_list() == [close, None, None, close]
    assert instants_of(pl.Series([close]).dt.convert_time_zone("Asia/Tokyo")).to_list() == [close]
    assert instants_of(pl.Series([int(close.timestamp() * 1000)])).to_list() == [close]
    naive = pl.Series([close]).dt.replace_time_zone(None)
    with pytest.raises(StampError, match="lack their zone"):
        instants_of(naive)
    with pytest.raises(StampError, match="'2024-12-31T16:00:00' in column quoted_at is no time"):
        instants_of(pl.Series("quoted_at", ["2024-12-31T16:00:00"]))


def written(folder, dates, kind):
    """The same file of bars, of an index, of dividends and of reports, with those dates."""
    names = ("open", "high", "low", "close", "adj_close")
    prices = {name: [100.0] * len(dates) for name in names} | {"volume": [1000.0] * len(dates)}
    actions = {"dividend": [0.5] * len(dates), "split_ratio": [1.0] * len(dates)}
    frames = {
        "SPY": {"date": dates, **prices},
        "VIX": {"date": dates, "close": [20.0] * len(dates)},
        "DGS3MO": {"date": dates, "DGS3MO": [4.0] * len(dates)},
        "QQQ": {"date": DAYS[: len(dates)], **prices},
        "QQQ_actions": {"date": dates, **actions},
        "QQQ_earnings": {"date": dates, "timing": ["after_close"] * len(dates)},
    }
    for name, columns in frames.items():
        frame = pl.DataFrame(columns)
        if kind == "parquet":
            frame.write_parquet(folder / f"{name}.parquet")
        else:
            frame.write_csv(folder / f"{name}.csv")
    return open_source("csv", SourceOptions(csv_dir=str(folder)))


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize(
    "stamps",
    [
        "midnight of UTC shown in America/New_York",
        "midnight of Asia/Tokyo",
        "16h in New York shown in UTC",
        "text with pandas' offset",
        "eight digits",
        "ms since 1970, of New York",
        "categories",
    ],
)
def test_files_of_every_kind_are_read_with_the_right_sessions(tmp_path, stamps, kind):
    source = written(tmp_path, READ[stamps], kind)
    span = (DAYS[0], DAYS[-1])
    assert source.bars("SPY", *span)["date"].to_list() == DAYS
    assert source.index_bars("VIX", *span)["date"].to_list() == DAYS
    assert source.index_bars("DGS3MO", *span)["date"].to_list() == DAYS
    assert source.bars("QQQ", *span).filter(pl.col("dividend") > 0)["date"].to_list() == DAYS
    assert source.earnings("QQQ", *span)["date"].to_list() == DAYS


def bars_with(folder, zone):
    """A Parquet file of bars whose midnights are of `zone`, which Polars need not know."""
    prices = {name: [100.0] * len(DAYS) for name in ("open", "high", "low", "close", "adj_close")}
    stamps = pa.array([int(at.timestamp() * 1e6) for at in IN_UTC], pa.timestamp("us", tz="UTC"))
    if OFFSET.fullmatch(zone):
        hours, minutes = int(zone[:3]), int(zone[4:])
        shift_us = (hours * 60 + minutes) * 60_000_000
        stamps = pa.array([stamp.value - shift_us for stamp in stamps], pa.timestamp("us"))
    table = pa.table({"date": stamps.cast(pa.timestamp("us", tz=zone)), **prices})
    table = table.append_column("volume", pa.array([1000.0] * len(DAYS)))
    pq.write_table(table, folder / "SPY.parquet")
    return open_source("csv", SourceOptions(csv_dir=str(folder)))


@pytest.mark.parametrize("zone", ["+05:30", "-05:00", "+00:00", "EST5EDT", "Etc/GMT+5"])
def test_parquet_with_a_bare_offset_or_an_old_name_of_a_zone_is_read(tmp_path, zone):
    bars = bars_with(tmp_path, zone).bars("SPY", DAYS[0], DAYS[-1])
    assert bars["date"].to_list() == DAYS


def test_parquet_of_a_zone_that_does_not_exist_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"SPY\.parquet .*time zone 'Mars/Base'") as error:
        bars_with(tmp_path, "Mars/Base").bars("SPY", DAYS[0], DAYS[-1])
    assert "\n" not in str(error.value)


def test_a_file_whose_days_are_off_by_one_is_refused_with_its_name_and_line(tmp_path):
    moved = MIDNIGHTS.dt.replace_time_zone("Asia/Tokyo").dt.convert_time_zone("UTC")
    source = written(tmp_path, moved, "parquet")
    for ask in (lambda: source.bars("SPY", DAYS[0], DAYS[-1]),
                lambda: source.index_bars("VIX", DAYS[0], DAYS[-1])):  # fmt: skip
        with pytest.raises(
            SourceError, match=r"(SPY|VIX)\.parquet line 6: 2024-01-07 and"
        ) as error:
            ask()
        assert "\n" not in str(error.value)
