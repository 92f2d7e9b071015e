"""Reads dividends, splits and earnings dates from files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from options_platform.adapters.ports.market_data import EARNINGS_KNOWLEDGE, EARNINGS_SCHEMA
from options_platform.adapters.sources.files.reading import (
    FileTable,
    read_table,
    with_dates,
    with_numbers,
    with_times,
)
from options_platform.adapters.sources.files.symbols import is_of, require_symbol
from options_platform.adapters.sources.files.text.dates import hours_of
from options_platform.adapters.sources.files.text.rows import plain
from options_platform.errors import SourceError

EPS = ("eps_estimate", "eps_reported")
RATIO = r"^\s*([\d.]+)\s*(?::|/|-?for-?|\s+for\s+)\s*([\d.]+)\s*$"
# The time of a report in the words of publishers, in plain spelling.
TIMINGS = {
    "before_open": (
        "before open", "bmo", "before market open", "beforemarket", "before market",
        "pre market", "premarket", "time pre market",
    ),
    "after_close": (
        "after close", "amc", "after market close", "aftermarket", "after market",
        "post market", "postmarket", "time after hours", "after hours",
    ),
}  # fmt: skip
STATUSES = ("reported", "confirmed", "estimated")
# Unknown, or during the session (`dmh`).
NO_TIMING = (
    "time not supplied", "tns", "tas", "unknown", "time not specified", "dmh", "during market",
    "during market hours", "",
)  # fmt: skip
CLOCK = r"^\d{1,2}:\d{2}"
OPENS, CLOSES = 9.5, 16.0


def read_actions(path: Path, ticker: str) -> pl.DataFrame:
    """The ticker's actions, one row per day: dividends added, split ratios multiplied.

    Raises :class:`SourceError` also for a file of only dividends or only splits, since the other
    kind is then unknown.
    """
    table = read_table(path, "actions", may_be_empty=True)
    require_symbol(table, ticker)
    actions = part_of_actions(table)
    missing = [name for name in ("dividend", "split_ratio") if name not in actions.columns]
    if missing:
        kind = "splits" if missing == ["split_ratio"] else "dividends"
        raise SourceError(
            f"{path.name} has no {kind}; it needs the columns date,dividend,split_ratio: "
            "options-platform import combines a file of dividends and one of splits"
        )
    return daily_actions(path, actions)


def part_of_actions(table: FileTable) -> pl.DataFrame:
    """`date` with `dividend`, `split_ratio` or both, and `ticker` if the file has it."""
    path = table.path
    frame = with_dates(path, table.frame, order=table.layout.order)
    if "split_ratio" in frame.columns and frame.schema["split_ratio"] == pl.String:
        frame = frame.with_columns(_ratio_text())
    numbers = [n for n in ("dividend", "split_ratio", "split_from") if n in frame.columns]
    frame = with_numbers(path, frame, numbers)
    if "split_from" in frame.columns:
        frame = frame.with_columns(split_ratio=pl.col("split_ratio") / pl.col("split_from"))
    return frame.drop("line", "split_from", strict=False)


def daily_actions(path: Path, actions: pl.DataFrame) -> pl.DataFrame:
    """`date`, `dividend` and `split_ratio`, one row per day, ascending; a ratio of 0 is no split.

    Raises :class:`SourceError` for a negative value.
    """
    if actions.schema["split_ratio"] == pl.String:
        actions = with_numbers(path, actions.with_columns(_ratio_text()), ["split_ratio"])
    wrong = actions.filter(pl.any_horizontal(pl.col("dividend", "split_ratio") < 0))
    if wrong.height:
        raise SourceError(f"{path.name} has a value below 0 on {wrong['date'][0]}; correct it")
    ratio = pl.col("split_ratio")
    return (
        actions.group_by("date")
        .agg(
            pl.col("dividend").fill_nan(0.0).sum(),
            ratio.filter(ratio.is_finite() & (ratio > 0)).product(),
        )
        .sort("date")
    )


def _ratio_text() -> pl.Expr:
    """`4:1`, `4/1` and `4 for 1` as 4; other text unchanged."""
    text = pl.col("split_ratio").str.to_lowercase()
    new, old = (text.str.extract(RATIO, at).cast(pl.Float64, strict=False) for at in (1, 2))
    return pl.coalesce((new / old).cast(pl.String), pl.col("split_ratio")).alias("split_ratio")


def read_earnings(path: Path, ticker: str) -> pl.DataFrame:
    """The reports of `ticker` from a file of one or many tickers; see :func:`reports_of`.

    Raises :class:`SourceError` for a file of other tickers.
    """
    table = read_table(path, "earnings", may_be_empty=True)
    if "ticker" in table.frame.columns:
        names = table.frame["ticker"].drop_nulls().unique().to_list()
        of_ticker = [name for name in names if is_of(name, ticker)]
        if names and not of_ticker:
            # Absence from the file does not prove that the company reports nothing.
            raise SourceError(f"{path.name} is of {names[0]} and others, not of {ticker}")
        table = replace(table, frame=table.frame.filter(pl.col("ticker").is_in(of_ticker)))
    return reports_of(table, ticker)


def reports_of(table: FileTable, ticker: str) -> pl.DataFrame:
    """The rows as reports of `ticker` in EARNINGS_SCHEMA, with what the file has of
    EARNINGS_KNOWLEDGE.

    Without a column of timings, the time of day of the date decides. Raises
    :class:`SourceError` for an unknown timing or status.
    """
    path, frame = table.path, table.frame
    if "timing" not in frame.columns and frame.schema["date"] == pl.String:
        frame = frame.with_columns(timing=_timing_of(hours_of(frame["date"])))
    frame = with_dates(path, frame, order=table.layout.order)
    frame = with_numbers(path, frame, [name for name in EPS if name in frame.columns])
    frame = _with_timings(path, frame) if "timing" in frame.columns else frame
    frame = _with_statuses(path, frame) if "status" in frame.columns else frame
    frame = with_times(path, frame, "known_from") if "known_from" in frame.columns else frame
    unknown = {name: pl.lit(None) for name in EARNINGS_SCHEMA if name not in frame.columns}
    frame = frame.with_columns(**unknown).with_columns(ticker=pl.lit(ticker), source=pl.lit("csv"))
    given = {name: kind for name, kind in EARNINGS_KNOWLEDGE.items() if name in frame.columns}
    schema = {**EARNINGS_SCHEMA, **given}
    return frame.select(*schema).cast(schema)  # type: ignore[arg-type]


def _with_statuses(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    status = pl.col("status").cast(pl.String).str.strip_chars().str.to_lowercase()
    frame = frame.with_columns(status=pl.when(status != "").then(status))
    wrong = frame.filter(~pl.col("status").is_in(STATUSES))
    if wrong.height:
        line, text = wrong.select("line", "status").row(0)
        raise SourceError(
            f"{path.name} line {line}: the status {text!r} is none of {', '.join(STATUSES)}; "
            "correct it, or leave it empty"
        )
    return frame


def _timing_of(hours: pl.Series) -> pl.Series:
    """The timing for hours of the day in New York; null within the session and at midnight."""
    at = pl.col("hours")
    timing = (
        pl.when(at >= CLOSES)
        .then(pl.lit("after_close"))
        .when((at > 0) & (at <= OPENS))
        .then(pl.lit("before_open"))
    )
    return hours.rename("hours").to_frame().select(timing=timing).to_series()


def _with_timings(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    texts = frame["timing"].cast(pl.String).str.strip_chars()
    if texts.str.contains(CLOCK).any():
        # `hours_of` reads a time of day only behind a date.
        hours = _timing_of(hours_of("2000-01-01 " + texts))
        is_clock = texts.str.contains(CLOCK).fill_null(value=False)
        frame = frame.with_columns(timing=texts.zip_with(~is_clock, hours))
        return _with_timings(path, frame)
    timing_by_word = {word: timing for timing, words in TIMINGS.items() for word in words}
    plain_texts = [plain(text or "") for text in frame["timing"].cast(pl.String).to_list()]
    for line, text, word in zip(frame["line"], frame["timing"], plain_texts, strict=True):
        if word not in timing_by_word and word not in NO_TIMING:
            raise SourceError(
                f"{path.name} line {line}: {text!r} is neither {' nor '.join(TIMINGS)}; correct it"
            )
    timings = [timing_by_word.get(word) for word in plain_texts]
    return frame.with_columns(pl.Series("timing", timings, pl.String))
