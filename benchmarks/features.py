"""CPU time to compute the features, against plain pandas and TA-Lib.

On the same seeded random walks: all features except the GARCH forecast and the inputs of votes
(which the package computes as well), by the package and by pandas with rolling windows per ticker;
and the features that TA-Lib has too, by the package and by TA-Lib's C functions.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

import numpy as np
import pandas as pd
import polars as pl

from benchmarks.pandas_features import pandas_features
from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.feature_engine.compute import (
    compute_features,
    good_bars,
    with_bar_features,
)
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.domain.features.premium import PREMIUM
from options_platform.domain.features.registry import FEATURES

T = TypeVar("T")
GOAL = 5.0
SUBSET = (
    "rsi_14", "rsi_28", "bb_upper", "bb_lower", "sma_20", "sma_50", "sma_200", "ema_12", "ema_26",
    "returns_1d", "returns_5d", "returns_20d", "returns_60d", "high_52w", "low_52w",
)  # fmt: skip


def make_market(tickers: int, length: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars and index closes of random walks, with the columns that features need."""
    days = sessions(date(2000, 1, 3), date(2026, 12, 31))[-length:]
    random = np.random.default_rng(7)
    shape = (tickers, len(days))
    close = 100.0 * np.exp(np.cumsum(random.normal(0.0, 0.012, shape), axis=1))
    high = close * (1.0 + 0.01 * random.random(shape))
    low = close * (1.0 - 0.01 * random.random(shape))
    level = 18.0 * np.exp(0.3 * np.sin(np.arange(length) / 40.0) + random.normal(0, 0.05, length))
    keys = {
        "date": pl.Series(np.tile(np.array(days, dtype="datetime64[D]"), tickers)),
        "ticker": np.repeat([f"T{index:03d}" for index in range(tickers)], length),
    }
    prices = {"open": low, "high": high, "low": low, "close": close}
    bars = pl.DataFrame({**keys, **{name: values.ravel() for name, values in prices.items()}})
    index = np.tile(level, tickers)
    vix = pl.DataFrame({**keys, "vix": index, "iv_close": index})
    return bars.sort("date", "ticker"), vix.sort("date", "ticker")


def by_package(bars: pl.DataFrame, vix: pl.DataFrame) -> pl.DataFrame:
    return compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())


def by_pandas(bars: pd.DataFrame, vix: pd.DataFrame) -> pd.DataFrame:
    rows = bars.merge(vix, on=["date", "ticker"]).sort_values(["ticker", "date"])
    parts = [pandas_features(group) for _, group in rows.groupby("ticker", sort=False)]
    return pd.concat(parts).sort_values(["date", "ticker"], ignore_index=True)


def subset_by_package(bars: pl.DataFrame) -> pl.DataFrame:
    """From raw bars to the subset's columns, as `compute_features` does."""
    chosen = [feature for feature in FEATURES if feature.name in SUBSET]
    rows = with_bar_features(good_bars(bars), chosen)
    return rows.select("date", "ticker", *SUBSET).sort("date", maintain_order=True)


def subset_by_talib(bars: pd.DataFrame) -> pd.DataFrame:
    import talib

    parts = []
    for ticker, rows in bars.groupby("ticker"):
        close, high, low = (rows[name].to_numpy() for name in ("close", "high", "low"))
        upper, _, lower = talib.BBANDS(close, 20, 2.0, 2.0)
        values = {"rsi_14": talib.RSI(close, 14), "rsi_28": talib.RSI(close, 28)}
        values |= {"bb_upper": upper, "bb_lower": lower}
        values |= {f"sma_{n}": talib.SMA(close, n) for n in (20, 50, 200)}
        values |= {f"ema_{n}": talib.EMA(close, n) for n in (12, 26)}
        values |= {f"returns_{n}d": talib.ROCP(close, n) for n in (1, 5, 20, 60)}
        values |= {"high_52w": talib.MAX(high, 252), "low_52w": talib.MIN(low, 252)}
        parts.append(pd.DataFrame({"date": rows["date"].to_numpy(), "ticker": ticker, **values}))
    return pd.concat(parts).sort_values("date", kind="stable", ignore_index=True)


def timed(work: Callable[[], T]) -> tuple[T, float, float]:
    """The result of the work, its CPU seconds and its wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return result, time.process_time() - cpu, time.perf_counter() - wall


def largest_difference(ours: pl.DataFrame, theirs: pd.DataFrame, names: Sequence[str]) -> float:
    """Largest absolute or relative difference, whichever is smaller, of the numeric columns.

    Raises :class:`AssertionError` if only one side has a value.
    """
    worst = 0.0
    for name in names:
        left = ours[name].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        right = theirs[name].to_numpy(dtype=float)
        both = np.isfinite(left)
        assert np.array_equal(both, np.isfinite(right)), f"{name}: other nulls"
        if both.any():
            scale = np.maximum(1.0, np.abs(right[both]))
            worst = max(worst, float(np.max(np.abs(left[both] - right[both]) / scale)))
    return worst


def show(title: str, ours: tuple[float, float], theirs: tuple[float, float], peer: str) -> float:
    print(title)
    print(f"  {'':18} {'CPU s':>8} {'wall s':>8}")
    print(f"  {'options-platform':18} {ours[0]:8.2f} {ours[1]:8.2f}")
    print(f"  {peer:18} {theirs[0]:8.2f} {theirs[1]:8.2f}")
    ratio = theirs[0] / ours[0]
    print(f"  {peer} / options-platform: {ratio:.1f} (CPU), {theirs[1] / ours[1]:.1f} (wall)")
    return ratio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tickers", type=int, default=50)
    parser.add_argument("--sessions", type=int, default=5000)
    parser.add_argument("--full", action="store_true", help="500 tickers x 5,000 sessions")
    options = parser.parse_args()
    tickers, length = (500, 5000) if options.full else (options.tickers, options.sessions)
    bars, vix = make_market(tickers, length)
    pandas_bars, pandas_vix = bars.to_pandas(), vix.to_pandas()
    by_package(*make_market(2, 600))
    without = {"garch_forecast", *(feature.name for feature in PREMIUM)}
    names = [f.name for f in FEATURES if f.dtype != pl.String and f.name not in without]

    ours, *our_time = timed(lambda: by_package(bars, vix))
    theirs, *their_time = timed(lambda: by_pandas(pandas_bars, pandas_vix))
    print(f"{tickers} tickers x {length} sessions\n")
    ratio = show(f"{len(names) + 3} features", tuple(our_time), tuple(their_time), "pandas")
    print(f"  largest difference of the values: {largest_difference(ours, theirs, names):.1e}")
    print(f"  goal: at least {GOAL:.0f} times less CPU than pandas: {verdict(ratio)}\n")
    del ours, theirs

    try:
        import talib  # noqa: F401
    except ImportError:
        print("TA-Lib is not installed: no comparison with it")
        return
    mine, *my_time = timed(lambda: subset_by_package(bars))
    talibs, *talib_time = timed(lambda: subset_by_talib(pandas_bars))
    show(f"{len(SUBSET)} features that TA-Lib has", tuple(my_time), tuple(talib_time), "TA-Lib")
    # TA-Lib seeds its EMA with a mean, so only the other columns have to agree.
    agreed = [name for name in SUBSET if not name.startswith("ema")]
    print(f"  largest difference of the values: {largest_difference(mine, talibs, agreed):.1e}")


def verdict(ratio: float) -> str:
    return "met" if ratio >= GOAL else "MISSED"


if __name__ == "__main__":
    main()
