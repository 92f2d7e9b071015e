"""The market of a backtest as arrays over sessions and tickers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.domain.backtest.real_quotes import RealQuotes
from options_platform.domain.backtest.rules import ChainUse
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import Chain
from options_platform.domain.chain.term_structure import known_rates, short_rates, term_ratios
from options_platform.domain.earnings.blackout import Known, ReportAhead
from options_platform.domain.market.ex_dates import next_dividends
from options_platform.domain.market.odd_splits import TO_LEAVE, odd_splits, odd_splits_ahead
from options_platform.domain.pricing import DAYS_A_YEAR
from options_platform.errors import IncompleteDataError

YIELD_STALE_DAYS = 7


@dataclass(frozen=True)
class BacktestMarket:
    """The market as arrays of shape [sessions, tickers]; NaN where data are missing.

    `close`: split-adjusted, USD a share. `factor`: multiplies a split-adjusted price into the price
    as traded. `dividend`: split-adjusted, USD a share, on its ex-date. `index`: the ticker's
    volatility index, an annualised fraction. `interest`, [sessions]: interest on one USD of cash
    since the previous session. `yield_stale`, [sessions]: the yield was missing, or carried forward
    for more than a week. `adjusted`: close adjusted for dividends as well, for tickers without
    known dividends; used by buy-and-hold only. `term_ratios`, [3, sessions], and `short_rate`,
    [sessions]: as in `domain.chain.term_structure`; None uses the estimated ratios and the
    configured rate. `next_dividend` and `sessions_to_ex_date`: the dividend expected at each close,
    split-adjusted, and sessions to its ex-date, as in
    :class:`~options_platform.domain.market.ex_dates.NextDividend`; None expects no dividends.
    `odd_split`: at this close a position has to be left because of a split that is not whole; None
    where none is known. `chains`: the stored real chains; None if there are none. `reports`: by
    ticker the earnings report ahead at each close, None without one; tickers without any are left
    out.
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
    odd_split: NDArray[np.bool_] | None = None
    chains: RealQuotes | None = None
    reports: Mapping[str, Sequence[ReportAhead | None]] = field(default_factory=dict)
    betas: Floats | None = None

    @cached_property
    def days(self) -> NDArray[np.datetime64]:
        """The sessions as an array of dates, shape [sessions]."""
        return np.array(self.sessions, dtype="datetime64[D]")

    def with_reports(self, known: Mapping[str, Sequence[Known]]) -> BacktestMarket:
        """The market with what each close knew of reports, by ticker and session."""
        ahead = {ticker: [each.ahead for each in closes] for ticker, closes in known.items()}
        return replace(self, reports={name: each for name, each in ahead.items() if any(each)})

    def with_betas(self, measured: pl.DataFrame) -> BacktestMarket:
        """The market with the betas that each close knew: those of an earlier session.

        `measured` has date, ticker and beta, ascending by date.
        """
        if measured.is_empty():
            return self
        keys = pl.DataFrame({"date": self.sessions}, schema={"date": pl.Date}).join(
            pl.DataFrame({"ticker": self.tickers}), how="cross"
        )
        known = keys.join_asof(
            measured, on="date", by="ticker", strategy="backward", tolerance="370d",
            allow_exact_matches=False, check_sortedness=False,
        )  # fmt: skip
        return replace(self, betas=_grid(known, "beta", self.sessions, self.tickers))

    def betas_at(self, session_number: int) -> dict[str, float]:
        """The measured betas that the close of a session knew, by ticker."""
        if self.betas is None:
            return {}
        row = self.betas[session_number]
        return {self.tickers[at]: float(row[at]) for at in np.flatnonzero(np.isfinite(row))}

    def beta_rows(self) -> pl.DataFrame | None:
        """The same as rows: date, ticker and beta; None where none is measured."""
        if self.betas is None:
            return None
        session, ticker = np.nonzero(np.isfinite(self.betas))
        return pl.DataFrame(
            {
                "date": pl.Series(self.sessions, dtype=pl.Date).gather(session),
                "ticker": pl.Series(self.tickers).gather(ticker),
                "beta": self.betas[session, ticker],
            }
        )

    def report_ahead(self, ticker: str, session_number: int) -> ReportAhead | None:
        """The report ahead at the close of a session; None without one."""
        ahead = self.reports.get(ticker)
        return None if ahead is None else ahead[session_number]

    def before_odd_split(self, ticker: str, session_number: int) -> bool:
        """Whether positions of the ticker have to be left because of a split that is not whole."""
        if self.odd_split is None:
            return False
        return bool(self.odd_split[session_number, self.tickers.index(ticker)])

    def chain_of(self, use: ChainUse) -> Callable[[date, str], Chain | None] | None:
        """Gives plans the stored chain of a day; None if there are none, or they are not used."""
        return None if self.chains is None or use == "synthetic" else self.chains.chain


def make_market(
    bars: pl.DataFrame,
    vix: pl.DataFrame,
    yields: pl.DataFrame | None = None,
    tenors: pl.DataFrame | None = None,
    dividends: pl.DataFrame | None = None,
    splits: pl.DataFrame | None = None,
) -> BacktestMarket:
    """The market from rows of `raw_ohlcv` and `vix`.

    Args:
        bars: date, ticker, close, split_factor, dividend, bad_reason, and optionally adj_close.
        vix: date, ticker, iv_close, and vix if `tenors` are given.
        yields: date and yield_pct, the 3-month Treasury yield in percent a year. Cash earns the
            last yield known on the previous session; past the end of the series it is carried
            forward and flagged. None: cash earns nothing.
        tenors: date, vix9d, vix3m and vix6m in index points, and optionally short_rate.
        dividends: date, ticker and dividend, with history before the first bar, from which the
            next dividends are expected; by default those of the bars.
        splits: ticker and odd_split_on of the splits that are not whole; by default those of the
            bars, if they have a split_ratio.

    Raises:
        IncompleteDataError: there are no bars.
    """
    if bars.is_empty():
        raise IncompleteDataError("a backtest needs bars; run: options-platform backfill")
    tickers = sorted(bars["ticker"].unique().to_list())
    every = sessions(bars["date"].min(), bars["date"].max())  # type: ignore[arg-type]
    good = pl.col("close").is_finite() & pl.col("bad_reason").is_null()
    without_dividends = pl.col("dividend").is_null().all().over("ticker")
    adjusted = pl.col("adj_close") if "adj_close" in bars.columns else pl.lit(None, pl.Float64)
    bars = bars.with_columns(
        adjusted=pl.when(good & without_dividends & (adjusted > 0)).then(adjusted),
        close=pl.when(good).then("close"),
        split_factor=pl.col("split_factor").fill_null(1.0),
        dividend=pl.col("dividend").fill_null(0.0),
    )
    coming = next_dividends(bars, bars if dividends is None else dividends)
    if splits is None and "split_ratio" in bars.columns:
        splits = odd_splits(bars)
    interest, yield_stale = _interest(every, yields)
    term = None if tenors is None else _term(every, vix, tenors)
    return BacktestMarket(
        sessions=every,
        tickers=tickers,
        close=_grid(bars, "close", every, tickers),
        factor=np.nan_to_num(_grid(bars, "split_factor", every, tickers), nan=1.0),
        dividend=np.nan_to_num(_grid(bars, "dividend", every, tickers), nan=0.0),
        index=_grid(vix, "iv_close", every, tickers) / 100.0,
        interest=interest,
        yield_stale=yield_stale,
        adjusted=_grid(bars, "adjusted", every, tickers),
        term_ratios=None if term is None else term_ratios(term),
        short_rate=None if term is None else known_rates(term),
        next_dividend=_grid(coming, "amount", every, tickers),
        sessions_to_ex_date=_grid(coming, "sessions_ahead", every, tickers),
        odd_split=_odd_split(every, tickers, splits),
    )


def _odd_split(
    every: list[date], tickers: list[str], splits: pl.DataFrame | None
) -> NDArray[np.bool_] | None:
    if splits is None or splits.is_empty():
        return None
    days = pl.DataFrame({"date": every}, schema={"date": pl.Date})
    keys = days.join(pl.DataFrame({"ticker": tickers}), how="cross")
    ahead = odd_splits_ahead(keys, splits)
    return np.asarray(_grid(ahead, "sessions_to_odd_split", every, tickers) <= TO_LEAVE)


def _term(days: list[date], vix: pl.DataFrame, tenors: pl.DataFrame) -> pl.DataFrame:
    level = vix.group_by("date").agg(pl.col("vix").drop_nulls().first())
    rows = pl.DataFrame({"date": days}).join(level, on="date", how="left", maintain_order="left")
    return rows.join(tenors, on="date", how="left", maintain_order="left")


def _grid(rows: pl.DataFrame, column: str, days: list[date], tickers: list[str]) -> Floats:
    grid = np.full((len(days), len(tickers)), np.nan)
    rows_by_date = pl.DataFrame({"date": days, "row": np.arange(len(days))})
    columns = pl.DataFrame({"ticker": tickers, "column": np.arange(len(tickers))})
    cells = rows.select("date", "ticker", value=pl.col(column).cast(pl.Float64))
    cells = cells.drop_nulls().join(rows_by_date, on="date").join(columns, on="ticker")
    grid[cells["row"].to_numpy(), cells["column"].to_numpy()] = cells["value"].to_numpy()
    return grid


def _interest(days: list[date], yields: pl.DataFrame | None) -> tuple[Floats, NDArray[np.bool_]]:
    if yields is None:
        return np.zeros(len(days)), np.zeros(len(days), dtype=bool)
    # The overnight rate is the one known on the previous session.
    rates = short_rates(pl.Series("date", days), yields)
    rate = rates["short_rate"].fill_null(0.0).to_numpy()
    previous_session = pl.Series([days[0] - timedelta(days=1), *days[:-1]])
    age = (previous_session - rates["known_on"]).dt.total_days().fill_null(0).to_numpy()
    days_between = np.diff(np.array([days[0], *days], dtype="datetime64[D]")).astype(float)
    stale = (age > YIELD_STALE_DAYS) | rates["short_rate"].is_null().to_numpy()
    return rate * days_between / DAYS_A_YEAR, np.asarray(stale, dtype=bool)
