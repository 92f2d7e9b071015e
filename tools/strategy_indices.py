"""Cboe's strategy indices on modelled prices: `python -m tools.strategy_indices FOLDER`.

FOLDER has the reference data's `prices/`, `vol/`, `rates/` and `benchmarks/`. Prints the table of
docs/synthetic-chains.md: returns a year of the published indices and of the same rules on the
synthetic surface, what other prices of the same rules would give, and single prices that Cboe
published.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from options_platform.common import Floats
from options_platform.domain.benchmarks import (
    Costs,
    Growth,
    annual_returns,
    condor_growth,
    index_history,
    index_levels,
    instants,
    protective_put_growth,
    put_premiums,
    put_write_growth,
    roll_days,
    roll_periods,
)
from options_platform.domain.benchmarks.marking import AT_THE_MIDDLE, values
from options_platform.domain.chain import ChainRules

SPX_HALF_WIDTH = 0.010
"""Half the width of SPX's quotes as a share of the VIX, in volatility: the median at deltas of 3 to
60 in the file of SPXW of January and February 2018 (0.9% when calm, 1.3% after 2018-02-05)."""

GROWTHS: Mapping[str, Growth] = {
    "PUT": put_write_growth,
    "CNDR": condor_growth,
    "PPUT": protective_put_growth,
}
PROTECTED = {"2007-12": 463.53, "2018-12": 808.42, "2022-09": 1225.15}
"""Published levels of PPUT, which the file does not have."""


LIMITS = {"PUT": 0.5, "CNDR": 1.5}
"""Largest difference from the published return in `LONG_SPANS`, points a year."""
LONG_SPANS = (("2007-12", "2018-12"), ("2018-12", "2022-09"), ("2007-12", "2022-09"))

PREMIUMS = {(2006, 2015): 24.1, (2006, 2018): 22.1}
"""Premiums of PUT, percent of the index a year: O. Bondarenko, An Analysis of Index Option Writing
with Monthly and Weekly Rollover (2016), and Historical Performance of Put-Writing Strategies
(2019)."""


@dataclass(frozen=True)
class PublishedRoll:
    """A put that Cboe traded for an index: its mean price from 11:30 to 13:30, index points."""

    index: str
    session: date
    expiry: date
    spot: float
    strike: float
    price: float


ROLLS = (
    PublishedRoll("PUT", date(2021, 2, 19), date(2021, 3, 19), 3926.93, 3925.0, 69.0557),
    PublishedRoll("PUT", date(2021, 4, 16), date(2021, 5, 21), 4178.75, 4175.0, 67.7773),
    PublishedRoll("PPUT3M", date(2024, 9, 20), date(2024, 12, 20), 5695.1575, 5120.0, 40.45),
    PublishedRoll("PPUT3M", date(2024, 12, 20), date(2025, 3, 21), 5958.9025, 5320.0, 44.65),
)
"""From Cboe's roll notices. The index is that of the same two hours where Cboe gives it (PPUT3M),
otherwise that by which the strike was chosen."""


@dataclass(frozen=True)
class Variant:
    """One way to price the same rules."""

    name: str
    costs: Costs = AT_THE_MIDDLE
    hour: str = "midday"


VARIANTS = (
    Variant("middle of the quotes"),
    Variant("SPX's own quotes", Costs(SPX_HALF_WIDTH)),
    Variant("traded at the open", hour="open"),
    Variant("traded at the close", hour="close"),
)


def load_history(folder: Path) -> pl.DataFrame:
    """The rows of `index_history` from the files in FOLDER."""
    prices = _read(folder / "prices/SPY.csv")
    volatility = _read(folder / "vol/VIX.csv").select("date", vix_open="open", vix="close")
    for name in ("VIX9D", "VIX3M", "VIX6M"):
        closes = _read(folder / f"vol/{name}.csv").select(
            "date", pl.col("close").alias(name.lower())
        )
        volatility = volatility.join(closes, on="date", how="left")
    yields = _read(folder / "rates/DGS3MO.csv").rename({"dgs3mo_pct": "yield_pct"})
    return index_history(prices.select("date", "open", "close", "adj_close"), volatility, yields)


def published_levels(folder: Path) -> dict[str, dict[str, float]]:
    """Levels by index and month (`2007-12`)."""
    rows = pl.read_csv(folder / "benchmarks/cboe_strategy_indices.csv")
    levels = {
        str(name[0]): dict(part.select("month_end", "level").iter_rows())
        for name, part in rows.group_by("index")
    }
    return levels | {"PPUT": PROTECTED}


def month_ends(history: pl.DataFrame, months: Sequence[str]) -> list[date]:
    """The last session of each month."""
    last = history.group_by(pl.col("date").dt.strftime("%Y-%m").alias("month")).agg(
        pl.col("date").max()
    )
    by_month = dict(last.iter_rows())
    return [by_month[month] for month in months]


def returns(
    name: str, history: pl.DataFrame, months: Sequence[str], variant: Variant, rules: ChainRules
) -> Floats:
    """Returns of an index between `months`, percent a year."""
    days = month_ends(history, months)
    levels = index_levels(GROWTHS[name], history, days, rules, variant.costs, variant.hour)
    return annual_returns(levels, days)


def total_returns(history: pl.DataFrame, months: Sequence[str]) -> Floats:
    """Returns of the S&P 500 with dividends between `months`, percent a year."""
    days = month_ends(history, months)
    rows = pl.DataFrame({"date": days}).join(history, on="date", maintain_order="left")
    return annual_returns(rows["total_close"].to_numpy(), days)


def premiums(history: pl.DataFrame, first: int, last: int, rules: ChainRules) -> float:
    """Premiums of PUT from year `first` to `last`, percent of the index a year."""
    rolls = roll_days(date(first, 1, 1), date(last, 12, 31))[1:]
    return float(1200.0 * np.mean(put_premiums(roll_periods(history, rolls), rules)))


def modelled_rolls(history: pl.DataFrame, rules: ChainRules) -> pl.DataFrame:
    """The published rolls with the modelled price, and its error in index and vol points."""
    rows = []
    for roll in ROLLS:
        session, expiry = (np.array([day], dtype="datetime64[D]")
                           for day in (roll.session, roll.expiry))  # fmt: skip
        at = replace(instants(history, session, "midday"), spot=np.array([roll.spot]))
        put = values(at, expiry, np.array([roll.strike]), np.array(-1.0), rules)
        error = float(put.price[0]) - roll.price
        rows.append({"index": roll.index, "session": str(roll.session), "strike": roll.strike,
                     "published": roll.price, "modelled": float(put.price[0]),
                     "error_vol_points": error / float(put.vega[0])})  # fmt: skip
    return pl.DataFrame(rows)


def table(folder: Path, rules: ChainRules) -> pl.DataFrame:
    """index, span, published, a column per variant (returns, percent a year) and verdict.

    `LONG_SPANS` come after the single spans of the file. An index with a limit has there a verdict
    of the middle of the quotes; elsewhere it is empty.
    """
    history, published = load_history(folder), published_levels(folder)
    rows = []
    for name in GROWTHS:
        levels = published[name]
        single = [span for span in pairwise(sorted(levels)) if span not in LONG_SPANS]
        for span in (*single, *LONG_SPANS):
            days = month_ends(history, span)
            real = float(annual_returns(np.array([levels[month] for month in span]), days)[0])
            priced = {v.name: float(returns(name, history, span, v, rules)[0]) for v in VARIANTS}
            limit = LIMITS.get(name) if span in LONG_SPANS else None
            verdict = _verdict(priced[VARIANTS[0].name] - real, limit) if limit else ""
            rows.append({"index": name, "span": f"{span[0]} to {span[1]}", "published": real,
                         **priced, "verdict": verdict})  # fmt: skip
    return pl.DataFrame(rows)


def _verdict(gap: float, limit: float) -> str:
    return f"{'missed' if abs(gap) > limit else 'within'}: {gap:+.2f} (limit {limit:g})"


def _read(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, try_parse_dates=True)


def _print(rows: pl.DataFrame) -> None:
    print("| " + " | ".join(rows.columns) + " |\n|" + "---|" * rows.width)
    for row in rows.iter_rows():
        print("| " + " | ".join(x if isinstance(x, str) else f"{x:.2f}" for x in row) + " |")


def main() -> None:
    """Print the tables."""
    folder, rules = Path(sys.argv[1]), ChainRules()
    history = load_history(folder)
    _print(table(folder, rules))
    for (first, last), published in PREMIUMS.items():
        modelled = premiums(history, first, last, rules)
        print(f"\nPUT premiums {first}-{last}: {published:.1f}% a year, modelled {modelled:.1f}%")
    print()
    _print(modelled_rolls(history, rules))


if __name__ == "__main__":
    main()
