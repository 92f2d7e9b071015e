"""Fit the constants of synthetic chains to real ones: `python -m tools.calibrate_chain FOLDER`.

FOLDER has the reference data's `options/` and `vol/`. Prints the lines of
`options_platform/domain/chain/calibration.py`, and the errors with each date left out.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import least_squares

from options_platform.domain.chain import (
    NO_TERM,
    SurfaceRules,
    TermStructure,
    Underlying,
    index_for_atm,
    surface_iv,
)
from options_platform.domain.chain.surface import INDEX_DAYS, LEVEL_AT, SKEW_AT, smile
from options_platform.domain.pricing import black_scholes, implied_vol

GRID = np.arange(-3.0, 2.01, 0.25)
TENORS = (7.0, 30.0, 90.0)
SMILE_DAYS = (4, 120)


@dataclass(frozen=True)
class RealChain:
    """One real chain: out-of-the-money quotes with implied volatility around parity forwards.

    `points` has the columns dte, strike, forward, iv, delta, atm, mid, width and vega. `index` is
    the day's close of the volatility index, None if its series has none. `market` is the month;
    chains of one month are left out together in cross-validation.
    """

    name: str
    market: str
    spot: float
    rate: float
    index: float | None
    term: TermStructure
    points: pl.DataFrame


def load(folder: Path) -> list[RealChain]:
    """The real chains in FOLDER."""
    indices = {name: _closes(folder, name) for name in ("VIX", "VIX9D", "VIX3M", "VIX6M")}
    spy = _spy_2015(folder / "options/spy_eod/SPY_2015-01-05.csv.gz")
    chains = [_chain("SPY 2015-01-05", date(2015, 1, 5), 201.72, 0.0005, spy, indices)]
    for ticker, stamp, day, rate in (
        ("SPY", "20201005T2014Z", date(2020, 10, 5), 0.001),
        ("SPY", "20260211T1619Z", date(2026, 2, 11), 0.037),
        ("SPY", "20260212T1510Z", date(2026, 2, 12), 0.037),
        ("QQQ", "20260211T1631Z", date(2026, 2, 11), 0.037),
        ("QQQ", "20260212T1509Z", date(2026, 2, 12), 0.037),
    ):
        rows = _yahoo(folder / f"options/yahoo/{ticker}_{stamp}.csv.gz")
        spot = float(rows["spot"][0])
        chains.append(_chain(f"{ticker} {day}", day, spot, rate, rows, indices))
    return chains


def fit(chains: Sequence[RealChain], term: tuple[tuple[float, float], ...]) -> SurfaceRules:
    """The surface that fits `chains` best; first the level is fitted, then the smile."""
    level, power, by_term = _fit_level(chains)
    fade, rows = _fit_smile(chains)
    return SurfaceRules(level, power, by_term, term, fade, rows)


def fit_term(folder: Path) -> tuple[tuple[float, float], ...]:
    """a and b of ln(index / VIX) = a + b ln(VIX / 20), for 9, 93 and 182 days."""
    vix = _closes(folder, "VIX")
    coefficients = []
    for name in ("VIX9D", "VIX3M", "VIX6M"):
        days = sorted(set(vix) & set(_closes(folder, name)))
        other = _closes(folder, name)
        base = np.array([vix[day] for day in days])
        ratio = np.log(np.array([other[day] for day in days]) / base)
        slope, start = np.polyfit(np.log(base / LEVEL_AT), ratio, 1)
        coefficients.append((round(float(start), 3), round(float(slope), 3)))
    return tuple(coefficients)


def fit_width(chains: Sequence[RealChain]) -> tuple[float, ...]:
    """Coefficients a to d of the quoted width, by least squares over bins of delta and tenor."""
    rows, values = [], []
    for chain in chains:
        inside = chain.points.filter(pl.col("delta").abs().is_between(0.02, 0.6))
        bins = inside.group_by("dte", (pl.col("delta").abs() * 10).floor()).agg(
            pl.col("width", "vega", "atm").median()
        )
        for dte, _, width, vega, atm in bins.iter_rows():
            if 3 <= dte <= 120 and width > 0:
                rows.append(
                    [1.0, np.log(vega / 0.1), np.log(atm / LEVEL_AT), np.log(dte / INDEX_DAYS)]
                )
                values.append(np.log(width / 0.01))
    coefficients, *_ = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)
    return tuple(round(float(value), 3) for value in coefficients)


def errors(chain: RealChain, rules: SurfaceRules) -> pl.DataFrame:
    """Errors in vol points of the options of 10 to 60 delta (absolute) and 14 to 45 days.

    The model uses the day's index, or without one the chain's 30-day at-the-money volatility. Call
    and put of a strike have the same volatility, so only out-of-the-money options are compared;
    deltas above one half are of strikes around the forward.
    """
    index = chain.index
    if index is None:
        index = float(index_for_atm(np.array(atm_of(chain, INDEX_DAYS)), rules))
    points = chain.points.filter(
        pl.col("delta").abs().is_between(0.10, 0.60) & pl.col("dte").is_between(14, 45)
    )
    years = points["dte"].to_numpy() / 365.0
    underlying = Underlying.of(
        chain.name[:3], date.fromisoformat(chain.name[4:]), points["forward"].to_numpy(),
        np.full(points.height, index), chain.term,
    )  # fmt: skip
    fitted = surface_iv(underlying, points["strike"].to_numpy(), years, rules, carry=0.0)
    return points.with_columns(
        error_points=pl.Series(100.0 * (fitted - points["iv"].to_numpy())), model=pl.Series(fitted)
    )


def atm_of(chain: RealChain, days: float) -> float:
    """The chain's at-the-money volatility, interpolated between expiries in total variance."""
    each = chain.points.group_by("dte").agg(pl.col("atm").first()).sort("dte")
    dte, atm = each["dte"].to_numpy().astype(float), each["atm"].to_numpy()
    return float(np.sqrt(np.interp(days, dte, atm**2 * dte) / days))


def _fit_level(chains: Sequence[RealChain]) -> tuple[float, float, float]:
    """A regression of at-the-money volatility on the chain's replicated variance swap."""
    rows, values = [], []
    for chain in chains:
        for (dte,), expiry in chain.points.group_by("dte", maintain_order=True):
            if expiry.height < 30 or not 5 <= dte <= 100:
                continue
            strikes, forward = expiry["strike"].to_numpy(), expiry["forward"][0]
            years = dte / 365.0
            grown = np.exp(chain.rate * years) * expiry["mid"].to_numpy()
            variance = 2.0 / years * np.sum(np.gradient(strikes) / strikes**2 * grown)
            below = strikes[strikes <= forward].max()
            index = np.sqrt(variance - (forward / below - 1.0) ** 2 / years)
            rows.append([1.0, np.log(index / LEVEL_AT), np.log(dte / INDEX_DAYS)])
            values.append(np.log(expiry["atm"][0] / index))
    coefficients, *_ = np.linalg.lstsq(np.array(rows), np.array(values), rcond=None)
    return (
        round(float(np.exp(coefficients[0])), 4),
        round(float(coefficients[1]), 4),
        round(float(coefficients[2]), 4),
    )


def _fit_smile(chains: Sequence[RealChain]) -> tuple[float, tuple[tuple[float, ...], ...]]:
    x, years, atm, ratios = [], [], [], []
    for chain in chains:
        for (dte,), expiry in chain.points.group_by("dte", maintain_order=True):
            if expiry.height < 20 or not SMILE_DAYS[0] <= dte <= SMILE_DAYS[1]:
                continue
            centre, t = expiry["atm"][0], dte / 365.0
            at = np.log(expiry["strike"].to_numpy() / expiry["forward"].to_numpy())
            at = at / (centre * np.sqrt(t))
            grid = GRID[(at.min() <= GRID) & (at.max() >= GRID)]
            x.append(grid)
            years.append(np.full(len(grid), t))
            atm.append(np.full(len(grid), centre))
            ratios.append((np.interp(grid, at, expiry["iv"].to_numpy()) / centre) ** 2 - 1.0)
    points = [np.concatenate(part) for part in (x, years, atm, ratios)]
    start = [-0.4] + [0.7, -0.3, 1.0, 0.6] * len(TENORS)
    low = [-1.0] + [0.05, -0.95, -1.0, 0.05] * len(TENORS)
    high = [0.0] + [3.0, 0.95, 2.5, 3.0] * len(TENORS)

    def gaps(parameters: np.ndarray) -> np.ndarray:
        grid, t, centre, ratio = points
        fade = np.power(centre / SKEW_AT, parameters[0])
        return fade * smile(grid, t, _rows(parameters)) - ratio

    solution = least_squares(gaps, start, bounds=(low, high)).x
    return round(float(solution[0]), 4), tuple(
        tuple(round(float(value), 4) for value in row) for row in _rows(solution)
    )


def _rows(parameters: np.ndarray) -> list[list[float]]:
    return [[tenor, *parameters[1 + 4 * n : 5 + 4 * n]] for n, tenor in enumerate(TENORS)]


def _chain(
    name: str, day: date, spot: float, rate: float, rows: pl.DataFrame,
    indices: dict[str, dict[date, float]],
) -> RealChain:  # fmt: skip
    tenors = [np.array(indices[n].get(day, np.nan)) for n in ("VIX9D", "VIX3M", "VIX6M")]
    index = indices["VIX"].get(day)
    return RealChain(
        name=name,
        market=f"{day:%Y-%m}",
        spot=spot,
        rate=rate,
        index=index,
        term=NO_TERM if index is None else TermStructure(*tenors),
        points=_points(rows, day, spot, rate),
    )


def _points(rows: pl.DataFrame, day: date, spot: float, rate: float) -> pl.DataFrame:
    good = (
        rows.with_columns(
            dte=(pl.col("expiry") - day).dt.total_days(), mid=(pl.col("bid") + pl.col("ask")) / 2
        )
        .filter((pl.col("dte") > 0) & (pl.col("bid") > 0) & (pl.col("ask") > pl.col("bid")))
        .unique(["dte", "right", "strike"])
        .with_columns(years=pl.col("dte") / 365.0)
    )
    calls, puts = (good.filter(pl.col("right") == right) for right in ("call", "put"))
    pairs = calls.join(puts, on=["dte", "strike"], suffix="_put").filter(
        (pl.col("strike") / spot - 1).abs() < 0.05
    )
    parity = pl.col("strike") + (pl.col("mid") - pl.col("mid_put")) * (rate * pl.col("years")).exp()
    forwards = (
        pairs.with_columns(forward=parity)
        .group_by("dte")
        .agg(pl.col("forward").median(), pairs=pl.len())
        .filter(pl.col("pairs") >= 3)
    )
    good = good.join(forwards, on="dte").filter(
        (pl.col("right") == "call") == (pl.col("strike") >= pl.col("forward"))
    )
    sign = np.where(good["right"].to_numpy() == "call", 1.0, -1.0)
    forward, years, strike = (good[n].to_numpy() for n in ("forward", "years", "strike"))
    paid = forward * np.exp(-rate * years)
    iv = implied_vol(good["mid"].to_numpy(), paid, strike, years, rate, 0.0, sign)
    greeks = black_scholes(paid, strike, years, np.nan_to_num(iv, nan=1.0), rate, 0.0, sign)
    points = good.with_columns(
        iv=pl.Series(iv).fill_nan(None),
        delta=pl.Series(greeks.delta),
        vega=pl.Series(greeks.vega),
        width=pl.col("ask") - pl.col("bid"),
    ).drop_nulls("iv")
    return _with_atm(points.sort("dte", "strike"))


def _with_atm(points: pl.DataFrame) -> pl.DataFrame:
    parts = []
    for _, expiry in points.group_by("dte", maintain_order=True):
        strikes, iv = expiry["strike"].to_numpy(), expiry["iv"].to_numpy()
        atm = float(np.interp(expiry["forward"][0], strikes, iv))
        parts.append(expiry.with_columns(atm=pl.lit(atm)))
    return pl.concat(parts)


def _spy_2015(path: Path) -> pl.DataFrame:
    rows = pl.read_csv(path, infer_schema_length=None).filter(pl.col("nonstd") != 7)
    return rows.select(
        pl.col("expiration").str.to_date().alias("expiry"), pl.col("type").alias("right"),
        "strike", "bid", "ask",
    )  # fmt: skip


def _yahoo(path: Path) -> pl.DataFrame:
    rows = pl.read_csv(path, infer_schema_length=None)
    # The symbol has the right expiry; the column of one file is a day early.
    stamp = pl.col("contract_symbol").str.extract(r"(\d{6})[CP]\d{8}$")
    return rows.select(
        ("20" + stamp).str.to_date("%Y%m%d").alias("expiry"), pl.col("type").alias("right"),
        "strike", "bid", "ask", pl.col("underlying_price").alias("spot"),
    )  # fmt: skip


def _closes(folder: Path, name: str) -> dict[date, float]:
    rows = pl.read_csv(folder / f"vol/{name}.csv").with_columns(pl.col("date").str.to_date())
    return {day: close / 100.0 for day, close in rows.select("date", "close").iter_rows()}


def left_out(chains: Sequence[RealChain], market: str, rules: SurfaceRules) -> SurfaceRules:
    """The surface fitted to the chains of all other markets."""
    return fit([chain for chain in chains if chain.market != market], rules.term)


def main() -> None:
    """Print the constants and the errors."""
    folder = Path(sys.argv[1])
    chains = load(folder)
    rules = fit(chains, fit_term(folder))
    print(f"LEVEL = {rules.level}\nLEVEL_POWER = {rules.level_power}")
    print(f"LEVEL_TERM = {rules.level_term}\nTERM = {rules.term}")
    print(f"SKEW_FADE = {rules.skew_fade}\nSMILE = {rules.smile}\nWIDTH = {fit_width(chains)}")
    for chain in chains:
        for label, fitted in (("in", rules), ("out", left_out(chains, chain.market, rules))):
            rows = errors(chain, replace(fitted))
            print(f"{chain.name} {label}: MAE {rows['error_points'].abs().mean():.2f}, "
                  f"mean {rows['error_points'].mean():+.2f}, {rows.height} options")  # fmt: skip


if __name__ == "__main__":
    main()
