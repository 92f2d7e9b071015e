"""A folder of CSV or Parquet files: `TICKER.csv`, `VIX.csv`, `TICKER_actions.csv`.

Several folders may be named, separated like a PATH; the first with the file wins. A file that
cannot be read whole is refused with its name and line; bad rows in it pass through, for
`domain.bars` to judge.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from options_platform.adapters.ports import BAR_SCHEMA, INDEX_SCHEMA, SourceInfo
from options_platform.adapters.sources.actions import with_actions
from options_platform.domain.bars import require_ticker
from options_platform.errors import SourceError

BAR_COLUMNS = ("open", "high", "low", "close", "adj_close", "volume")
INDEX_PRICES = ("open", "high", "low", "close")


class CsvSource:
    """Files in the user's folders; prices are split-adjusted, as Yahoo gives them."""

    def __init__(self, folders: str) -> None:
        self._folders = [Path(part).expanduser() for part in folders.split(os.pathsep) if part]
        for folder in self._folders:
            if not folder.is_dir():
                raise SourceError(f"csv folder {folder} does not exist; set OPTIONS_CSV_DIR")

    @property
    def info(self) -> SourceInfo:
        """A label with the folders' names."""
        names = ", ".join(folder.name for folder in self._folders)
        return SourceInfo("csv", f"files in {names}", proxy=False, tickers=None, indices=None)

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """The bars of the file, with dividends and splits where there is an actions file."""
        path = self._find(require_ticker(ticker))
        table = _numbers(path, _table(path, ("date", *BAR_COLUMNS)), BAR_COLUMNS)
        last = max(table["date"].to_list(), default=None)
        if last is None or last < end:
            raise SourceError(
                f"{path.name} ends {last}, but {ticker} was asked for up to {end}; "
                "bring the file up to date, or choose an earlier end (OPTIONS_END)"
            )
        table = table.with_columns(ticker=pl.lit(ticker), source=pl.lit("csv"))
        table = self._with_actions(ticker, table.sort("date", maintain_order=True))
        return table.filter(pl.col("date").is_between(start, end)).select(BAR_SCHEMA.names())

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """The bars of the index's file; it may hold closes alone."""
        path = self._find(require_ticker(symbol))
        table = _table(path, ("date", "close"), optional=INDEX_PRICES)
        given = [name for name in INDEX_PRICES if name in table.columns]
        unknown = {name: pl.lit(None) for name in INDEX_PRICES if name not in given}
        return (
            _numbers(path, table, given)
            .filter(pl.col("date").is_between(start, end))
            .with_columns(symbol=pl.lit(symbol), source=pl.lit("csv"), **unknown)
            .select(INDEX_SCHEMA.names())
            .sort("date")
            .cast(dict(INDEX_SCHEMA))  # type: ignore[arg-type]
        )

    def _find(self, name: str) -> Path:
        for folder in self._folders:
            for ending in (".csv", ".csv.gz", ".parquet"):
                if (folder / (name + ending)).is_file():
                    return folder / (name + ending)
        shown = " or ".join(str(folder) for folder in self._folders)
        raise SourceError(f"no {name}.csv or {name}.parquet in {shown}; add it, or drop {name}")

    def _with_actions(self, ticker: str, table: pl.DataFrame) -> pl.DataFrame:
        candidates = (folder / f"{ticker}_actions.csv" for folder in self._folders)
        path = next((path for path in candidates if path.is_file()), None)
        if path is None:
            unknown = pl.lit(None, pl.Float64)
            return table.with_columns(dividend=unknown, split_ratio=unknown, split_factor=unknown)
        columns = ("dividend", "split_ratio")
        actions = _by_day(path, _numbers(path, _table(path, ("date", *columns)), columns))
        return with_actions(table, actions)


def _by_day(path: Path, actions: pl.DataFrame) -> pl.DataFrame:
    """One row a day: its dividends added, its splits multiplied; a ratio of 0 means none."""
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


def _table(path: Path, columns: Sequence[str], optional: Sequence[str] = ()) -> pl.DataFrame:
    if path.suffix == ".parquet":
        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise SourceError(
                f"{path.name} cannot be read as Parquet ({_short(error)}); fetch it again"
            ) from error
    else:
        frame = _text(path)
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise SourceError(
            f"{path.name} lacks the columns {', '.join(missing)}; it needs {','.join(columns)}"
        )
    twice = [name for name in columns if f"{name}_duplicated_0" in frame.columns]
    if twice:
        raise SourceError(f"{path.name} has the column {twice[0]} twice; remove one")
    more = [name for name in optional if name in frame.columns and name not in columns]
    frame = frame.select(*columns, *more)
    if frame.is_empty():
        raise SourceError(f"{path.name} holds no rows; it needs {','.join(columns)}")
    return _with_dates(path, frame)


def _text(path: Path) -> pl.DataFrame:
    try:
        content = path.read_bytes()
        if path.suffix == ".csv":
            content = content.rstrip(b"\r\n")
            _refuse_cut_end(path, content.splitlines())
        return pl.read_csv(content, infer_schema=False)
    except pl.exceptions.NoDataError as error:
        raise SourceError(f"{path.name} is empty; restore it") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(
            f"{path.name} cannot be read as CSV ({_short(error)}); correct it, or fetch it again"
        ) from error


def _refuse_cut_end(path: Path, lines: list[bytes]) -> None:
    # A reader fills the missing fields of a short line with null, as if they had been empty.
    if lines and lines[-1].count(b",") < lines[0].count(b","):
        raise SourceError(f"{path.name} line {len(lines)} is cut short; fetch the file again")


def _with_dates(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    day = pl.col("date")
    if frame.schema["date"] == pl.Datetime:
        day = day.dt.date()
    elif frame.schema["date"] != pl.Date:
        day = day.cast(pl.String).str.to_date("%Y-%m-%d", strict=False)
    parsed = frame.with_columns(day.alias("parsed"))
    wrong = parsed.with_row_index("line", offset=2).filter(pl.col("parsed").is_null())
    if wrong.height:
        line, text = wrong.select("line", "date").row(0)
        raise SourceError(
            f"{path.name} line {line}: {text or ''!r} is no date like 2024-12-31; correct it"
        )
    return parsed.with_columns(date=pl.col("parsed")).drop("parsed")


def _numbers(path: Path, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    for name in columns:
        if frame.schema[name].is_numeric():
            frame = frame.with_columns(pl.col(name).cast(pl.Float64))
            continue
        if frame.schema[name] != pl.String:
            raise SourceError(f"{path.name}: the column {name} holds no numbers; correct it")
        number = pl.col(name).str.strip_chars().cast(pl.Float64, strict=False)
        wrong = frame.with_row_index("line", offset=2).filter(
            number.is_null() & pl.col(name).is_not_null() & (pl.col(name).str.strip_chars() != "")
        )
        if wrong.height:
            line, text = wrong.select("line", name).row(0)
            raise SourceError(
                f"{path.name} line {line}: {text!r} in column {name} is no number; correct it"
            )
        frame = frame.with_columns(number)
    return frame


def _short(error: Exception) -> str:
    return str(error).splitlines()[0]
