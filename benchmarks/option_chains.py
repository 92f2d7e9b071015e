"""Storage of option chains: a table of the warehouse against one Parquet file per chain.

Chains of 3,000 contracts are written a session at a time as in a daily run, and a year in batches
as in a backfill; then one session is read, and the near-the-money columns of the year as for
`iv_history`. Both stores get the same rows, and open their files again for every call.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import OPTION_CHAIN
from options_platform.domain.calendar.sessions import sessions

MONEY = ["date", "ticker", "expiry", "dte", "years", "strike", "iv", "spot", "quality"]
BATCH = 25


def chain(day: date, contracts: int) -> pl.DataFrame:
    random = np.random.default_rng(day.toordinal())
    strike = np.repeat(np.arange(contracts // 40) + 300.0, 40)[:contracts]
    expiry = np.tile(np.arange(20) * 7 + 5, contracts // 20)
    right = np.tile(np.repeat(["call", "put"], 20), contracts // 40)
    mid = np.round(random.gamma(1.0, 15.0, contracts) + 0.02, 2)
    frame = pl.DataFrame(
        {
            "date": [day] * contracts,
            "ticker": "SPY",
            "dte": expiry,
            "right": right,
            "strike": strike,
            "bid": mid - 0.01,
            "ask": mid + 0.01,
            "mid": mid,
            "last": mid,
            "volume": random.poisson(50, contracts).astype(float),
            "open_interest": random.poisson(900, contracts).astype(float),
            "multiplier": 100.0,
            "spot": 340.0,
            "spot_method": "parity",
            "years": expiry / 365.0,
            "source": "bench",
            "quality": pl.Series(np.where(random.random(contracts) < 0.15, "WIDE", "")).replace(
                "", None
            ),
            "fetched_at": datetime(2026, 1, 2, tzinfo=UTC),
        }
        | {name: random.normal(0.2, 0.05, contracts) for name in ("iv", "delta", "gamma")}
        | {name: random.normal(0.2, 0.05, contracts) for name in ("theta", "vega", "source_iv")}
    ).with_columns(expiry=pl.col("date") + pl.duration(days=pl.col("dte")))
    symbol = pl.concat_str(
        pl.lit("SPY"),
        pl.col("expiry").dt.strftime("%y%m%d"),
        pl.col("right").str.slice(0, 1).str.to_uppercase(),
        (pl.col("strike") * 1000).cast(pl.Int64).cast(pl.String).str.zfill(8),
    )
    missing = [n for n in OPTION_CHAIN.schema.names() if n not in (*frame.columns, "x")]
    frame = frame.with_columns(pl.lit(None).alias(n) for n in missing)
    return (
        frame.with_columns(contract_symbol=symbol)
        .select(OPTION_CHAIN.schema.names())
        .cast(dict(OPTION_CHAIN.schema))
    )


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def duckdb_figures(folder: Path, chains: list[pl.DataFrame]) -> list[float]:
    warehouse = Warehouse(folder / "warehouse.duckdb")
    batches = [pl.concat(chains[at : at + BATCH]) for at in range(0, len(chains), BATCH)]
    year = timed(lambda: [warehouse.write([(OPTION_CHAIN, batch)]) for batch in batches])
    last = chains[-1]
    day = last["date"][0]
    again = timed(lambda: warehouse.write([(OPTION_CHAIN, last)]))
    read_day = timed(lambda: warehouse.read(OPTION_CHAIN, tickers=["SPY"], start=day, end=day))
    listed = ", ".join(MONEY)
    query = (
        f"SELECT {listed} FROM option_chain WHERE ticker = 'SPY' AND quality IS NULL "
        "AND dte <= 75 ORDER BY date, ticker, contract_symbol"
    )
    read_year = timed(lambda: warehouse.query(query))
    size = (folder / "warehouse.duckdb").stat().st_size / 2**20
    return [year, again, read_day, read_year, size]


def parquet_figures(folder: Path, chains: list[pl.DataFrame]) -> list[float]:
    def path(frame: pl.DataFrame) -> Path:
        return folder / "SPY" / f"{frame['date'][0]}.parquet"

    def write(frame: pl.DataFrame) -> None:
        # Written atomically: under a temporary name, then renamed.
        target = path(frame)
        target.parent.mkdir(parents=True, exist_ok=True)
        OPTION_CHAIN.validate(frame).write_parquet(target.with_suffix(".part"))
        target.with_suffix(".part").rename(target)

    year = timed(lambda: [write(frame) for frame in chains])
    again = timed(lambda: write(chains[-1]))
    read_day = timed(lambda: pl.read_parquet(path(chains[-1])))
    near = pl.scan_parquet(folder / "SPY" / "*.parquet").filter(
        pl.col("quality").is_null() & (pl.col("dte") <= 75)
    )
    read_year = timed(lambda: near.select(MONEY).collect())
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet")) / 2**20
    return [year, again, read_day, read_year, size]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=250)
    parser.add_argument("--contracts", type=int, default=3000)
    options = parser.parse_args()
    days = sessions(date(2023, 1, 3), date(2024, 12, 31))[: options.days]
    chains = [chain(day, options.contracts) for day in days]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        figures = {
            "DuckDB": duckdb_figures(Path(one), chains),
            "Parquet": parquet_figures(Path(other), chains),
        }
    names = ("write year s", "write day s", "read day s", "read year s", "MiB")
    print(f"{'':8}" + "".join(f"{name:>14}" for name in names))
    for store, row in figures.items():
        print(f"{store:8}" + "".join(f"{value:14.3f}" for value in row))
    ratio = [d / p for d, p in zip(figures["DuckDB"], figures["Parquet"], strict=True)]
    print(f"{'ratio':8}" + "".join(f"{value:14.2f}" for value in ratio))


if __name__ == "__main__":
    main()
