"""The tables of docs/synthetic-chains.md: errors of the surface where it was not fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl
from scipy.stats import t as student

from options_platform.domain.chain.learning.smiles import RIDGE
from tools.calibration.fit import CLASSES, RIDGES, left_out, without_ticker
from tools.calibration.judge import LONGEST, SHORTEST, SPREADS, errors, rules_of, spread_prices
from tools.calibration.load import RealChain
from tools.markdown import table

LIMITS = {"10-60": 1.0, "2-10": 1.5}
"""Largest mean absolute error of a chain in vol points, by absolute delta."""
CREDIT_LIMIT_PCT = 7.0
DELTAS = {"10-60": (0.10, 0.60), "2-10": (0.02, 0.10), "10-25": (0.10, 0.25)}
TENORS = {"14-21": (14, 21), "22-35": (22, 35), "36-60": (36, 60)}
FUNDS = CLASSES["fund"]
STRESSED_FROM = date(2018, 2, 5)
CALM, STRESSED = "SPXW 2018-01-02 to 2018-02-02 (calm)", "SPXW from 2018-02-05 (stressed)"


@dataclass(frozen=True)
class Miss:
    """An error beyond its limit: what, by how much (vol points or percent), and both in words."""

    what: str
    error: float
    words: str


def left_out_errors(
    chains: Sequence[RealChain], tickers: Sequence[str] = FUNDS, ridge: float = RIDGE
) -> list[tuple[RealChain, pl.DataFrame]]:
    """Each chain of `tickers` with the errors of the surface fitted without its month."""
    return [
        (chain, errors(chain, rules_of(chain.ticker, left_out(chains, chain.market, ridge))))
        for chain in chains
        if chain.ticker in tickers
    ]


def left_out_credits(chains: Sequence[RealChain]) -> pl.DataFrame:
    """Rows of `spread_prices` with `error_pct` and `month`, of the funds with it left out."""
    parts = [
        spread_prices(chain, rules_of(chain.ticker, left_out(chains, chain.market))).with_columns(
            month=pl.lit(chain.market)
        )
        for chain in chains
        if chain.ticker in FUNDS
    ]
    return _relative(pl.concat(parts))


def spxw_credits(chains: Sequence[RealChain], spxw: Sequence[RealChain]) -> pl.DataFrame:
    """The same of SPXW's sessions, whose `month` is `CALM` or `STRESSED`; none is in a fit."""
    smiles = left_out(chains, "2018-02")
    parts = [
        spread_prices(chain, rules_of(chain.ticker, smiles)).with_columns(month=pl.lit(name))
        for name, own in _by_state(spxw).items()
        for chain in own
    ]
    return _relative(pl.concat(parts))


def mean_error(rows: pl.DataFrame, delta: str, right: str | None = None) -> float:
    """The mean absolute error of a band of absolute delta, vol points; NaN without options."""
    low, high = DELTAS[delta]
    inside = (pl.col("delta").abs() >= low) & (pl.col("delta").abs() < high)
    if right:
        inside &= pl.col("right") == right
    value = rows.filter(inside)["error_points"].abs().mean()
    return float("nan") if value is None else float(value)  # type: ignore[arg-type]


def clustered(rows: pl.DataFrame) -> tuple[float, float, float, int]:
    """Mean of `error_pct`, its 95% interval clustered by `month`, and the number of months.

    Every session counts alike in its month, every month alike in the mean; the interval is
    Student's over months, NaN for one.
    """
    sessions = rows.group_by("session", "month").agg(pl.col("error_pct").mean())
    means = sessions.group_by("month").agg(pl.col("error_pct").mean())["error_pct"].to_numpy()
    count, middle = len(means), float(means.mean())
    if count < 2:
        return middle, float("nan"), float("nan"), count
    half = float(student.ppf(0.975, count - 1) * means.std(ddof=1) / np.sqrt(count))
    return middle, middle - half, middle + half, count


def misses(chains: Sequence[RealChain], spxw: Sequence[RealChain]) -> list[Miss]:
    """The chains and spreads that exceed their limits."""
    beyond = []
    for chain, rows in left_out_errors(chains):
        for delta, limit in LIMITS.items():
            if (error := mean_error(rows, delta)) > limit:
                what = f"{chain.name}, {delta} delta"
                words = f"{what}: {error:.2f} vol points (limit {limit:g})"
                beyond.append(Miss(what, error, words))
    for group, rows in credit_groups(chains, spxw).items():
        for name in list(SPREADS)[:2]:
            middle = clustered(rows.filter(pl.col("spread") == name))[0]
            if abs(middle) > CREDIT_LIMIT_PCT:
                what = f"{group}, {name}"
                words = f"{what}: {middle:+.1f}% (limit {CREDIT_LIMIT_PCT:g}%)"
                beyond.append(Miss(what, middle, words))
    return beyond


def credit_groups(
    chains: Sequence[RealChain], spxw: Sequence[RealChain]
) -> dict[str, pl.DataFrame]:
    """The credits of each ticker and stretch of SPXW, and of several together, by name."""
    funds, index = left_out_credits(chains), spxw_credits(chains, spxw)
    spy, calm = funds.filter(pl.col("ticker") == "SPY"), index.filter(pl.col("month") == CALM)
    return {
        "SPY and QQQ": funds,
        "SPY": spy,
        "QQQ": funds.filter(pl.col("ticker") == "QQQ"),
        CALM: calm,
        STRESSED: index.filter(pl.col("month") == STRESSED),
        "SPY and the calm SPXW": pl.concat([spy, calm]),
    }


def page(chains: Sequence[RealChain], spxw: Sequence[RealChain]) -> str:
    """The tables, as Markdown."""
    missed = "; ".join(miss.words for miss in misses(chains, spxw))
    parts = [
        f"Missed: {missed}." if missed else "No limit is exceeded.",
        _chains_table(chains),
        _credits_table(credit_groups(chains, spxw)),
        _spxw_table(chains, spxw),
        _classes_table(chains),
        _choices(chains),
    ]
    return "\n\n".join(parts) + "\n"


def _chains_table(chains: Sequence[RealChain]) -> str:
    rows = []
    for chain, errors_ in left_out_errors(chains):
        by_tenor = [
            mean_error(errors_.filter(pl.col("dte").is_between(*days)), "10-60")
            for days in TENORS.values()
        ]
        cells = [mean_error(errors_, delta) for delta in LIMITS]
        sides = [
            mean_error(errors_, delta, right)
            for delta in ("10-25", "2-10")
            for right in ("put", "call")
        ]
        numbers = [f"{value:.2f}" for value in (*cells, *by_tenor, *sides)]
        rows.append([chain.name, f"{100 * chain.index:.1f}", str(errors_.height), *numbers])
    header = [
        "chain", "index", "options", *(f"{delta} delta" for delta in LIMITS),
        *(f"{days} days" for days in TENORS),
        "puts 10-25", "calls 10-25", "puts 2-10", "calls 2-10",
    ]  # fmt: skip
    return table(header, rows)


def _credits_table(groups: dict[str, pl.DataFrame]) -> str:
    rows = []
    for name in SPREADS:
        for group, credits_ in groups.items():
            own = credits_.filter(pl.col("spread") == name)
            cells = [
                _cell(own.filter(pl.col("dte").is_between(*days)))
                for days in ((SHORTEST, LONGEST), *TENORS.values())
            ]
            rows.append([name, group, *cells])
    return table(["spread", "chains", f"{SHORTEST}-{LONGEST} days", *TENORS], rows)


def _cell(credits_: pl.DataFrame) -> str:
    if credits_.is_empty():
        return "none"
    middle, low, high, count = clustered(credits_)
    sessions = credits_["session"].n_unique()
    if count < 2:
        return f"{middle:+.1f} (1 month, {sessions})"
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f}; {count} months, {sessions})"


def _spxw_table(chains: Sequence[RealChain], spxw: Sequence[RealChain]) -> str:
    rows = []
    smiles = left_out(chains, "2018-02")
    for name, own in _by_state(spxw).items():
        every = pl.concat([errors(chain, rules_of("SPXW", smiles)) for chain in own])
        cells = [f"{mean_error(every, delta):.2f}" for delta in LIMITS]
        cells += [f"{mean_error(every, '2-10', right):.2f}" for right in ("put", "call")]
        mean_index = f"{100.0 * np.mean([chain.index for chain in own]):.1f}"
        rows.append([name, str(len(own)), mean_index, *cells])
    header = ["chains", "sessions", "mean VIX", *(f"{delta} delta" for delta in LIMITS),
              "puts 2-10", "calls 2-10"]  # fmt: skip
    return table(header, rows)


def _by_state(spxw: Sequence[RealChain]) -> dict[str, list[RealChain]]:
    """SPXW's sessions with an expiry of 14 to 60 days, calm and stressed."""
    near = [c for c in spxw if c.points["dte"].is_between(SHORTEST, LONGEST).any()]
    return {
        CALM: [chain for chain in near if chain.session < STRESSED_FROM],
        STRESSED: [chain for chain in near if chain.session >= STRESSED_FROM],
    }


def _classes_table(chains: Sequence[RealChain]) -> str:
    rows = []
    for name, tickers in CLASSES.items():
        for ticker in tickers:
            smile = without_ticker(chains, ticker)
            for chain in (chain for chain in chains if chain.ticker == ticker):
                own = errors(chain, rules_of(ticker, {name: smile}))
                cells = [f"{mean_error(own, delta):.2f}" for delta in LIMITS]
                rows.append([name, chain.name, f"{100 * chain.index:.1f}", *cells])
    return table(["class", "chain", "index", *(f"{delta} delta" for delta in LIMITS)], rows)


def _choices(chains: Sequence[RealChain]) -> str:
    """The ridge, and the election: the errors with each choice."""
    rows = []
    for ridge in RIDGES:
        both = [rows_ for _, rows_ in left_out_errors(chains, ridge=ridge)]
        cells = [f"{np.mean([mean_error(own, delta) for own in both]):.3f}" for delta in LIMITS]
        rows.append([f"ridge {ridge:g}", "mean of all", *cells])
    for chain in (c for c in chains if c.name == "SPY 2020-10-05"):
        rules = rules_of(chain.ticker, left_out(chains, chain.market))
        for name, moved in (("with the election", chain), ("without", _without_election(chain))):
            own = errors(moved, rules)
            cells = [f"{mean_error(own, delta):.3f}" for delta in LIMITS]
            rows.append([name, chain.name, *cells])
    return table(["choice", "chains", *(f"{delta} delta" for delta in LIMITS)], rows)


def _without_election(chain: RealChain) -> RealChain:
    """The chain as of a session with no election ahead; prices depend on nothing else of it."""
    return replace(chain, session=chain.session.replace(year=chain.session.year + 1))


def _relative(prices: pl.DataFrame) -> pl.DataFrame:
    return prices.with_columns(error_pct=100.0 * (pl.col("model") / pl.col("real") - 1.0))
