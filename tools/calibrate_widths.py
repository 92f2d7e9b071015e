"""Fit the widths of synthetic quotes to real ones: `python -m tools.calibrate_widths FOLDER`.

FOLDER has the reference data's `options/`, `vol/` and `rates/`. Prints the numbers of
`options_platform/domain/chain/width.py`, and the ratio of real to quoted widths in each chain, with
and without that chain in the fit.

A quoted width is a whole number of ticks. The width behind it is log-normal around the modelled
one, and anything that rounds to the quoted ticks; one tick may be any smaller width. Chains count
alike, whatever their number of quotes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import minimize
from scipy.stats import norm

from options_platform.common import Floats
from options_platform.domain.chain import Underlying
from options_platform.domain.chain.ticks import tick_size
from options_platform.domain.chain.width import DAYS_AT, LEVELS, STOCK, VEGA_AT, VOL_AT
from tools.calibration.load import RealChain, load, load_stressed

CLOSES = {
    ("SPY", date(2015, 1, 5)), ("SPY", date(2020, 10, 5)),
    ("AAPL", date(2014, 6, 6)), ("GOOG", date(2015, 12, 24)),
}  # fmt: skip
"""Chains of the close; the others are of the session."""
HALF_SESSION = "GOOG 2015-12-24"
"""The last quotes of a half session before a holiday, ten times wider: left out of every fit."""
DELTAS, DAYS = (0.02, 0.60), (7, 90)
SMALLEST = 1e-9


@dataclass(frozen=True)
class Widths:
    """Real widths of one chain (of SPXW: of one month), and what the model makes of them.

    `group` is the ticker or `stock`, and the hour. Arrays of shape [quotes].
    """

    name: str
    group: str
    width: Floats
    tick: Floats
    mid: Floats
    vega: Floats
    atm: Floats
    days: Floats


@dataclass(frozen=True)
class Fit:
    """Level of each group (USD a share) and the powers of vega, volatility and tenor."""

    levels: dict[str, float]
    by_vega: float
    by_vol: dict[str, float]
    by_term: float

    def width(self, own: Widths, level: float) -> Floats:
        """The modelled width before rounding, USD a share."""
        power = _by_vol(self.by_vol, own.group)
        width = level * (own.vega / VEGA_AT) ** self.by_vega * (own.atm / VOL_AT) ** power
        return np.asarray(width * (own.days / DAYS_AT) ** self.by_term, dtype=np.float64)


def real_widths(folder: Path) -> list[Widths]:
    """The widths of every real chain; the sessions of SPXW by month."""
    chains = [_widths([chain]) for chain in load(folder)]
    stressed = load_stressed(folder)
    months = sorted({chain.market for chain in stressed})
    return chains + [_widths([c for c in stressed if c.market == month]) for month in months]


def fit(chains: Sequence[Widths]) -> Fit:
    """Levels and powers that make the quoted widths most likely.

    The power of volatility is that of SPXW, the only ticker seen in calm and in stressed sessions;
    that of stocks is not fitted.
    """
    spxw = [own for own in chains if own.group.startswith("SPXW")]
    *_, by_vol, _, _ = _most_likely(spxw, None)
    powers = {"fund": float(by_vol), "stock": STOCK.by_vol}
    groups = sorted({own.group for own in chains})
    solution = _most_likely(chains, powers)
    levels = dict(zip(groups, np.exp(solution[: len(groups)]).tolist(), strict=True))
    return Fit(levels, float(solution[len(groups)]), powers, float(solution[len(groups) + 1]))


def left_out(chains: Sequence[Widths], name: str) -> tuple[Fit, float]:
    """The fit without a chain, and the level that it gives this chain.

    A group without another chain has the level of its other hour, by the ratio of SPY.
    """
    own = next(chain for chain in chains if chain.name == name)
    found = fit([chain for chain in chains if chain.name != name])
    if own.group in found.levels:
        return found, found.levels[own.group]
    ticker, hour = own.group.split()
    ratio = found.levels["SPY close"] / found.levels["SPY session"]
    other = found.levels[f"{ticker} {'session' if hour == 'close' else 'close'}"]
    return found, other * ratio if hour == "close" else other / ratio


def quoted_ticks(width: Floats, own: Widths) -> Floats:
    """What `quote` makes of a modelled width around the mid, USD a share."""
    half = 0.5 * np.maximum(width, own.tick)
    low, high = (np.floor(p / own.tick + 0.5) * own.tick for p in (own.mid - half, own.mid + half))
    return np.asarray(high - np.maximum(low, 0.0), dtype=np.float64)


def ratio(width: Floats, own: Widths) -> float:
    """Mean real width by mean quoted width, over 14 to 60 days."""
    inside = (own.days >= 14) & (own.days <= 60)
    return float(np.mean(own.width[inside]) / np.mean(quoted_ticks(width, own)[inside]))


def _widths(chains: Sequence[RealChain]) -> Widths:
    first = chains[0]
    inside = (
        pl.col("delta").abs().is_between(*DELTAS)
        & pl.col("dte").is_between(*DAYS)
        & (pl.col("ask") > pl.col("bid"))
    )
    points = pl.concat([chain.points.filter(inside) for chain in chains])
    at_close = first.ticker == "SPXW" or (first.ticker, first.session) in CLOSES
    ticker = first.ticker if first.ticker in (*LEVELS, "SPXW") else "stock"
    name = first.name if len(chains) == 1 else f"{first.ticker} {first.market}"
    mid = points["mid"].to_numpy()
    group = f"{ticker} {'close' if at_close else 'session'}"
    return Widths(
        name, group, (points["ask"] - points["bid"]).to_numpy(),
        _ticks(first, mid), mid, points["vega"].to_numpy(), points["atm"].to_numpy(),
        points["dte"].cast(pl.Float64).to_numpy(),
    )  # fmt: skip


def _ticks(chain: RealChain, price: Floats) -> Floats:
    if chain.ticker == "SPXW":
        # Never in the penny pilot.
        return np.where(price < 3.0, 0.05, 0.10)
    one = Underlying.of(chain.ticker, chain.session, np.array([1.0]), np.array([1.0]))
    return tick_size(one, price)


def _by_vol(powers: dict[str, float], group: str) -> float:
    return powers["stock" if group.startswith("stock") else "fund"]


def _most_likely(chains: Sequence[Widths], powers: dict[str, float] | None) -> Floats:
    """Log levels of the groups, by_vega, by_vol (if `powers` is None), by_term and log sigma."""
    groups = sorted({own.group for own in chains})

    def stacked(name: str) -> Floats:
        return np.concatenate([getattr(own, name) for own in chains])

    member = np.concatenate([np.full(len(own.width), groups.index(own.group)) for own in chains])
    weight = np.concatenate([np.full(len(own.width), 1.0 / len(own.width)) for own in chains])
    log_vol = np.log(stacked("atm") / VOL_AT)
    columns = [np.log(stacked("vega") / VEGA_AT), np.log(stacked("days") / DAYS_AT)]
    if powers is None:
        columns.insert(1, log_vol)
        offset = np.zeros(len(member))
    else:
        offset = np.array([_by_vol(powers, group) for group in groups])[member] * log_vol
    design = np.column_stack([*(member == n for n in range(len(groups))), *columns]).astype(float)
    width, tick = stacked("width"), stacked("tick")
    lowest = np.log(np.where(width < 1.5 * tick, SMALLEST, width - 0.5 * tick))
    highest = np.log(width + 0.5 * tick)

    def cost(numbers: Floats) -> float:
        centre, sigma = design @ numbers[:-1] + offset, np.exp(numbers[-1])
        likelihood = norm.cdf((highest - centre) / sigma) - norm.cdf((lowest - centre) / sigma)
        return float(-np.sum(weight * np.log(np.maximum(likelihood, SMALLEST))))

    start = np.concatenate([np.full(len(groups), np.log(0.04)), [0.5] * len(columns), [-0.7]])
    return np.asarray(minimize(cost, start, method="L-BFGS-B").x, dtype=np.float64)


def main() -> None:
    """Print the numbers and the table of ratios."""
    every = real_widths(Path(sys.argv[1]))
    chains = [own for own in every if own.name != HALF_SESSION]
    fitted = fit(chains)
    for group, level in fitted.levels.items():
        print(f"{group}: {level:.4f} USD")
    print(f"BY_VEGA = {fitted.by_vega:.3f}, BY_TERM = {fitted.by_term:.3f}, by_vol {fitted.by_vol}")
    print("\n| chain | hour | quotes | in the fit | left out |\n|---|---|---|---|---|")
    for own in every:
        inside = ratio(fitted.width(own, fitted.levels[own.group]), own)
        print(f"| {own.name} | {own.group.split()[1]} | {len(own.width)} | {inside:.2f} | "
              f"{_left_out_text(chains, own)} |")  # fmt: skip


def _left_out_text(chains: Sequence[Widths], own: Widths) -> str:
    # Without one of its months SPXW does not show how widths move with volatility.
    if own.name == HALF_SESSION or own.group.startswith("SPXW"):
        return ""
    without, level = left_out(chains, own.name)
    return f"{ratio(without.width(own, level), own):.2f}"


if __name__ == "__main__":
    main()
