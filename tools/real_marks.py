"""Marks of spreads on real quotes, beside those of the surface: `python -m tools.real_marks DATA`.

DATA is a folder with `options/spx/SPXW_2018-01_2018-02_eod.csv.gz`, forty sessions of one expiry
each through February 2018, and `vol/VIX.csv`, `VIX9D.csv`, `VIX3M.csv` and `VIX6M.csv`. For each
month and each session of its expiry the put spread sold on its first session (short put nearest to
0.16 delta, long put 50 points lower) is marked at the real quotes and at the surface.
docs/option-chains.md shows the table.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.files.bulk.head import chain_head
from options_platform.adapters.sources.files.bulk.importing import ChainRequest, import_chains
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.contracts import TRADE_PLAN, TRADE_PLAN_LEGS
from options_platform.domain.backtest import (
    BacktestMarket,
    BacktestRules,
    make_market,
    run_backtest,
)
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.chain import real_chain
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.domain.risk import RiskRules
from options_platform.services.backtesting.real_chains import StoredQuotes
from tools.markdown import table

TICKER, WIDTH, DELTA = "SPX", 50.0, 0.16
FILE = "options/spx/SPXW_2018-01_2018-02_eod.csv.gz"
DAYS = sessions(date(2018, 1, 2), date(2018, 2, 28))
NOW = datetime(2026, 1, 2, tzinfo=UTC)
RULES = BacktestRules(start_usd=1e6, risk=RiskRules.unlimited(), exits=None)


def stored_chains(data: Path, folder: Path) -> ChainStore:
    """The chains of the file, imported and judged as in a home."""
    head = chain_head(data / FILE)
    if head is None:
        raise SystemExit(f"{data / FILE} is no file of option chains")
    import_chains(head, folder / "options", ChainRequest())
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    raw = pl.concat(
        source.option_chain(TICKER, day, NOW).with_columns(date=pl.lit(day)) for day in DAYS
    )
    store = ChainStore(folder / "chains")
    closes = pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "close": pl.Float64})
    rate, dividend = RULES.chain.risk_free_rate, RULES.chain.dividend_yield
    store.write(
        judge_chains(raw, closes, ChainGates(), rate=rate, dividend=dividend, fetched_at=NOW)
    )
    return store


def market_of(data: Path, store: ChainStore) -> BacktestMarket:
    """SPX at the prices of the file, with the VIX and its other tenors."""
    spots = store.read([(day, TICKER) for day in DAYS], columns=["date", "spot"])
    bars = spots.group_by("date").agg(close=pl.col("spot").median()).sort("date")
    bars = bars.with_columns(
        ticker=pl.lit(TICKER), split_factor=1.0, dividend=0.0, bad_reason=pl.lit(None, pl.String)
    )
    levels = [
        pl.read_csv(data / f"vol/{name}.csv", try_parse_dates=True).select(
            "date", pl.col("close").alias(name.lower())
        )
        for name in ("VIX", "VIX9D", "VIX3M", "VIX6M")
    ]
    joined = bars.select("date")
    for frame in levels:
        joined = joined.join(frame, on="date", how="left")
    vix = joined.with_columns(ticker=pl.lit(TICKER), iv_close=pl.col("vix"))
    market = make_market(bars, vix, tenors=joined.drop("vix"))
    return replace(market, chains=StoredQuotes(store, [TICKER], DAYS[0], DAYS[-1]))


def spread_of(store: ChainStore, day: date) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The put spread of `day`, planned a session earlier so that its path begins on `day`."""
    chain = real_chain(store.read([(day, TICKER)]))
    (expiry,) = chain.expiries
    short = float(chain.nearest_delta(expiry, "put", DELTA)["strike"])  # type: ignore[arg-type]
    planned = DAYS[DAYS.index(day) - 1] if day != DAYS[0] else day
    name = f"{planned}-{TICKER}"
    shared = {"date": planned, "ticker": TICKER, "plan_id": name, "expiry": expiry}
    plan = shared | {
        "decision": "trade", "strategy": "bull_put_spread", "contracts": 1, "limit_price": -1.0,
        "max_loss_usd": 100.0 * WIDTH, "max_profit_usd": 100.0 * WIDTH,
    }  # fmt: skip
    legs = [
        shared | {"leg": at, "side": side, "right": "put", "strike": strike, "ratio": 1}
        for at, (side, strike) in enumerate((("sell", short), ("buy", short - WIDTH)), 1)
    ]
    return (
        pl.DataFrame([plan], schema=TRADE_PLAN.schema),
        pl.DataFrame(legs, schema=TRADE_PLAN_LEGS.schema),
    )


def marks(store: ChainStore, market: BacktestMarket, day: date) -> pl.DataFrame:
    """Date, spot and VIX, and the value of the spread sold on `day`, real and synthetic."""
    spread = spread_of(store, day)
    real = run_backtest(*spread, market, RULES)
    model = run_backtest(*spread, market, replace(RULES, chains="synthetic"))
    strikes = spread[1]["strike"].to_list()
    column = market.tickers.index(TICKER)
    levels = pl.DataFrame(
        {
            "session": market.sessions,
            "spot": market.close[:, column],
            "vix": 100.0 * market.index[:, column],
        }
    )
    value = -pl.col("mark_price")
    return (
        real.marks.select("session", real=value)
        .join(model.marks.select("session", synthetic=value), on="session")
        .join(levels, on="session")
        .with_columns(spread=pl.lit(f"{strikes[0]:.0f}/{strikes[1]:.0f}P"))
        .sort("session")
    )


def main() -> None:
    """Print the table of both months, and the mean and largest differences."""
    data = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        store = stored_chains(data, Path(name))
        market = market_of(data, store)
        rows = pl.concat([marks(store, market, day) for day in (DAYS[1], date(2018, 2, 1))])
    cells = [
        (
            str(row["session"]), row["spread"], f"{row['spot']:.0f}", f"{row['vix']:.1f}",
            f"{row['real']:.2f}", f"{row['synthetic']:.2f}",
            f"{row['synthetic'] - row['real']:+.2f}",
        )
        for row in rows.iter_rows(named=True)
    ]  # fmt: skip
    print(table(("Session", "Spread", "SPX", "VIX", "Real", "Surface", "Difference"), cells))
    calm = pl.col("session") < date(2018, 2, 2)
    for label, part in (("to 2018-02-01", rows.filter(calm)), ("after", rows.filter(~calm))):
        gap = part["synthetic"] - part["real"]
        print(
            f"{label}: {len(gap)} marks, mean {gap.mean():+.2f}, mean size {gap.abs().mean():.2f}"
        )


if __name__ == "__main__":
    main()
