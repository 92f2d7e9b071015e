"""The market of a backtest as arrays over sessions and tickers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain.term_structure import known_rates, short_rates, term_ratios
from options_platform.domain.market.ex_dates import next_dividends
from options_platform.domain.pricing import DAYS_A_YEAR
from options_platform.errors import IncompleteDataError

YIELD_STALE_DAYS = 7


@dataclass(frozen=True)
class BacktestMarket:
    """Arrays of shape [sessions, tickers]; NaN where nothing is known.

    `close` and `dividend` are split-adjusted USD a share, `factor` turns them into as-traded ones,
    `index` is the ticker's volatility index as an annualised fraction. `interest` is what one USD
    of cash earned since the session before; `yield_stale` flags where the yield had to be carried
    for more than a week. `adjusted` is the close adjusted for dividends too, of tickers whose
    dividends are not known one by one; it serves to hold a ticker, nothing else. `term_ratios`, [3,
    sessions], and `short_rate`, [sessions], are those of `domain.chain.term_structure`; None prices
    by the usual ones. `next_dividend` is the dividend that is to be expected at each close,
    split-adjusted, and `sessions_to_ex_date` when, as
    :class:`~options_platform.domain.market.ex_dates.NextDividend` has them; None expects none. The
    row of `dividend` is its ex-date.
    """

    sessions: list[date]
    tickers: list[str]
    close: Floats
    factor: Floats
    dividend: Floats
    index: Floats
    interest: Floats
    yield_stale: NDArray[np.bool_]
    adjusted: Floats | None = None
    term_ratios: Floats | None = None
    short_rate: Floats | None = None
    next_dividend: Floats | None = None
    sessions_to_ex_date: Floats | None = None

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """The sessions as an array."""
        return np.array(self.sessions, dtype="datetime64[D]")


def make_market(
    bars: pl.DataFrame,
    vix: pl.DataFrame,
    yields: pl.DataFrame | None = None,
    tenors: pl.DataFrame | None = None,
    dividends: pl.DataFrame | None = None,
) -> BacktestMarket:
    """The market from rows of `raw_ohlcv` and `vix`.

    Args:
        bars: date, ticker, close, split_factor, dividend, bad_reason, and adj_close if known.
        vix: date, ticker, iv_close, and vix where there are tenors.
        yields: date and yield_pct, the 3-month Treasury yield in per cent a year; the last one
            known on the session before is earned, carried past its end and flagged. None earns
            nothing.
        tenors: date, vix9d, vix3m and vix6m in index points, and short_rate if known.
        dividends: date, ticker and dividend from before the first bar on, which the next ones are
            expected from; by default those of the bars.

    Raises :class:`IncompleteDataError` if there is no bar.
    """
    if bars.is_empty():
        raise IncompleteDataError("a backtest needs bars; run: options-platform backfill")
    tickers = sorted(bars["ticker"].unique().to_list())
    every = sessions(bars["date"].min(), bars["date"].max())  # type: ignore[arg-type]
    good = pl.col("close").is_finite() & pl.col("bad_reason").is_null()
    unknown = pl.col("dividend").is_null().all().over("ticker")
    adjusted = pl.col("adj_close") if "adj_close" in bars.columns else pl.lit(None, pl.Float64)
    bars = bars.with_columns(
        adjusted=pl.when(good & unknown & (adjusted > 0)).then(adjusted),
        close=pl.when(good).then("close"),
        split_factor=pl.col("split_factor").fill_null(1.0),
        dividend=pl.col("dividend").fill_null(0.0),
    )
    coming = next_dividends(bars, bars if dividends is None else dividends)
    interest, stale = _interest(every, yields)
    term = None if tenors is None else _term(every, vix, tenors)
    return BacktestMarket(
        sessions=every,
        tickers=tickers,
        close=_grid(bars, "close", every, tickers),
        factor=np.nan_to_num(_grid(bars, "split_factor", every, tickers), nan=1.0),
        dividend=np.nan_to_num(_grid(bars, "dividend", every, tickers), nan=0.0),
        index=_grid(vix, "iv_close", every, tickers) / 100.0,
        interest=interest,
        yield_stale=stale,
        adjusted=_grid(bars, "adjusted", every, tickers),
        term_ratios=None if term is None else term_ratios(term),
        short_rate=None if term is None else known_rates(term),
        next_dividend=_grid(coming, "amount", every, tickers),
        sessions_to_ex_date=_grid(coming, "sessions_ahead", every, tickers),
    )


def _term(days: list[date], vix: pl.DataFrame, tenors: pl.DataFrame) -> pl.DataFrame:
    level = vix.group_by("date").agg(pl.col("vix").drop_nulls().first())
    rows = pl.DataFrame({"date": days}).join(level, on="date", how="left", maintain_order="left")
    return rows.join(tenors, on="date", how="left", maintain_order="left")


def _grid(rows: pl.DataFrame, column: str, days: list[date], tickers: list[str]) -> Floats:
    grid = np.full((len(days), len(tickers)), np.nan)
    place = pl.DataFrame({"date": days, "row": np.arange(len(days))})
    own = pl.DataFrame({"ticker": tickers, "column": np.arange(len(tickers))})
    found = rows.select("date", "ticker", value=pl.col(column).cast(pl.Float64))
    found = found.drop_nulls().join(place, on="date").join(own, on="ticker")
    grid[found["row"].to_numpy(), found["column"].to_numpy()] = found["value"].to_numpy()
    return grid


def _interest(days: list[date], yields: pl.DataFrame | None) -> tuple[Floats, NDArray[np.bool_]]:
    if yields is None:
        return np.zeros(len(days)), np.zeros(len(days), dtype=bool)
    # What is earned overnight was known the session before.
    known = short_rates(pl.Series("date", days), yields)
    rate = known["short_rate"].fill_null(0.0).to_numpy()
    before = pl.Series([days[0] - timedelta(days=1), *days[:-1]])
    age = (before - known["known_on"]).dt.total_days().fill_null(0).to_numpy()
    since = np.diff(np.array([days[0], *days], dtype="datetime64[D]")).astype(float)
    stale = (age > YIELD_STALE_DAYS) | known["short_rate"].is_null().to_numpy()
    return rate * since / DAYS_A_YEAR, np.asarray(stale, dtype=bool)
