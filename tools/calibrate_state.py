"""Does a state of the market set its smile? `python -m tools.calibrate_state FOLDER`.

Prints the table of docs/synthetic-chains.md: one of the smile's numbers may move with one variable
known at the close, fitted to real chains with each market left out in turn. SPXW's sessions before
2018-02-05 are one of the four markets. Nothing here sets a constant of the surface.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from scipy.optimize import least_squares

from options_platform.common import Floats
from options_platform.domain.chain.learning import fit_points
from options_platform.domain.chain.learning.smiles import STEEPEST_WING, smile_errors
from options_platform.domain.chain.ssvi import Smile
from tools.calibration.fit import CLASSES, START
from tools.calibration.judge import LONGEST, SHORTEST, SPREADS, errors, rules_of, spread_prices
from tools.calibration.load import RealChain, load, load_stressed
from tools.calibration.report import LIMITS, STRESSED_FROM, mean_error
from tools.markdown import table

STATES: dict[str, Callable[[RealChain], float]] = {
    "VIX3M/VIX": lambda chain: float(np.log(float(chain.term.days_93) / chain.index)),
    "VIX9D/VIX": lambda chain: float(np.log(float(chain.term.days_9) / chain.index)),
    "VIX": lambda chain: float(np.log(chain.index / 0.20)),
}
NUMBERS = {"rho": 3, "c": 0, "wing": 4}
CALM_MARKET = "2018-01"
RIDGE = 0.05


@dataclass(frozen=True)
class Trial:
    """`number` of the smile is moved by a slope times the logarithm of `state`; none: not at all.

    The curvature c is multiplied by the exponential instead.
    """

    number: str = ""
    state: str = "VIX"

    @property
    def name(self) -> str:
        """The trial in words."""
        return f"{self.number} by {self.state}" if self.number else "none"

    def smile(self, vector: Floats, state: float) -> Smile:
        """The smile of five numbers and a slope, within what :class:`Smile` allows."""
        return Smile(*(float(value) for value in self._moved(vector, state)))

    def _moved(self, vector: Floats, state: float) -> Floats:
        numbers, slope = vector[:-1].copy(), vector[-1]
        if self.number == "c":
            numbers[0] *= np.exp(slope * state)
        elif self.number:
            numbers[NUMBERS[self.number]] += slope * state
        c, p, q, rho, wing = numbers
        q, rho = np.clip(q, 0.0, 0.95), np.clip(rho, -0.9, 0.9)
        wing = np.clip(wing, 0.0, STEEPEST_WING * (1.0 - rho))
        return np.array([max(c, 0.0), max(p, -q / 2.0), q, rho, wing])

    def fit(self, chains: Sequence[RealChain]) -> Floats:
        """Five numbers and the slope, every market with the same weight."""
        of_state = STATES[self.state]
        used = [(chain, own) for chain in chains if (own := fit_points(chain.points)).height]
        markets = [market_of(chain) for chain, _ in used]
        batches = [
            (of_state(chain), own, 1.0 / np.sqrt(own.height * markets.count(market)))
            for (chain, own), market in zip(used, markets, strict=True)
        ]

        def residuals(vector: Floats) -> Floats:
            parts = [
                weight * smile_errors(self._moved(vector, state), own)
                for state, own, weight in batches
            ]
            return np.concatenate([*parts, np.array([RIDGE * vector[-1]])])

        start = np.append(START, 0.0)
        return np.asarray(least_squares(residuals, start, loss="soft_l1", max_nfev=200).x)

    def left_out(self, chains: Sequence[RealChain], market: str) -> dict[str, float]:
        """Slope, errors in vol points and of `SPREADS` in percent of a market not in the fit."""
        vector = self.fit([chain for chain in chains if market_of(chain) != market])
        rows, prices = [], []
        for chain in (c for c in chains if market_of(c) == market):
            if not chain.points["dte"].is_between(SHORTEST, LONGEST).any():
                continue
            smile = self.smile(vector, STATES[self.state](chain))
            rules = rules_of("SPY", {"fund": smile, "SPY": smile})
            of_spy = replace(chain, ticker="SPY")
            rows.append(errors(of_spy, rules).select("delta", "right", "error_points"))
            prices.append(spread_prices(of_spy, rules))
        every = pl.concat(rows)
        credits_ = pl.concat(prices).with_columns(
            off=100.0 * (pl.col("model") / pl.col("real") - 1.0)
        )
        off = credits_.group_by("session", "spread").agg(pl.col("off").mean())
        means = dict(off.group_by("spread").agg(pl.col("off").mean()).iter_rows())
        vols = {delta: mean_error(every, delta) for delta in LIMITS}
        return {"slope": float(vector[-1])} | vols | {name: means[name] for name in SPREADS}


def market_of(chain: RealChain) -> str:
    """The month; SPXW's calm sessions are one market."""
    return CALM_MARKET if chain.ticker == "SPXW" else chain.market


def markets(folder: Path) -> list[RealChain]:
    """Chains of SPY and QQQ, and SPXW's calm sessions."""
    funds = [chain for chain in load(folder) if chain.ticker in CLASSES["fund"]]
    return funds + [c for c in load_stressed(folder) if c.session < STRESSED_FROM]


def main() -> None:
    """Print the table."""
    chains = markets(Path(sys.argv[1]))
    names = sorted({market_of(chain) for chain in chains})
    rows = []
    for trial in (Trial(), *(Trial(n, state) for n in NUMBERS for state in STATES)):
        left_out = [trial.left_out(chains, name) for name in names]
        for name, own in zip(names, left_out, strict=True):
            rows.append([trial.name, name, *_cells(own)])
        mean = {key: float(np.mean([own[key] for own in left_out])) for key in left_out[0]}
        rows.append([trial.name, "mean", *_cells(mean)])
    header = ["moved", "left out", "slope", *(f"{delta} delta" for delta in LIMITS), *SPREADS]
    print(table(header, rows))


def _cells(own: dict[str, float]) -> list[str]:
    vols = [f"{own[delta]:.2f}" for delta in LIMITS]
    return [f"{own['slope']:+.2f}", *vols, *(f"{own[name]:+.1f}" for name in SPREADS)]


if __name__ == "__main__":
    main()
