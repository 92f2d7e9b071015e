"""Fetches and stores option chains, and reports what was skipped."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from options_platform.adapters.ports.market_data import gives_chains
from options_platform.adapters.storage.chain_store import ChainStore
from options_platform.common import PartitionRange
from options_platform.contracts import OPTION_CHAIN, RAW_OHLCV
from options_platform.domain.calendar.sessions import NEW_YORK, sessions
from options_platform.domain.chain.ingest import judge_chains
from options_platform.domain.checks.chains import good_shares
from options_platform.errors import SourceError
from options_platform.services.market_data.one_market import require_same_market
from options_platform.services.market_data.platform import Platform

BATCH = 20
Key = tuple[date, str]


@dataclass(frozen=True)
class Fetched:
    """The chains of a run: the shares of good quotes of stored ones, the causes of skipped ones."""

    shares: pl.DataFrame
    skipped: Mapping[Key, str]


def fetch_chains(platform: Platform, selected: PartitionRange) -> Fetched:
    """Fetch, judge and store the chain of each partition; skip those that the source does not have.

    A chain that was fetched on the evening of its session is kept and not requested again; another
    stored chain is kept if the source cannot provide it again. Raises UsageError if the stored
    bars are of another market (`services.market_data.one_market`).
    """
    require_same_market(platform.warehouse, platform.source().info)
    settings, shares = platform.settings, [good_shares(OPTION_CHAIN.empty())]
    taken = taken_on_the_evening(platform.chains, selected)
    shares += [good_shares(platform.chains.read([key])) for key in taken]
    closes = traded_closes(platform, selected)
    days = sessions(selected.start, selected.end)
    keys = [(day, t) for t in selected.tickers for day in days if (day, t) not in taken]
    skipped: dict[Key, str] = {}
    for at in range(0, len(keys), BATCH):
        platform.progress("fetching option chains", at, len(keys))
        raw = _ask(platform, keys[at : at + BATCH], skipped)
        if raw:
            rows = judge_chains(
                pl.concat(raw),
                closes,
                settings.chain_gates,
                rate=settings.plan.chain.risk_free_rate,
                dividend=settings.plan.chain.dividend_yield,
                fetched_at=platform.now(),
            )
            platform.chains.write(rows)
            shares.append(good_shares(rows))
    return Fetched(pl.concat(shares), skipped)


def taken_on_the_evening(chains: ChainStore, selected: PartitionRange) -> list[Key]:
    """The partitions whose stored chain was fetched on the day of its session.

    Some sources have no quotes after midnight, so such a chain is the better one.
    """
    span = {"start": selected.start, "end": selected.end}
    stored = chains.stored(tickers=selected.tickers, **span)
    fetched = ((key, chains.readable(key, columns=["fetched_at"])["fetched_at"]) for key in stored)
    return [key for key, at in fetched if at.len() and at[0].astimezone(NEW_YORK).date() == key[0]]


def _ask(platform: Platform, keys: list[Key], skipped: dict[Key, str]) -> list[pl.DataFrame]:
    source = platform.source()
    if not gives_chains(source):
        raise SourceError(f"{source.info.name} gives no option chains")
    chains = []
    for day, ticker in keys:
        try:
            chain = source.option_chain(ticker, day, platform.now())
        except SourceError as error:
            skipped[day, ticker] = str(error)
        else:
            chains.append(chain.with_columns(date=pl.lit(day)))
    return chains


def traded_closes(platform: Platform, selected: PartitionRange) -> pl.DataFrame:
    """The closes of the range as traded, in USD: the split-adjusted ones times the split factor."""
    bars = platform.warehouse.read(
        RAW_OHLCV,
        columns=["date", "ticker", "close", "split_factor"],
        tickers=selected.tickers,
        start=selected.start,
        end=selected.end,
    )
    return bars.select(
        "date", "ticker", close=pl.col("close") * pl.col("split_factor").fill_null(1.0)
    )
