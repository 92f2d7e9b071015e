"""Parses dates in text: one format for a whole column, or an error if it is ambiguous."""

from __future__ import annotations

from datetime import time
from typing import Literal

import polars as pl

NEW_YORK = "America/New_York"
Order = Literal["", "mdy", "dmy", "ymd"]
# Pattern of a date -> its format; a time of day may follow each.
STYLES = {
    r"^\d{4}-\d{1,2}-\d{1,2}$": "%Y-%m-%d",
    r"^\d{4}/\d{1,2}/\d{1,2}$": "%Y/%m/%d",
    r"^\d{4}\.\d{1,2}\.\d{1,2}$": "%Y.%m.%d",
    r"^\d{1,2}\.\d{1,2}\.\d{4}$": "%d.%m.%Y",
    r"^(19|20)\d{6}$": "%Y%m%d",
    r"^\d{1,2}[- ][a-z]{3,9}[- ]\d{4}$": "%d %B %Y",
    r"^\d{1,2}[- ][a-z]{3,9}[- ]\d{2}$": "%d %B %y",
    r"^[a-z]{3,9} \d{1,2} \d{4}$": "%B %d %Y",
    r"^[a-z]{3,9} [a-z]{3,9} \d{1,2} \d{4}$": "%A %B %d %Y",
}
# The orders in which numeric dates are tried.
ORDERS: dict[Order, tuple[str, str, str]] = {
    "mdy": ("month", "day", "year"),
    "dmy": ("day", "month", "year"),
    "ymd": ("year", "month", "day"),
}
SLASHED = r"^(\d{1,2})[/-](\d{1,2})[/-](\d{2}|\d{4})$"
TIME = r"[T ](\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?)\s*(.*)$"
# A time of day in a separate column, `09:31` or `093100`.
ALONE = r"^(\d{1,2}:\d{2}.*|\d{6})$"
EPOCH = {10: "s", 13: "ms", 16: "us", 19: "ns"}
UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
OFFSET = r"^([+-]\d{2}):?(\d{2})?$"
UTC = ("Z", "UTC", "GMT")
# Zones of New York; a time of day without a zone counts as New York's.
LOCAL = ("", "-04:00", "-05:00", "-0400", "-0500", "ET", "EST", "EDT")
STAMP = r"^(\d{4}[-/]\d{2}[-/]\d{2}([T ].*)?|\d+)?$"
WRITE = "write dates like 2024-12-31"


class DateTextError(ValueError):
    """A column of dates is ambiguous or unreadable; the message says why and what to write."""


def dates_of(texts: pl.Series, order: Order = "") -> pl.Series:
    """The dates of `texts`; null for a text that is not a date.

    A time of day is ignored; with an offset from UTC the text is an instant (`_of_new_york`), as
    are numbers of 10 to 19 digits, which count from 1970. Dates such as 01/02/2020 are read in
    `order`, or else in the only order that fits the whole column. Raises
    :class:`DateTextError` if several orders fit, or none.
    """
    text = texts.cast(pl.String).str.strip_chars().rename("text").to_frame()
    # A chain repeats a few dates on thousands of lines, so each is parsed once.
    split = text.unique(maintain_order=True).select(
        day=pl.col("text").str.replace(TIME, "").str.strip_chars(),
        clock=pl.col("text").str.extract(TIME, 1),
        zone=pl.col("text").str.extract(TIME, 2).str.to_uppercase(),
        text=pl.col("text"),
    )
    day = pl.col("day").str.replace_all(",", " ").str.replace_all(r"\s+", " ").str.to_lowercase()
    parsed = split.with_columns(day=day).with_columns(
        date=pl.coalesce(
            *(_styled(pattern, style) for pattern, style in STYLES.items()), *_instants()
        )
    )
    numbered = parsed.filter(pl.col("day").str.contains(SLASHED))
    if numbered.height:
        chosen = order or order_of(numbered["day"])
        parsed = parsed.with_columns(date=pl.coalesce("date", _in_order(chosen)))
    read = parsed.select("text", date=_of_new_york())
    joined = text.join(read, on="text", how="left", maintain_order="left", nulls_equal=True)
    return joined.get_column("date").rename(texts.name)


def are_stamps(texts: pl.Series) -> bool:
    """Whether all texts are ISO dates and times or numbers, which the module `times` parses."""
    return bool(texts.str.strip_chars().str.contains(STAMP).fill_null(value=True).all())


def times_of_day(stamps: pl.Series) -> pl.Series:
    """The time of day of each stamp as text, also of seconds since 1970; null for a plain date."""
    if isinstance(stamps.dtype, pl.Datetime):
        return stamps.dt.time().cast(pl.String)
    text = stamps.cast(pl.String).str.strip_chars().rename("text").to_frame()
    seconds = [
        pl.when(pl.col("text").str.contains(rf"^\d{{{digits}}}$")).then(_seconds(unit) % 86_400)
        for digits, unit in EPOCH.items()
    ]
    return text.select(
        pl.coalesce(
            pl.col("text").str.extract(TIME, 1),
            pl.col("text").str.extract(ALONE, 1),
            *(second.cast(pl.String) for second in seconds),
        ).alias(stamps.name)
    ).to_series()


def _seconds(unit: str) -> pl.Expr:
    return pl.col("text").cast(pl.Int64, strict=False) // UNITS[unit]


def _styled(pattern: str, style: str) -> pl.Expr:
    words = pl.col("day").str.replace_all("-", " ") if "%B" in style else pl.col("day")
    fits = pl.col("day").str.contains(pattern)
    return pl.when(fits).then(words.str.to_date(style, strict=False))


def _instants() -> list[pl.Expr]:
    """Dates of numbers since 1970: at midnight UTC the date in UTC, otherwise in New York."""
    dates: list[pl.Expr] = []
    for digits, unit in EPOCH.items():
        fits = pl.col("day").str.contains(rf"^\d{{{digits}}}$")
        seconds = pl.col("day").cast(pl.Int64, strict=False) // UNITS[unit]
        instant = pl.from_epoch(seconds, time_unit="s").dt.replace_time_zone("UTC")
        local = instant.dt.convert_time_zone(NEW_YORK).dt.date()
        dates.append(
            pl.when(fits & (seconds % 86_400 == 0)).then(instant.dt.date()).when(fits).then(local)
        )
    return dates


def _of_new_york() -> pl.Expr:
    """`date`, or for a time of day with an offset from UTC the session of that instant.

    A local midnight keeps its date. An instant at midnight UTC has the date in UTC, because some
    programs write daily bars so. Every other instant has the date in New York.
    """
    hours = pl.col("zone").str.extract(OFFSET, 1).cast(pl.Int32, strict=False)
    minutes = pl.col("zone").str.extract(OFFSET, 2).cast(pl.Int32, strict=False).fill_null(0)
    sign = pl.when(pl.col("zone").str.starts_with("-")).then(-1).otherwise(1)
    offset = pl.when(pl.col("zone").is_in(UTC)).then(0).otherwise(hours * 60 + sign * minutes)
    clock = pl.col("clock").str.extract(r"^(\d{1,2}:\d{2})", 1).str.zfill(5)
    stamp = pl.concat_str(pl.col("date").dt.strftime("%Y-%m-%d"), pl.lit(" "), clock)
    local = stamp.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_zone="UTC")
    instant = local - pl.duration(minutes=offset)
    at_midnight = instant.dt.time() == time(0)
    moved = offset.is_not_null() & (clock != "00:00")
    return (
        pl.when(~moved.fill_null(value=False) | instant.is_null())
        .then(pl.col("date"))
        .when(at_midnight)
        .then(instant.dt.date())
        .otherwise(instant.dt.convert_time_zone(NEW_YORK).dt.date())
    )


def _in_order(order: Order) -> pl.Expr:
    parts = {
        name: pl.col("day").str.extract(SLASHED, at) for at, name in enumerate(ORDERS[order], 1)
    }
    numbers = {name: part.cast(pl.Int32, strict=False) for name, part in parts.items()}
    year = pl.when(numbers["year"] < 100).then(2000 + numbers["year"]).otherwise(numbers["year"])
    iso = pl.format(
        "{}-{}-{}",
        year.cast(pl.String).str.zfill(4),
        numbers["month"].cast(pl.String).str.zfill(2),
        numbers["day"].cast(pl.String).str.zfill(2),
    )
    return iso.str.to_date("%Y-%m-%d", strict=False)


def order_of(days: pl.Series) -> Order:
    """The only order in which every one of `days`, such as 01/02/2020, exists.

    Raises :class:`DateTextError` if there are several, or none.
    """
    frame = days.to_frame("day")
    long_year = days.str.contains(r"\d{4}$").any()
    orders = [order for order in ORDERS if not (long_year and order == "ymd")]
    fitting = [o for o in orders if frame.select(_in_order(o)).to_series().null_count() == 0]
    if not fitting:
        raise DateTextError(f"dates like {days[0]!r} fit no one order of day and month; {WRITE}")
    if len(fitting) > 1:
        readings = " or ".join(
            str(frame.head(1).select(_in_order(order)).item()) for order in fitting
        )
        raise DateTextError(f"{days[0]!r} may be {readings}; {WRITE}")
    return fitting[0]


def hours_of(texts: pl.Series) -> pl.Series:
    """The time of day in New York in hours; null for a plain date and for another zone."""
    text = texts.cast(pl.String).str.strip_chars()
    clock = text.str.extract(TIME, 1).str.to_lowercase()
    hour = clock.str.extract(r"^(\d+):", 1).cast(pl.Float64)
    minute = clock.str.extract(r":(\d+)", 1).cast(pl.Float64)
    afternoon = clock.str.contains("pm").fill_null(value=False) & (hour < 12)
    hours = hour + minute / 60.0 + afternoon.cast(pl.Float64) * 12.0
    local = text.str.extract(TIME, 2).str.to_uppercase().is_in(LOCAL)
    return hours.set(~local.fill_null(value=False), None)
