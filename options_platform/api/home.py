"""A home, opened to be read: its tables as frames, training data, and backtests."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from options_platform.adapters.storage.home import require_readable_layout
from options_platform.adapters.storage.tables import tables
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.api.backtest import Backtest, SettingValue, run_backtest, written
from options_platform.api.training_data import TrainingData, load_training_data
from options_platform.common import Progress
from options_platform.contracts import EARNINGS_KNOWN
from options_platform.errors import IncompleteDataError, UsageError, nearest
from options_platform.services.forward.recorded_exits import with_recorded_exits
from options_platform.services.market_data.platform import quiet, utc_now
from options_platform.services.trading.home_copy import home_copy
from options_platform.settings import Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd


def open_home(
    path: str | Path | None = None, *, settings: Mapping[str, SettingValue] | None = None
) -> Home:
    """A home that exists, with the settings of the working directory and the environment.

    Args:
        path: the home's folder (default: the one that the settings name, as for the commands).
        settings: values over those settings by dotted name, e.g.
            ``{"source": "sample", "exits.credit_stop": 1.5}``.

    Raises:
        SettingsError: a setting is unknown or out of range.
        IncompleteDataError: nothing is stored there yet.
        HomeError: the home was written by a newer version.
    """
    environment = dict(os.environ)
    if path is not None:
        environment["OPTIONS_HOME"] = str(Path(path).expanduser().absolute())
    for name, value in (settings or {}).items():
        environment[f"OPTIONS_{name.upper().replace('.', '__')}"] = written(value, between=",")
    made = with_recorded_exits(load_settings(environment=environment))
    if not made.warehouse_path.exists():
        raise IncompleteDataError(
            f"nothing is stored in the home {made.home}; name another one, or run: "
            "options-platform demo (sample data) or options-platform backfill (your tickers)"
        )
    require_readable_layout(made.home)
    return Home(made)


@dataclass(frozen=True)
class Home:
    """A home and its settings. Each call reads the newest published copy of its tables."""

    settings: Settings

    @property
    def tickers(self) -> tuple[str, ...]:
        """The tickers of the settings."""
        return self.settings.tickers

    @property
    def tables(self) -> dict[str, str]:
        """What each table holds, by name; docs/data-dictionary.md has their columns and units."""
        return {name: table.description for name, table in sorted(tables().items())}

    def frame(
        self,
        table: str,
        *,
        tickers: Sequence[str] | str | None = None,
        start: date | str | None = None,
        end: date | str | None = None,
        columns: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """The rows of a table, sorted by its key; without any, an empty frame with its columns.

        Args:
            table: its name, e.g. "features".
            tickers: one or several (default: all that are stored).
            start: first session, a date or "YYYY-MM-DD" (default: the first that is stored).
            end: last session (default: the last that is stored).
            columns: the columns to read (default: all).

        Raises:
            UsageError: an unknown table or column, a date that is none, or tickers or dates of a
                table that has none.
        """
        known = tables()
        if table not in known:
            raise UsageError(f"no table {table!r}; {nearest(table, known)}")
        schema = known[table].schema
        for name in columns or ():
            if name not in schema:
                raise UsageError(f"{table} has no column {name!r}; {nearest(name, schema.names())}")
        asked = {"ticker": tickers is not None, "date": start is not None or end is not None}
        for name, is_asked in asked.items():
            if is_asked and name not in schema:
                raise UsageError(f"{table} has no column {name}; read all of it, then filter")
        return self._store.read(
            known[table],
            columns=columns,
            tickers=_names(tickers),
            start=_day(start),
            end=_day(end),
        )

    @property
    def as_of(self) -> datetime | None:
        """UTC time of the published copy that is read now; None where none can be made."""
        return home_copy(self.settings).published_at

    @property
    def behind(self) -> str | None:
        """Why the tables may have changed since `as_of`, in a line; None if they have not."""
        return home_copy(self.settings).behind

    def earnings(self, ticker: str, *, as_of: datetime | None = None) -> pl.DataFrame:
        """The earnings reports of a ticker as they were known at a moment, by date.

        Args:
            ticker: the ticker; a fund has no reports.
            as_of: a time with its zone (default: now).

        Returns:
            date, timing, status, anchor (last session that closes before the report), reaction,
            timing_source, knowledge (recorded, or assumed before the first request) and source.
        """
        from options_platform.domain.earnings.known_dates import KnownDates, as_frame

        record = self.frame(EARNINGS_KNOWN.name, tickers=ticker)
        known = KnownDates(ticker, record, self.settings.earnings)
        return as_frame(known.at(as_of or utc_now()))

    def pandas(self, table: str, **rows: Any) -> pd.DataFrame:
        """As :meth:`frame`, as a pandas frame indexed by the table's key columns that were read."""
        frame = self.frame(table, **rows)
        key = [name for name in tables()[table].key if name in frame.columns]
        made = frame.to_pandas()
        return made.set_index(key) if key else made

    def training_data(
        self,
        *,
        tickers: Sequence[str] | str | None = None,
        end: date | str | None = None,
    ) -> TrainingData:
        """Features and labels of `tickers` (default: those of the settings) up to `end`.

        The inputs are those that the platform's models may see: scale-free features, categories as
        0 or 1. Raises :class:`IncompleteDataError` if features or labels of a ticker are missing.
        """
        return load_training_data(self._store, _names(tickers) or self.tickers, _day(end))

    def backtest(
        self,
        settings: Mapping[str, SettingValue] | None = None,
        *,
        tickers: Sequence[str] | str | None = None,
        start: date | str | None = None,
        end: date | str | None = None,
        calls: pl.DataFrame | None = None,
        baselines: bool = False,
        record: bool = True,
        progress: Progress | None = None,
    ) -> Backtest:
        """Trade the stored predictions in the past, as `options-platform backtest` does.

        Args:
            settings: values over the home's by dotted name, as of `--set`, e.g.
                ``{"exits.credit_stop": 1.5, "plan.selection.strategy": "iron_condor"}``.
            tickers: one or several, or universes, whose members are traded from their days on
                (default: those of the settings).
            start: first session (default: the first prediction).
            end: last session (default: the last prediction).
            calls: the probabilities to trade in place of the stored ones: date, ticker, p_bearish,
                p_neutral and p_bullish, one row a session and ticker. Sessions without a row are
                not traded. They must be out of sample (:meth:`TrainingData.splits`).
            baselines: compare with every baseline too, which takes about a hundred runs more.
            record: count the run as a trial of the home, by which later ones are judged.
            progress: is told how far the runs are.

        Raises:
            UsageError: an unknown setting or ticker, fewer than two sessions, or calls that are
                no probabilities.
            IncompleteDataError: a table lacks rows that the backtest needs; says which.
        """
        return run_backtest(
            self.settings,
            self._store,
            settings=settings or {},
            tickers=_names(tickers) or self.tickers,
            start=_day(start),
            end=_day(end),
            calls=calls,
            baselines=baselines,
            is_recorded=record,
            progress=progress or quiet,
        )

    @property
    def _store(self) -> Warehouse:
        """Where all tables of the home are read: the newest published copy."""
        return home_copy(self.settings).warehouse


def _names(given: Sequence[str] | str | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


def _day(given: date | str | None) -> date | None:
    if not isinstance(given, str):
        return given
    try:
        return date.fromisoformat(given)
    except ValueError as error:
        raise UsageError(f"{given!r} is no date; write it as YYYY-MM-DD") from error
