"""Converts time stamps of files, of any type, to the sessions that they mean.

A daily bar has a date, but files store it as a midnight (of UTC, of New York, or of the writer's
zone), as the time of the close, as a number or as a category. A midnight that was converted to
another zone reads as the evening before, which would put each bar a session early. So all stamps
of a column are interpreted together:

1. if all are midnights of the column's zone, of UTC or of New York: the date in that zone;
2. if all lie between 4:00 and 20:00 in New York: the date there;
3. otherwise the reading that puts no stamp on a weekend, if there is only one;
4. otherwise, and for a type that is not a date, :class:`StampError`.

Opening files and the layouts of publishers do not belong here.
"""

from __future__ import annotations

from datetime import time

import polars as pl

MIDNIGHT, EARLIEST, LATEST = time(0), time(4), time(20)
# Polars counts weekdays from Monday, 1.
SATURDAY = 6
NEW_YORK = "America/New_York"
LIKE = "a date like 2024-12-31"
INSTANT = pl.Datetime("us", "UTC")
WALL = pl.Datetime("us")
# Numbers that mean a day: its digits, days since 1970 (to 2028), or a spreadsheet's days.
FIRST_DIGITS, LAST_DIGITS = 19_000_101, 21_001_231
FIRST_DAY, LAST_DAY = 7_000, 21_500
SPREADSHEET_EPOCH = 25_569
# Seconds since 1970, and finer units.
FIRST_SECOND, LAST_SECOND = 100_000_000, 4_200_000_000
# Seconds, and thousandths, millionths and billionths of them.
UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
ISO = (
    r"^(\d{4}[-/]\d{2}[-/]\d{2})"
    r"(?:[T ](\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?) ?(Z|UTC|[+-]\d{2}(?::?\d{2})?)?)?$"
)
# Dates that are off by one day fall on weekends, and never on one of the weekdays.
MANY_WEEKENDS, HARDLY_ANY = 0.1, 0.02
FEWEST_DAYS = 10


class StampError(ValueError):
    """A column of dates or times cannot be read; `row` is the first bad row, None for all."""

    def __init__(self, why: str, row: int | None = None) -> None:
        super().__init__(why)
        self.row = row


def days_of(stamps: pl.Series) -> pl.Series:
    """The session of each stamp, as dates without nulls; see the rules of the module.

    Raises :class:`StampError` for a value that is not a date, and for an ambiguous column.
    """
    days = _days(stamps)
    unknown = days.is_null().arg_true()
    if len(unknown):
        row = int(unknown[0])
        raise StampError(f"{_shown(stamps, row)} is no {LIKE[2:]}", row)
    return days.alias(stamps.name)


def require_trading_days(days: pl.Series) -> None:
    """Raise :class:`StampError` if dates are off by a day: many on weekends, none on a weekday.

    Fewer than ten dates are accepted.
    """
    weekday = days.dt.weekday()
    weekends = int((weekday >= SATURDAY).sum())
    if len(days) < FEWEST_DAYS or weekends <= MANY_WEEKENDS * len(days):
        return
    for number, name in enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"), 1):
        if int((weekday == number).sum()) <= HARDLY_ANY * len(days):
            row = int((weekday >= SATURDAY).arg_true()[0])
            raise StampError(
                f"{days[row]} and {weekends - 1} more dates fall on a weekend and hardly any on a "
                f"{name}: the days are off by one, as if midnights were moved to another zone",
                row,
            )


def instants_of(stamps: pl.Series) -> pl.Series:
    """The stamps as UTC times; empty text and null are null.

    Raises :class:`StampError` for times without a zone, which are ambiguous.
    """
    if isinstance(stamps.dtype, pl.Datetime):
        if stamps.dtype.time_zone is None:
            raise StampError("the times lack their zone; add it")
        return stamps.dt.convert_time_zone("UTC").cast(INSTANT)
    if _is_number(stamps):
        whole = _whole(stamps)
        return pl.Series(stamps.name, _since_1970(whole), dtype=INSTANT)
    text = _text(stamps)
    text = text.set(text == "", None)
    if text.null_count() < len(text) and bool(text.drop_nulls().str.contains(r"^\d{10,19}$").all()):
        return instants_of(text.cast(pl.Int64))
    wall, offset = _parts(text)
    moments = (wall - offset).cast(WALL).dt.replace_time_zone("UTC")
    wrong = (moments.is_null() & text.is_not_null()).arg_true()
    if len(wrong):
        row = int(wrong[0])
        raise StampError(
            f"{text[row]!r} in column {stamps.name} is no time like 2024-12-31T16:00:00-05:00", row
        )
    return moments.cast(INSTANT).alias(stamps.name)


def _days(stamps: pl.Series) -> pl.Series:
    kind = stamps.dtype
    if kind == pl.Date:
        return stamps
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            return _of_walls(stamps.cast(WALL))
        utc = stamps.dt.convert_time_zone("UTC").cast(INSTANT)
        return _of_instants(utc, local=stamps.dt.replace_time_zone(None).cast(WALL))
    if _is_number(stamps):
        return _of_numbers(_whole(stamps))
    return _of_text(_text(stamps))


def _of_text(text: pl.Series) -> pl.Series:
    if text.null_count() < len(text) and bool(text.drop_nulls().str.contains(r"^\d{8,19}$").all()):
        return _of_numbers(text.cast(pl.Int64))
    wall, offset = _parts(text)
    bad = (wall.is_null() | text.is_null()).arg_true()
    if len(bad):
        row = int(bad[0])
        raise StampError(f"{_shown(text, row)} is no {LIKE[2:]}", row)
    if offset.null_count() == len(offset):
        return _of_walls(wall)
    if offset.null_count():
        row = int(offset.is_null().arg_true()[0])
        raise StampError(f"{_shown(text, row)} lacks the zone that others have", row)
    return _of_instants((wall - offset).cast(WALL).dt.replace_time_zone("UTC"), local=wall)


def _of_numbers(numbers: pl.Series) -> pl.Series:
    values = numbers.drop_nulls()
    if values.is_empty():
        return numbers.cast(pl.Date)
    if bool(values.is_between(FIRST_DIGITS, LAST_DIGITS).all()):
        return numbers.cast(pl.String).str.to_date("%Y%m%d", strict=False)
    for epoch in (0, SPREADSHEET_EPOCH):
        days = numbers - epoch
        if bool(days.drop_nulls().is_between(FIRST_DAY, LAST_DAY).all()):
            return days.cast(pl.Int32).cast(pl.Date)
    return _of_instants(_since_1970(numbers), local=None)


def _since_1970(numbers: pl.Series) -> pl.Series:
    """UTC times of numbers that count from 1970, in the only unit that fits all of them."""
    values = numbers.drop_nulls()
    for per_second in UNITS:
        low, high = FIRST_SECOND * per_second, LAST_SECOND * per_second
        if bool(values.is_between(low, high).all()):
            micros = (
                numbers * (1_000_000 // per_second) if per_second <= 1_000_000 else numbers // 1_000
            )
            return micros.cast(WALL).dt.replace_time_zone("UTC")
    raise StampError(
        f"numbers like {values[0]} are neither days nor seconds since 1970; write {LIKE}"
    )


def _of_walls(walls: pl.Series) -> pl.Series:
    """Sessions of stamps without a zone: their date, or the next one for converted midnights."""
    stamps = walls.drop_nulls()
    dates = walls.dt.date()
    if _all_midnight(stamps) or _all_by_day(stamps):
        return dates
    return _only_without_weekends([dates, walls.dt.offset_by("5h").dt.date()], stamps)


def _of_instants(utc: pl.Series, *, local: pl.Series | None) -> pl.Series:
    new_york = utc.dt.convert_time_zone(NEW_YORK).dt.replace_time_zone(None)
    walls = [utc.dt.replace_time_zone(None), new_york]
    if local is not None:
        walls.insert(0, local)
    for wall in walls:
        if _all_midnight(wall.drop_nulls()):
            return wall.dt.date()
    if _all_by_day(new_york.drop_nulls()):
        return new_york.dt.date()
    return _only_without_weekends([wall.dt.date() for wall in walls], new_york.drop_nulls())


def _only_without_weekends(readings: list[pl.Series], shown: pl.Series) -> pl.Series:
    fitting = [days for days in readings if bool((days.drop_nulls().dt.weekday() < SATURDAY).all())]
    if fitting and all(days.equals(fitting[0]) for days in fitting):
        return fitting[0]
    raise StampError(
        f"times like {shown[0]:%Y-%m-%d %H:%M} do not show which session they are of; write {LIKE}"
    )


def _all_midnight(walls: pl.Series) -> bool:
    return bool((walls.dt.time() == MIDNIGHT).all())


def _all_by_day(walls: pl.Series) -> bool:
    at = walls.dt.time()
    return bool(((at == MIDNIGHT) | ((at >= EARLIEST) & (at < LATEST))).all())


def _parts(text: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The local time of an ISO text, and its offset from UTC; null if it has none."""
    clean = text.str.strip_chars()
    day = clean.str.extract(ISO, 1).str.replace_all("/", "-")
    at = clean.str.extract(ISO, 2).fill_null("00:00").str.replace(",", ".", literal=True)
    at = pl.select(pl.when(at.str.len_chars() == 5).then(at + ":00").otherwise(at)).to_series()
    wall = (day + "T" + at).str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
    zone = clean.str.extract(ISO, 3).str.replace_all(":", "").str.replace(r"^(Z|UTC)$", "+0000")
    minutes = zone.str.slice(1, 2).cast(pl.Int64) * 60 + zone.str.slice(3, 2).replace("", "0").cast(
        pl.Int64
    )
    sign = pl.select(pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)).to_series()
    offset = (minutes * sign * 60_000_000).cast(pl.Duration("us"))
    return wall, offset


def _text(stamps: pl.Series) -> pl.Series:
    kind = stamps.dtype
    if kind in (pl.String, pl.Binary) or isinstance(kind, pl.Categorical | pl.Enum):
        try:
            return stamps.cast(pl.String).str.strip_chars()
        except pl.exceptions.PolarsError as error:
            raise StampError(f"there are bytes that are no text; write {LIKE}") from error
    if kind == pl.Null:
        return stamps.cast(pl.String)
    raise StampError(f"there are values of type {kind}, which is none of dates; write {LIKE}")


def _is_number(stamps: pl.Series) -> bool:
    return bool(stamps.dtype.is_numeric())


def _whole(stamps: pl.Series) -> pl.Series:
    if stamps.dtype.is_integer():
        return stamps.cast(pl.Int64)
    parts = stamps.cast(pl.Float64)
    odd = (parts.is_nan() | (parts != parts.round())).fill_null(value=False).arg_true()
    if len(odd):
        row = int(odd[0])
        raise StampError(f"{_shown(stamps, row)} is no {LIKE[2:]}", row)
    return parts.cast(pl.Int64)


def _shown(stamps: pl.Series, row: int) -> str:
    value = stamps[row]
    return repr("" if value is None else value if isinstance(value, str) else str(value))
