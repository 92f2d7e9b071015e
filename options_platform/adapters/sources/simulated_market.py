"""The series of the simulated market: the market factor, bars, volatility indices and reports.

Daily log volatility follows an AR(1) whose shocks are negatively correlated with returns (the
leverage effect); returns are Student-t with a common market factor. The volatility index is the
model's expected volatility over the next month, so its rank reverts to the mean as the VIX's does.
A stock moves more than a fund, most of it on its own, and reports each quarter: its price jumps,
and its implied volatility rises before and falls after. A value depends only on the seed, the
ticker and the date: when the calendar grows, draws are added and none changes.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections.abc import Callable
from datetime import date
from functools import lru_cache

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import BAR_SCHEMA, INDEX_SCHEMA
from options_platform.adapters.sources import (
    simulated_calendar,
    simulated_options,
    simulated_reports,
)
from options_platform.common import Floats
from options_platform.contracts.funds import FUNDS
from options_platform.domain.calendar.sessions import all_sessions
from options_platform.domain.market.index_series import OWN_INDEX

FIRST = date(2000, 1, 3)
# Sessions of the first draw; later sessions of the calendar are drawn separately.
DRAWN = 7_041
PERSISTENCE = 0.975
LEVEL = math.log(0.0105)
VOL_OF_VOL = 0.085
LEVERAGE = -0.65
DRIFT = 0.0003
DEGREES, DEGREES_OF_STOCKS = 6, 5
MARKET_SHARE = 0.85
MONTH = 21
SHARES_A_DAY = 5e7
INDEX_DAYS = 30
# A month of variance, as a share of a year.
MONTH_YEARS = INDEX_DAYS / 365.0
STOCKS = {symbol: ticker for ticker, symbol in reversed(OWN_INDEX.items()) if ticker not in FUNDS}
"""Volatility indices of single stocks, and whose they are."""


def days() -> list[date]:
    """The sessions of the simulated market, ascending."""
    return [day for day in all_sessions() if day >= FIRST]


def generator(seed: int, name: str) -> np.random.Generator:
    """The random generator of a named part of the market."""
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@lru_cache(maxsize=4)
def _market(seed: int) -> tuple[Floats, Floats]:
    """Shocks of the market factor (unit variance, n sessions), and its daily volatility (n + 1).

    The last volatility is that of the session after the last.
    """
    count = len(days())
    random = generator(seed, "market")
    drawn = random.standard_t(DEGREES, DRAWN)
    shocks = _fitted(drawn, lambda n: generator(seed, "shocks").standard_t(DEGREES, n))
    shocks *= math.sqrt((DEGREES - 2) / DEGREES)
    noise = _normals(random, seed, "noise")
    log_vol = np.full(count + 1, LEVEL)
    for at in range(count):
        push = LEVERAGE * shocks[at] + math.sqrt(1.0 - LEVERAGE**2) * noise[at]
        log_vol[at + 1] = LEVEL + PERSISTENCE * (log_vol[at] - LEVEL) + VOL_OF_VOL * push
    return shocks, np.exp(log_vol)


def _fitted(drawn: Floats, more: Callable[[int], Floats]) -> Floats:
    """`drawn` cut to the calendar's sessions, or extended by `more(missing)` values."""
    count = len(days())
    fitted: Floats = np.concatenate([drawn[:count], more(max(count - DRAWN, 0))])
    return fitted


def _normals(random: np.random.Generator, seed: int, name: str) -> Floats:
    drawn = random.standard_normal(DRAWN)
    return _fitted(drawn, lambda n: generator(seed, name).standard_normal(n))


def _beta(random: np.random.Generator) -> float:
    """How strongly a ticker moves with the market."""
    return 0.8 + 0.6 * float(random.random())


@lru_cache(maxsize=32)
def bars_of(seed: int, ticker: str) -> pl.DataFrame:
    """Bars of all sessions in BAR_SCHEMA."""
    shocks, volatility = _market(seed)
    count, vol = len(shocks), volatility[:-1]
    random = generator(seed, f"ticker:{ticker}")
    idiosyncratic = _normals(random, seed, f"ticker:{ticker}:own")
    beta = _beta(random)
    daily = vol * _wildness(ticker, beta)
    drift = np.full(count, DRIFT)
    if ticker in FUNDS:
        mixed = MARKET_SHARE * shocks + math.sqrt(1.0 - MARKET_SHARE**2) * idiosyncratic
    else:
        own = simulated_reports.own_share(beta) * _tails(seed, ticker)
        mixed = (beta * shocks + own) / _wildness(ticker, beta)
        # Over decades the logarithm falls behind the mean by half the variance.
        drift -= 0.5 * daily**2
    at = simulated_reports.reactions(reports_of(seed, ticker), days())
    jump = simulated_reports.jumps(count, at, beta, generator(seed, f"ticker:{ticker}:jumps"))
    close = 100.0 * (0.5 + random.random()) * np.exp(np.cumsum(drift + daily * mixed + jump))
    gap, up, down, trade = (
        _normals(random, seed, f"ticker:{ticker}:{part}") for part in ("gap", "up", "down", "trade")
    )
    open_ = np.r_[close[0], close[:-1]] * np.exp(0.35 * daily * gap + jump)
    high = np.maximum(open_, close) * np.exp(np.abs(0.6 * daily * up))
    low = np.minimum(open_, close) * np.exp(-np.abs(0.6 * daily * down))
    volume = SHARES_A_DAY * np.exp(0.3 * trade) * (vol / math.exp(LEVEL))
    volume[at] *= simulated_reports.BUSIER
    volume = np.round(volume)
    return pl.DataFrame(
        {
            "date": days(),
            "ticker": [ticker] * count,
            "open": open_,
            "high": high,
            "low": low,
            "close": close,
            "adj_close": close,
            "volume": volume,
            "dividend": np.zeros(count),
            "split_ratio": np.ones(count),
            "split_factor": np.ones(count),
            "source": ["simulated"] * count,
        },
        schema=BAR_SCHEMA,
    )


@lru_cache(maxsize=8)
def index_of(seed: int, symbol: str) -> pl.DataFrame:
    """Closes of a volatility index on all sessions in INDEX_SCHEMA."""
    if symbol in STOCKS:
        closes = index_of_ticker(seed, STOCKS[symbol])
        return closes.with_columns(symbol=pl.lit(symbol))
    random = generator(seed, f"index:{symbol}")
    noise = _normals(random, seed, f"index:{symbol}:noise")
    factor = 1.0 if symbol == "VIX" else 1.0 + 0.4 * float(random.random())
    return _index_bars(symbol, factor * _expected_volatility(seed, noise))


@lru_cache(maxsize=32)
def index_of_ticker(seed: int, ticker: str) -> pl.DataFrame:
    """The expected volatility of the ticker itself, with the part of its next report in it."""
    base, priced = _own_volatility(seed, ticker)
    points = 100.0 * np.sqrt((base / 100.0) ** 2 + priced.inside / MONTH_YEARS)
    return _index_bars(ticker, points)


@lru_cache(maxsize=32)
def _own_volatility(seed: int, ticker: str) -> tuple[Floats, simulated_reports.Priced]:
    """The expected volatility of the ticker without reports, in points, and what reports add."""
    beta = _ticker_beta(seed, ticker)
    name = f"index:{ticker}:own"
    noise = _normals(generator(seed, name), seed, f"{name}:noise")
    base = np.round(_wildness(ticker, beta) * _expected_volatility(seed, noise), 2)
    return base, simulated_reports.priced(reports_of(seed, ticker), days(), beta)


def at_close(
    seed: int, ticker: str, session: date
) -> tuple[float, simulated_options.ReportAhead | None]:
    """The 30-day volatility around which the ticker is quoted, a fraction, and its next report."""
    base, priced = _own_volatility(seed, ticker)
    calendar = days()
    at = bisect_left(calendar, session)
    volatility, variance, anchor = base[at] / 100.0, priced.variance[at], priced.anchor[at]
    if anchor >= len(calendar):
        return float(volatility), None
    report = simulated_options.ReportAhead(float(variance), calendar[anchor])
    if (report.anchor - session).days < INDEX_DAYS:
        volatility = math.sqrt(volatility**2 + variance / MONTH_YEARS)
    return float(volatility), report


@lru_cache(maxsize=32)
def reports_of(seed: int, ticker: str) -> pl.DataFrame:
    """All reports of the ticker in `simulated_calendar.SCHEMA`; none of a fund."""
    name = f"earnings:{ticker}"
    reports = simulated_calendar.reports(ticker, lambda part: generator(seed, f"{name}:{part}"))
    return reports.filter(pl.col("date").min().over("number") > FIRST)


def _ticker_beta(seed: int, ticker: str) -> float:
    random = generator(seed, f"ticker:{ticker}")
    random.standard_normal(DRAWN)
    return _beta(random)


def _wildness(ticker: str, beta: float) -> float:
    """The volatility of a ticker as a multiple of the market's."""
    is_fund = ticker in FUNDS
    return beta if is_fund else math.hypot(beta, simulated_reports.own_share(beta))


def _tails(seed: int, ticker: str) -> Floats:
    """A stock's own daily shocks: Student-t, of unit variance."""
    name, degrees = f"ticker:{ticker}:tails", DEGREES_OF_STOCKS
    drawn = generator(seed, name).standard_t(degrees, DRAWN)
    shocks = _fitted(drawn, lambda n: generator(seed, f"{name}:more").standard_t(degrees, n))
    return shocks * math.sqrt((degrees - 2) / degrees)


def _expected_volatility(seed: int, noise: Floats) -> Floats:
    """The market's expected volatility over a month, with `noise`, in points."""
    # The close includes its session's shock, so it is based on the next session's volatility.
    log_vol = np.log(_market(seed)[1][1:]) - LEVEL
    ahead = sum(PERSISTENCE**n for n in range(MONTH)) / MONTH
    return np.asarray(np.exp(LEVEL + ahead * log_vol + 0.02 * noise) * math.sqrt(252.0) * 100.0)


def _index_bars(symbol: str, points: Floats) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "date": days(),
            "symbol": [symbol] * len(points),
            "open": None,
            "high": None,
            "low": None,
            "close": np.round(points, 2),
            "source": ["simulated"] * len(points),
        },
        schema=INDEX_SCHEMA,
    )
