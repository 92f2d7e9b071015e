"""A simulated market with a seed, for any ticker and session; always labelled as not real.

Daily log volatility follows an AR(1) whose shocks are negatively correlated with returns (the
leverage effect); returns are Student-t with a common market factor. The volatility index is the
model's expected volatility over the next month, so its rank reverts to the mean as the VIX's does.
A stock also reports each quarter: its price jumps, and its implied volatility rises before and
falls after; funds do not. A value depends only on the seed, the ticker and the date, not on the
requested range: when the calendar grows, draws are added and none changes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import lru_cache

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import BAR_SCHEMA, INDEX_SCHEMA, SourceInfo
from options_platform.adapters.sources import simulated_options, simulated_reports
from options_platform.adapters.sources.options import SourceOptions
from options_platform.common import Floats
from options_platform.domain.calendar.sessions import all_sessions, newest_final_session
from options_platform.domain.feature_engine.iv_history import CHAIN
from options_platform.domain.market.bars import require_ticker
from options_platform.errors import SourceError

FIRST = date(2000, 1, 3)
# Sessions of the first draw; later sessions of the calendar are drawn separately.
DRAWN = 7_041
PERSISTENCE = 0.975
LEVEL = math.log(0.0105)
VOL_OF_VOL = 0.085
LEVERAGE = -0.65
DRIFT = 0.0003
DEGREES = 6
MARKET_SHARE = 0.85
MONTH = 21
SHARES_A_DAY = 5e7
FUNDS_OF_THE_MARKET = frozenset({"SPY", "VOO", "IVV"})


class SimulatedSource:
    """Bars, volatility indices, option chains and earnings of a simulated market."""

    def __init__(self, seed: int, iv_symbols: Mapping[str, str] | None = None) -> None:
        """`iv_symbols`: by ticker, the volatility index around which its chains are quoted."""
        self._seed = seed
        self._iv_symbols = dict(iv_symbols or {})
        self.info = SourceInfo(
            name="simulated",
            label=f"simulated market (seed {seed}), not real",
            proxy=True,
            tickers=None,
            indices=None,
            first_date=FIRST,
            kinds=frozenset({"bars", "index", "chain", "earnings"}),
        )

    def bars(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """Bars of the model; no dividends, no splits."""
        bars = _bars(self._seed, require_ticker(ticker))
        return bars.filter(pl.col("date").is_between(start, end))

    def index_bars(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """Closes of the index in points: the VIX of the market factor, others scaled from it."""
        closes = _index(self._seed, require_ticker(symbol))
        return closes.filter(pl.col("date").is_between(start, end))

    def option_chain(self, ticker: str, session: date, now: datetime) -> pl.DataFrame:
        """Listed expiries of the next 75 days, quoted around the ticker's implied volatility.

        This is the ticker's volatility index in `iv_symbols`, the VIX for funds of the S&P 500,
        and otherwise the model's expectation for the ticker. Raises :class:`SourceError` for a
        session that is not over at `now`.
        """
        bar = self.bars(ticker, session, session)
        if bar.is_empty() or session > newest_final_session(now):
            raise SourceError(
                f"the simulated market has no chain of {ticker} for {session}; choose a session "
                f"from {FIRST} to {newest_final_session(now)}"
            )
        closes = self._volatility(ticker).filter(pl.col("date") == session)
        index = closes["close"][0] / 100.0
        random = _generator(self._seed, f"chain:{ticker}:{session}")
        return simulated_options.chain(ticker, session, bar["close"][0], index, random)

    def earnings(self, ticker: str, start: date, end: date) -> pl.DataFrame:
        """One earnings report per quarter; none for well-known funds."""
        name = f"earnings:{require_ticker(ticker)}"
        return simulated_options.earnings(
            ticker, start, end, lambda part: _generator(self._seed, f"{name}:{part}")
        )

    def _volatility(self, ticker: str) -> pl.DataFrame:
        symbol = self._iv_symbols.get(ticker, CHAIN)
        if symbol == CHAIN:
            symbol = "VIX" if ticker in FUNDS_OF_THE_MARKET else ""
        return _index(self._seed, symbol) if symbol else _ticker_index(self._seed, ticker)


def _sessions() -> list[date]:
    return [day for day in all_sessions() if day >= FIRST]


def _generator(seed: int, name: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


@lru_cache(maxsize=4)
def _market(seed: int) -> tuple[Floats, Floats]:
    """Shocks of the market factor (unit variance, n sessions), and its daily volatility (n + 1).

    The last volatility is that of the session after the last.
    """
    count = len(_sessions())
    random = _generator(seed, "market")
    drawn = random.standard_t(DEGREES, DRAWN)
    shocks = _fitted(drawn, lambda n: _generator(seed, "shocks").standard_t(DEGREES, n))
    shocks *= math.sqrt((DEGREES - 2) / DEGREES)
    noise = _normals(random, seed, "noise")
    log_vol = np.full(count + 1, LEVEL)
    for at in range(count):
        push = LEVERAGE * shocks[at] + math.sqrt(1.0 - LEVERAGE**2) * noise[at]
        log_vol[at + 1] = LEVEL + PERSISTENCE * (log_vol[at] - LEVEL) + VOL_OF_VOL * push
    return shocks, np.exp(log_vol)


def _fitted(drawn: Floats, more: Callable[[int], Floats]) -> Floats:
    """`drawn` cut to the calendar's sessions, or extended by `more(missing)` values."""
    count = len(_sessions())
    fitted: Floats = np.concatenate([drawn[:count], more(max(count - DRAWN, 0))])
    return fitted


def _normals(random: np.random.Generator, seed: int, name: str) -> Floats:
    drawn = random.standard_normal(DRAWN)
    return _fitted(drawn, lambda n: _generator(seed, name).standard_normal(n))


def _beta(random: np.random.Generator) -> float:
    """How strongly a ticker moves with the market."""
    return 0.8 + 0.6 * float(random.random())


@lru_cache(maxsize=32)
def _bars(seed: int, ticker: str) -> pl.DataFrame:
    shocks, volatility = _market(seed)
    count, vol = len(shocks), volatility[:-1]
    random = _generator(seed, f"ticker:{ticker}")
    idiosyncratic = _normals(random, seed, f"ticker:{ticker}:own")
    beta = _beta(random)
    mixed = MARKET_SHARE * shocks + math.sqrt(1.0 - MARKET_SHARE**2) * idiosyncratic
    daily = vol * beta
    at = _reactions(seed, ticker)
    jump = simulated_reports.jumps(count, at, beta, _generator(seed, f"ticker:{ticker}:jumps"))
    close = 100.0 * (0.5 + random.random()) * np.exp(np.cumsum(DRIFT + daily * mixed + jump))
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
            "date": _sessions(),
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
def _index(seed: int, symbol: str) -> pl.DataFrame:
    random = _generator(seed, f"index:{symbol}")
    noise = _normals(random, seed, f"index:{symbol}:noise")
    factor = 1.0 if symbol == "VIX" else 1.0 + 0.4 * float(random.random())
    return _volatility_index(seed, symbol, noise, factor)


@lru_cache(maxsize=32)
def _ticker_index(seed: int, ticker: str) -> pl.DataFrame:
    """The expected volatility of the ticker itself, for which there is no published index."""
    random = _generator(seed, f"ticker:{ticker}")
    random.standard_normal(DRAWN)
    name = f"index:{ticker}:own"
    noise = _normals(_generator(seed, name), seed, f"{name}:noise")
    ramp = simulated_reports.ramp(len(_sessions()), _reactions(seed, ticker))
    return _volatility_index(seed, ticker, noise, _beta(random) * ramp)


def _reactions(seed: int, ticker: str) -> simulated_reports.Places:
    """The places of the sessions that react to a report; none for a fund."""
    days = _sessions()
    name = f"earnings:{ticker}"
    reports = simulated_options.earnings(
        ticker, days[0], days[-1], lambda part: _generator(seed, f"{name}:{part}")
    )
    return simulated_reports.reactions(reports, days)


def _volatility_index(
    seed: int, symbol: str, noise: Floats, factor: float | Floats
) -> pl.DataFrame:
    """`factor` times the market's expected volatility over a month, with `noise`, in points."""
    # The close includes its session's shock, so it is based on the next session's volatility.
    vol = _market(seed)[1][1:]
    log_vol = np.log(vol) - LEVEL
    ahead = sum(PERSISTENCE**n for n in range(MONTH)) / MONTH
    level = np.exp(LEVEL + ahead * log_vol + 0.02 * noise) * math.sqrt(252.0) * 100.0
    return pl.DataFrame(
        {
            "date": _sessions(),
            "symbol": [symbol] * len(vol),
            "open": None,
            "high": None,
            "low": None,
            "close": np.round(level * factor, 2),
            "source": ["simulated"] * len(vol),
        },
        schema=INDEX_SCHEMA,
    )


def open_source(options: SourceOptions) -> SimulatedSource:
    """The simulated market of the seed."""
    return SimulatedSource(options.seed, options.iv_symbols)
