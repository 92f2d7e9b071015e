"""The features in plain pandas, with vectorised rolling windows per ticker, as a peer."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

YEAR = 252
REGIMES = ("low_vol", "high_vol", "iv_expansion", "iv_contraction", "neutral")


def pandas_features(rows: pd.DataFrame) -> pd.DataFrame:
    """All features except the GARCH forecast, from one ticker's good rows sorted by date."""
    out = pd.DataFrame({"date": rows["date"], "ticker": rows["ticker"]})
    _technical(out, rows["close"], rows["high"], rows["low"])
    _volatility(out, rows["close"], rows["high"], rows["low"])
    _index(out, rows["vix"], rows["iv_close"])
    _regime(out, rows["close"])
    return out


def _technical(out: pd.DataFrame, close: pd.Series, high: pd.Series, low: pd.Series) -> None:
    change = close.diff()
    for n in (14, 28):
        gain, loss = _wilder(change.clip(lower=0.0), n), _wilder((-change).clip(lower=0.0), n)
        out[f"rsi_{n}"] = 100.0 * gain / (gain + loss)
    for n in (20, 50, 200):
        out[f"sma_{n}"] = close.rolling(n).mean()
    for n in (12, 26):
        out[f"ema_{n}"] = close.ewm(span=n, adjust=False, min_periods=n).mean()
    out["macd"] = out["ema_12"] - out["ema_26"]
    out["macd_signal"] = out["macd"].ewm(span=9, adjust=False, min_periods=9).mean()
    out["macd_histogram"] = out["macd"] - out["macd_signal"]
    deviation = close.rolling(20).std(ddof=0)
    out["bb_upper"], out["bb_lower"] = out["sma_20"] + 2 * deviation, out["sma_20"] - 2 * deviation
    out["bb_width"] = (out["bb_upper"] - out["bb_lower"]) / out["sma_20"]
    out["bb_position"] = (close - out["bb_lower"]) / (out["bb_upper"] - out["bb_lower"])
    out["price_vs_sma20"] = (close - out["sma_20"]) / out["sma_20"]
    out["price_vs_sma50"] = (close - out["sma_50"]) / out["sma_50"]
    out["sma_cross_20_50"] = _flag(out["sma_20"] > out["sma_50"], out["sma_50"])
    for n in (1, 5, 20, 60):
        out[f"returns_{n}d"] = close / close.shift(n) - 1.0
    out["high_52w"], out["low_52w"] = high.rolling(YEAR).max(), low.rolling(YEAR).min()
    out["dist_from_high"] = (out["high_52w"] - close) / out["high_52w"]
    out["dist_from_low"] = (close - out["low_52w"]) / out["low_52w"]


def _volatility(out: pd.DataFrame, close: pd.Series, high: pd.Series, low: pd.Series) -> None:
    log_return = np.log(close / close.shift(1))
    for n in (5, 10, 20, 60, 120):
        out[f"hv_{n}"] = log_return.rolling(n).std() * math.sqrt(YEAR)
    out["hv_ratio_5_20"] = out["hv_5"] / out["hv_20"]
    out["hv_ratio_20_60"] = out["hv_20"] / out["hv_60"]
    squared = np.log(high / low) ** 2
    out["parkinson_hv"] = np.sqrt(squared.rolling(20).mean() / (4 * math.log(2)) * YEAR)


def _index(out: pd.DataFrame, vix: pd.Series, iv_close: pd.Series) -> None:
    out["vix"] = vix
    out["vix_sma_10"], out["vix_sma_20"] = vix.rolling(10).mean(), vix.rolling(20).mean()
    out["vix_rank"], out["iv_rank"] = _rank(vix), _rank(iv_close)
    out["vix_percentile"] = (vix.rolling(YEAR + 1).rank(method="min") - 1) / YEAR
    out["hv_iv_ratio"] = out["hv_20"] / (iv_close / 100)
    out["vix_change_1d"], out["vix_change_5d"] = vix / vix.shift(1) - 1, vix / vix.shift(5) - 1
    out["vix_zscore"] = (vix - vix.rolling(60).mean()) / vix.rolling(60).std()
    out["vol_regime"] = np.select([vix < 15, vix > 25], ["low", "high"], "normal")
    out["vol_trend"] = vix.rolling(5).mean() - out["vix_sma_20"]


def _regime(out: pd.DataFrame, close: pd.Series) -> None:
    vix, rank, ratio = out["vix"], out["iv_rank"], out["hv_iv_ratio"]
    rules = [
        (vix < 15) & (rank < 0.3),
        (vix > 25) | (rank > 0.8),
        (ratio > 0.9) & (rank > 0.5),
        (ratio < 0.6) & (rank < 0.5),
    ]
    known = rank.notna() & ratio.notna()
    regime = pd.Series(np.select(rules, REGIMES[:-1], REGIMES[-1]), out.index).where(known)
    out["regime"] = regime
    for name in REGIMES:
        out[f"regime_{name}"] = _flag(regime == name, rank.where(known))
    change = regime != regime.shift()
    days = change.cumsum().groupby(change.cumsum()).cumcount()
    out["days_in_regime"] = days.where(known)
    moved = (change & known & known.shift(fill_value=False)).astype(float)
    recent = moved.rolling(5, min_periods=1).max() > 0
    out["regime_change_1w"] = _flag(recent, rank.where(known))
    for name, flag in (("above_20", vix > 20), ("above_25", vix > 25), ("below_15", vix < 15)):
        out[f"vix_{name}"] = _flag(flag, vix)
    out["hv_iv_contraction"], out["hv_iv_expansion"] = (
        _flag(ratio < 0.6, ratio),
        _flag(ratio > 0.9, ratio),
    )
    fast, slow = out["sma_50"], out["sma_200"]
    bull, bear = (close > fast) & (fast > slow), (close < fast) & (fast < slow)
    trend = pd.Series(np.select([bull, bear], ["bull", "bear"], "neutral"), out.index)
    out["trend_regime"] = trend.where(slow.notna())


def _flag(flag: pd.Series, known: pd.Series) -> pd.Series:
    return flag.astype(float).where(known.notna())


def _rank(values: pd.Series) -> pd.Series:
    window = values.rolling(YEAR)
    low, high = window.min(), window.max()
    return (values - low) / (high - low)


def _wilder(values: pd.Series, n: int) -> pd.Series:
    seeded = values.copy()
    seeded.iloc[:n] = np.nan
    seeded.iloc[n] = values.iloc[1 : n + 1].mean()
    return seeded.ewm(alpha=1 / n, adjust=False).mean()
