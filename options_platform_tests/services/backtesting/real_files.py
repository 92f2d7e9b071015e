"""Markets, stored chains and trades from real files of option quotes."""

from dataclasses import replace
from datetime import UTC, date, datetime

import polars as pl

from options_platform.adapters.sources import SourceOptions, open_source
from options_platform.adapters.sources.files.bulk.head import chain_head
from options_platform.adapters.sources.files.bulk.importing import ChainRequest, import_chains
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.domain.risk import RiskRules
from options_platform.services.backtesting.real_chains import StoredQuotes

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RULES = BacktestRules(start_usd=1e6, risk=RiskRules.unlimited())
HELD = replace(RULES, exits=None)


def imported(path, folder, ticker):
    """All quotes of a file as the source csv reads them after an import, with their `date`."""
    import_chains(chain_head(path), folder / "options", ChainRequest())
    source = open_source("csv", SourceOptions(csv_dir=str(folder)))
    days = set()
    for month in (folder / "options").glob(f"{ticker}_*.parquet"):
        days |= set(pl.read_parquet(month, columns=["session"])["session"].to_list())
    chains = [
        source.option_chain(ticker, day, NOW).with_columns(date=pl.lit(day)) for day in sorted(days)
    ]
    return pl.concat(chains)


def stored(raw, folder):
    """A chain store with the quotes, judged as for `option_chain`."""
    closes = pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "close": pl.Float64})
    chain = RULES.chain
    store = ChainStore(folder / "chains")
    store.write(
        judge_chains(
            raw, closes, ChainGates(), rate=chain.risk_free_rate, dividend=chain.dividend_yield,
            fetched_at=NOW,
        )
    )  # fmt: skip
    return store


def market(closes, index, store=None, factors=None):
    """A market of one ticker from its closes as traded and index levels by day."""
    (ticker,) = closes
    days = sorted(closes[ticker])
    factors = factors or dict.fromkeys(days, 1.0)
    bars = pl.DataFrame(
        {
            "date": days,
            "ticker": ticker,
            "close": [closes[ticker][day] / factors[day] for day in days],
            "split_factor": [factors[day] for day in days],
            "dividend": 0.0,
            "bad_reason": pl.Series([None] * len(days), dtype=pl.String),
        }
    )
    vix = pl.DataFrame({"date": days, "ticker": ticker, "iv_close": [index[day] for day in days]})
    made = make_market(bars, vix)
    if store is None:
        return made
    return replace(made, chains=StoredQuotes(store, [ticker], days[0], days[-1]))


def vix_closes(reference_data):
    frame = pl.read_csv(reference_data / "vol/VIX.csv", try_parse_dates=True)
    return dict(frame.select("date", "close").iter_rows())


def closes_of(raw, ticker):
    """The underlying's price in the file, by day."""
    return {ticker: dict(raw.group_by("date").agg(pl.col("spot").first()).iter_rows())}


def trade(planned, of_market, rules=RULES):
    """The only trade of a plan, its marks, and its sources."""
    result = run_backtest(*planned, of_market, rules)
    assert result.trades.height == 1, result.refusals
    return result


def without(raw, day):
    return raw.filter(pl.col("date") != day)


def day(text):
    return date.fromisoformat(text)
