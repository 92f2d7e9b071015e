"""A slow, independent implementation of every feature for one ticker, with pandas and loops.

No formula of the package is used. Index columns must have no gaps.
"""

import math

import numpy as np
import pandas as pd


def reference_features(
    bars: pd.DataFrame, vix: pd.DataFrame, premium: pd.DataFrame
) -> dict[str, np.ndarray]:
    close, high, low = bars["close"], bars["high"], bars["low"]
    log_return = np.log(close / close.shift(1))
    out: dict[str, object] = {}
    for n in (14, 28):
        out[f"rsi_{n}"] = _wilder_rsi(close.to_numpy(), n)
    ema12, ema26 = _ema(close.to_numpy(), 12), _ema(close.to_numpy(), 26)
    out["ema_12"], out["ema_26"] = ema12, ema26
    out["macd"] = ema12 - ema26
    first = 25
    signal = np.full(len(close), np.nan)
    signal[first:] = _ema(out["macd"][first:], 9)
    out["macd_signal"] = signal
    out["macd_histogram"] = out["macd"] - signal
    mean20 = close.rolling(20).mean()
    deviation = close.rolling(20).apply(lambda w: math.sqrt(np.mean((w - w.mean()) ** 2)), raw=True)
    upper, lower = mean20 + 2 * deviation, mean20 - 2 * deviation
    out |= {"bb_upper": upper, "bb_lower": lower, "bb_width": (upper - lower) / mean20}
    out["bb_position"] = (close - lower) / (upper - lower)
    for n in (20, 50, 200):
        out[f"sma_{n}"] = close.rolling(n).apply(np.mean, raw=True)
    out["price_vs_sma20"] = close / out["sma_20"] - 1
    out["price_vs_sma50"] = close / out["sma_50"] - 1
    cross = (out["sma_20"] > out["sma_50"]).astype(float)
    out["sma_cross_20_50"] = cross.where(out["sma_50"].notna())
    for n in (1, 5, 20, 60):
        out[f"returns_{n}d"] = close / close.shift(n) - 1
    out["high_52w"] = high.rolling(252).apply(np.max, raw=True)
    out["low_52w"] = low.rolling(252).apply(np.min, raw=True)
    out["dist_from_high"] = 1 - close / out["high_52w"]
    out["dist_from_low"] = close / out["low_52w"] - 1
    for n in (5, 10, 20, 60, 120):
        std = log_return.rolling(n).apply(lambda w: np.std(w, ddof=1), raw=True)
        out[f"hv_{n}"] = std * math.sqrt(252)
    out["hv_ratio_5_20"] = out["hv_5"] / out["hv_20"]
    out["hv_ratio_20_60"] = out["hv_20"] / out["hv_60"]
    park = (np.log(high / low) ** 2).rolling(20).apply(np.mean, raw=True) / (4 * math.log(2))
    out["parkinson_hv"] = np.sqrt(park * 252)
    out |= _index_features(vix["vix"].reset_index(drop=True), vix["iv_close"], out["hv_20"])
    out |= _premium_features(bars, vix["vix"].to_numpy(), premium)
    trend = np.full(len(close), None, dtype=object)
    for at in range(len(close)):
        fast, slow = out["sma_50"].iloc[at], out["sma_200"].iloc[at]
        if math.isnan(slow):
            continue
        price = close.iloc[at]
        trend[at] = "bull" if price > fast > slow else "bear" if price < fast < slow else "neutral"
    out["trend_regime"] = trend
    return {name: np.asarray(values) for name, values in out.items()}


def _index_features(v: pd.Series, ticker_index: pd.Series, hv20: pd.Series) -> dict[str, object]:
    ticker_index = ticker_index.reset_index(drop=True)
    out: dict[str, object] = {"vix": v}
    out["vix_sma_10"], out["vix_sma_20"] = v.rolling(10).mean(), v.rolling(20).mean()
    out["vix_rank"], out["iv_rank"] = _rank(v), _rank(ticker_index)
    percentile = np.full(len(v), np.nan)
    for at in range(252, len(v)):
        percentile[at] = (v.iloc[at - 252 : at] < v.iloc[at]).mean()
    out["vix_percentile"] = percentile
    out["hv_iv_ratio"] = hv20.reset_index(drop=True) / (ticker_index / 100)
    out["vix_change_1d"], out["vix_change_5d"] = v / v.shift(1) - 1, v / v.shift(5) - 1
    window = v.rolling(60)
    out["vix_zscore"] = (v - window.mean()) / window.std(ddof=1)
    out["vol_regime"] = np.where(v < 15, "low", np.where(v > 25, "high", "normal"))
    out["vol_trend"] = v.rolling(5).mean() - v.rolling(20).mean()
    for name, flag in (("above_20", v > 20), ("above_25", v > 25), ("below_15", v < 15)):
        out[f"vix_{name}"] = flag.astype(float)
    ratio = out["hv_iv_ratio"]
    out["hv_iv_contraction"] = (ratio < 0.6).astype(float).where(ratio.notna())
    out["hv_iv_expansion"] = (ratio > 0.9).astype(float).where(ratio.notna())
    regime = np.full(len(v), None, dtype=object)
    for at in range(len(v)):
        level, rank, hv_iv = v.iloc[at], out["iv_rank"][at], ratio.iloc[at]
        if math.isnan(rank) or math.isnan(hv_iv):
            continue
        if level < 15 and rank < 0.3:
            regime[at] = "low_vol"
        elif level > 25 or rank > 0.8:
            regime[at] = "high_vol"
        elif hv_iv > 0.9 and rank > 0.5:
            regime[at] = "iv_expansion"
        elif hv_iv < 0.6 and rank < 0.5:
            regime[at] = "iv_contraction"
        else:
            regime[at] = "neutral"
    out["regime"] = regime
    has_regime = np.array([name is not None for name in regime])
    for name in ("low_vol", "high_vol", "iv_expansion", "iv_contraction", "neutral"):
        out[f"regime_{name}"] = np.where(has_regime, (regime == name).astype(float), np.nan)
    days, changed = np.full(len(v), np.nan), np.full(len(v), np.nan)
    for at in np.flatnonzero(has_regime):
        same = at > 0 and regime[at - 1] == regime[at]
        days[at] = days[at - 1] + 1 if same else 0
        last = range(max(1, at - 4), at + 1)
        changed[at] = any(has_regime[i - 1] and regime[i] != regime[i - 1] for i in last)
    return out | {"days_in_regime": days, "regime_change_1w": changed}


def _premium_features(bars, vix: np.ndarray, premium: pd.DataFrame) -> dict[str, object]:
    forecast = _har_forecast(bars)
    vrp = premium["atm_variance"].to_numpy() - forecast
    percentile = np.full(len(vrp), np.nan)
    first = int(np.argmax(np.isfinite(vrp)))
    for at in range(first + 252, len(vrp)):
        percentile[at] = (vrp[at - 252 : at] < vrp[at]).mean()
    ten = [np.mean(vix[at - 9 : at + 1]) if at >= 9 else np.nan for at in range(len(vix))]
    return {
        "har_rv_21": forecast,
        "har_rv_rank": _rank(pd.Series(forecast)),
        "vrp": vrp,
        "vrp_percentile": percentile,
        "vix_to_mean_10": vix / np.array(ten),
        "vix_to_vix3m": vix / premium["vix3m"].to_numpy(),
        "vix9d_to_vix": premium["vix9d"].to_numpy() / vix,
    }


def _har_forecast(bars: pd.DataFrame) -> np.ndarray:
    """Each month by itself, from lists of what was known on its first session."""
    opened, high, low, close = (bars[n].to_numpy() for n in ("open", "high", "low", "close"))
    count = len(close)
    daily, squared = [math.nan], [math.nan]
    for t in range(1, count):
        jump, span = math.log(opened[t] / close[t - 1]), math.log(high[t] / low[t])
        daily.append(252 * (jump * jump + span * span / (4 * math.log(2))))
        squared.append(252 * math.log(close[t] / close[t - 1]) ** 2)

    def regressors(t):
        return [1.0, *(math.log(np.mean(daily[t - n + 1 : t + 1])) for n in (1, 5, 22))]

    months = [str(day)[:7] for day in bars["date"]]
    out = np.full(count, np.nan)
    for month in dict.fromkeys(months):
        start = months.index(month)
        rows = range(22, start - 21)
        if len(rows) < 504:
            continue
        x = np.array([regressors(t) for t in rows])
        y = np.log([np.mean(squared[t + 1 : t + 22]) for t in rows])
        beta = np.linalg.lstsq(x, y, rcond=None)[0]
        spread = np.mean((y - x @ beta) ** 2)
        for t in range(start, count):
            if months[t] == month:
                fit = float(np.dot(regressors(t), beta)) + spread / 2
                out[t] = math.exp(min(max(fit, y.min()), y.max()))
    return out


def _rank(v: pd.Series) -> np.ndarray:
    out = np.full(len(v), np.nan)
    for at in range(251, len(v)):
        window = v.iloc[at - 251 : at + 1]
        if window.isna().any():
            continue
        out[at] = (v.iloc[at] - window.min()) / (window.max() - window.min())
    return out


def _ema(values: np.ndarray, n: int) -> np.ndarray:
    alpha, out = 2 / (n + 1), np.full(len(values), np.nan)
    state = values[0]
    for at, value in enumerate(values):
        state = value if at == 0 else alpha * value + (1 - alpha) * state
        if at >= n - 1:
            out[at] = state
    return out


def _wilder_rsi(close: np.ndarray, n: int) -> np.ndarray:
    out = np.full(len(close), np.nan)
    change = np.diff(close)
    gains, losses = np.maximum(change, 0), np.maximum(-change, 0)
    gain, loss = gains[:n].mean(), losses[:n].mean()
    for at in range(n, len(close)):
        if at > n:
            gain = (gain * (n - 1) + gains[at - 1]) / n
            loss = (loss * (n - 1) + losses[at - 1]) / n
        out[at] = 100 * gain / (gain + loss)
    return out
