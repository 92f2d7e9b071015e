"""Reads bars and index values from files, with dividends and splits if the file has them."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.sources.actions import (
    effective,
    paid_after_splits,
    split_adjusted,
    split_not_in_prices,
    unadjusted_split,
    with_actions,
)
from options_platform.adapters.sources.files.events import daily_actions, read_actions
from options_platform.adapters.sources.files.layouts.layout import ONE_VALUE
from options_platform.adapters.sources.files.reading import (
    FileTable,
    read_table,
    with_dates,
    with_numbers,
)
from options_platform.adapters.sources.files.symbols import require_symbol, same_symbol
from options_platform.adapters.sources.files.text.dates import times_of_day
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.errors import SourceError

log = logging.getLogger(__name__)
PRICES = ("open", "high", "low", "close")
BAR_NUMBERS = (*PRICES, "adj_close", "volume", "dividend")
NO_VALUES = ("line", "interval", "ticker", "trades", "clock", "adj_open", "down")
FACTORS = ("price_factor", "volume_factor")
# USD; above any share price, and below prices that are written in billionths of a dollar.
FIXED_POINT = 1e7
FOR_DIVIDENDS = re.compile(r"(?<!not )\badjusted for [^\n]*\bdividends?\b", re.IGNORECASE)
DAILY = ("", "d", "daily", "1d", "1440")
# Generic names for the column of a single value; and names that identify a series.
UNNAMED = ("close", "value", "price", "last", "px last", "adj close", "level")
FRED_NAMES = {
    "VIX": "VIXCLS", "VIX3M": "VXVCLS", "VXN": "VXNCLS", "RVX": "RVXCLS", "VXD": "VXDCLS",
    "VXAPL": "VXAPLCLS", "VXAZN": "VXAZNCLS", "VXGOG": "VXGOGCLS", "VXGS": "VXGSCLS",
    "VXIBM": "VXIBMCLS", "GVZ": "GVZCLS", "OVX": "OVXCLS", "VXSLV": "VXSLVCLS",
    "VXGDX": "VXGDXCLS", "VXXLE": "VXXLECLS", "VXEEM": "VXEEMCLS", "VXEWZ": "VXEWZCLS",
    "VXFXI": "VXFXICLS",
}  # fmt: skip
"""FRED's series of each index of Cboe's, https://fred.stlouisfed.org/categories/32425."""
SERIES_NAMES = {
    **{series.lower(): symbol for symbol, series in FRED_NAMES.items()},
    "dgs3mo": "DGS3MO",
    "dgs3mo pct": "DGS3MO",
    "riflgfcm03 n b": "DGS3MO",
    "3 mo": "DGS3MO",
}


def read_bars(path: Path, ticker: str, actions_path: Path | None) -> pl.DataFrame:
    """The file's bars, ascending, split-adjusted, with dividend, split_ratio and split_factor.

    Args:
        path: the file.
        ticker: ticker of its bars.
        actions_path: file of dividends and splits, used in preference to those in the bars'
            file; None if there is none.

    The three columns are null if neither file has splits. Raises :class:`SourceError` for a
    damaged or ambiguous file, and for prices that contradict the splits.
    """
    table = read_table(path, "bars")
    log_layout(table)
    actions = None
    if actions_path is not None:
        today = datetime.now(NEW_YORK).date()
        actions = effective(read_actions(actions_path, ticker), today)
    bars, actions = bars_of(table, ticker, actions, actions_path)
    if actions is None:
        unknown = pl.lit(None, pl.Float64)
        return bars.with_columns(dividend=unknown, split_ratio=unknown, split_factor=unknown)
    return with_actions(bars, actions)


def bars_of(
    table: FileTable,
    ticker: str,
    actions: pl.DataFrame | None = None,
    actions_path: Path | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame | None]:
    """The bars, ascending and split-adjusted, and the daily dividends and splits; None if unknown.

    Without `actions` those in the file are used, with dividends made split-adjusted too.
    """
    path = table.path
    # Prices that the file's own factor adjusts are no longer as traded.
    as_traded = table.layout.as_traded and "price_factor" not in table.frame.columns
    if table.layout.no_bars:
        raise SourceError(f"{path.name} is of {table.layout.name}: {table.layout.no_bars}")
    if FOR_DIVIDENDS.search(table.above):
        raise SourceError(
            f"{path.name} states above its header that its prices are adjusted for dividends too; "
            "fetch prices adjusted only for splits"
        )
    bars = values_of(table, ticker).sort("date", maintain_order=True)
    from_file = actions is None and "split_ratio" in bars.columns
    if from_file:
        actions = daily_actions(path, bars.select("date", "dividend", "split_ratio"))
    bars = bars.drop("dividend", "split_ratio", strict=False)
    if actions is None:
        return bars, None
    if not as_traded:
        step = unadjusted_split(bars, actions)
        if step is not None:
            day, ratio = step
            raise SourceError(
                f"{ticker}'s file holds prices as traded: they step by the {ratio:g}:1 split of "
                f"{day} in {(actions_path or path).name}; divide what lies before it by {ratio:g}, "
                "or fetch a split-adjusted file"
            )
        return bars, actions
    missing_step = split_not_in_prices(bars, actions)
    if missing_step is not None:
        day, ratio = missing_step
        raise SourceError(
            f"{path.name} is of {table.layout.name}, whose prices are as traded, but they do not "
            f"step by the {ratio:g}:1 split of {day}; fetch the file again"
        )
    return split_adjusted(bars, actions), paid_after_splits(actions) if from_file else actions


def read_index(path: Path, symbol: str) -> pl.DataFrame:
    """The file's `date` and `close`, and `open`, `high` and `low` if it has them.

    Raises :class:`SourceError`, also if the name of its only value is that of another index.
    """
    table = read_table(path, "index", "bars")
    log_layout(table)
    return values_of(table, symbol)


def log_layout(table: FileTable) -> None:
    """Log the recognised layout of a file, unless it is the platform's own."""
    if not table.is_ours:
        log.info("%s was read as %s", table.path.name, described(table))


def described(table: FileTable) -> str:
    """The recognised layout of a file, in a few words."""
    dates = ", US dates" if table.layout.order == "mdy" else ""
    meaning = ", prices as traded" if table.layout.as_traded else ""
    return f"{table.layout.kind} of {table.layout.name}{dates}{meaning}"


def values_of(table: FileTable, symbol: str) -> pl.DataFrame:
    """Typed dates and numbers of one symbol, in the order of the file.

    Raises :class:`SourceError` for another symbol, intraday bars, and unreadable values.
    """
    _require_named(table, symbol)
    path, frame = table.path, table.frame
    require_symbol(table, symbol)
    if "interval" in frame.columns:
        other = frame.filter(~pl.col("interval").str.to_lowercase().is_in(DAILY))
        if other.height:
            raise SourceError(
                f"{path.name} holds bars of {other['interval'][0]}, not of days; fetch daily ones"
            )
    clocks = times_of_day(frame["clock" if "clock" in frame.columns else "date"])
    frame = with_dates(path, frame, order=table.layout.order, of_sessions=True)
    _require_one_bar_a_day(path, frame["date"], clocks)
    numbers = [name for name in (*BAR_NUMBERS, *FACTORS) if name in frame.columns]
    frame = with_numbers(path, frame, numbers)
    if frame["close"].median() is not None and frame["close"].median() > FIXED_POINT:  # type: ignore[operator]
        raise SourceError(
            f"{path.name} has a close of {frame['close'][0]:.0f}: prices in fractions of a cent; "
            "export them as dollars (pretty_px of Databento)"
        )
    if "price_factor" in frame.columns:
        factor = {"volume": pl.col("volume") * pl.col("volume_factor")}
        frame = frame.with_columns(
            pl.col(PRICES) / pl.col("price_factor"),
            **(factor if "volume_factor" in frame.columns else {}),
        )
    if table.layout.kind == "bars" and "adj_close" not in frame.columns:
        frame = frame.with_columns(adj_close=pl.lit(None, pl.Float64))
    return frame.drop(*NO_VALUES, *FACTORS, strict=False)


def _require_one_bar_a_day(path: Path, days: pl.Series, clocks: pl.Series) -> None:
    """Raise :class:`SourceError` for intraday bars; a day may be listed twice at the same time."""
    sessions = days.n_unique()
    if len(days) > 2 * sessions or pl.DataFrame([days, clocks.alias("at")]).n_unique() > sessions:
        raise SourceError(f"{path.name} holds several bars a day; fetch daily ones")


def _require_named(table: FileTable, symbol: str) -> None:
    """Raise :class:`SourceError` if the column of a file's only value names another series."""
    name = table.names["close"]
    identifies = name in SERIES_NAMES or table.layout.columns["close"] == ONE_VALUE
    if identifies and name not in UNNAMED and not same_symbol(SERIES_NAMES.get(name, name), symbol):
        raise SourceError(
            f"{table.path.name} gives {name.upper()}, not {symbol}; name the file after it, or "
            "the column close if it is the same"
        )
