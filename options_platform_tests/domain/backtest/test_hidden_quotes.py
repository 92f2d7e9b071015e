"""A good quote is hidden, and the price that a trade gets instead is compared with it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.domain.backtest.real_quotes import (
    CHAIN_QUOTES,
    PARITY,
    SMILE,
    ModelledLegs,
    real_legs,
)
from options_platform.domain.chain import ChainRules, Underlying, quote
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform_tests.chain_files import read_chain_file

RULES = ChainRules()
NO_CLOSES = pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "close": pl.Float64})


@dataclass
class Stored:
    """A chain as the store gives it."""

    frame: pl.DataFrame
    fingerprint = "test"

    def chain(self, day, ticker):
        return None

    def quotes(self, wanted):
        return self.frame.select(CHAIN_QUOTES.names())

    def days(self, ticker):
        return self.frame["date"].unique().sort().to_numpy().astype("datetime64[D]")


def judged(raw):
    """Rows of `option_chain` of one session, with `last_day`."""
    rows = judge_chains(
        raw, NO_CLOSES, ChainGates(), rate=RULES.risk_free_rate, dividend=RULES.dividend_yield,
        fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return rows.with_columns(last_day=pl.col("date") + pl.duration(days=pl.col("dte")))


def price_without(chain, row):
    """The legs' price of one contract whose quote is not in the chain."""
    hidden = chain.filter(
        (pl.col("last_day") == row["last_day"]) & (pl.col("contract_symbol") != row["symbol"])
    )
    one = np.ones((1, 1))
    legs = ModelledLegs(
        names=(row["ticker"],), trade=np.array([0]), ticker=np.array([0]),
        day=np.array([row["date"]], dtype="datetime64[D]"), scale=np.ones(1),
        alive=np.array([[True]]), sign=one * (1.0 if row["right"] == "call" else -1.0),
        strike=one * row["strike"],
        last_day=np.array([[row["last_day"]]], dtype="datetime64[D]"),
        delta=one * row["delta"], iv=one * 0.3,
    )  # fmt: skip
    real = real_legs(legs, Stored(hidden), RULES, 5)
    return int(real.source[0, 0]), *(float(x[0, 0]) for x in (real.bid, real.mid, real.ask))


def hidden_one_at_a_time(chain, count=60):
    """Real mid and half-width, and source, bid, mid and ask without it, of good quotes."""
    good = chain.filter(
        pl.col("quality").is_null() & pl.col("dte").is_between(14, 60)
        & pl.col("delta").abs().is_between(0.02, 0.30)
    ).sort("dte", "strike", "right")  # fmt: skip
    rows = []
    for row in good.gather_every(max(1, good.height // count)).iter_rows(named=True):
        source, bid, mid, ask = price_without(chain, row | {"symbol": row["contract_symbol"]})
        real, half = (row["bid"] + row["ask"]) / 2, (row["ask"] - row["bid"]) / 2
        rows.append((row["strike"], real, half, source, bid, mid, ask))
    names = ("strike", "real", "half", "source", "bid", "mid", "ask")
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(
        error=(pl.col("mid") - pl.col("real")).abs()
    )


# Mean error in USD, which parity alone missed by 0.046, 0.525, 0.398 and 0.304.
REAL = (
    ("spy_eod/SPY_2015-01-05", 0.005),
    ("yahoo/SPY_20260211T1619Z", 0.015),
    ("yahoo/QQQ_20260211T1631Z", 0.05),
    ("lean/AAPL_2014-06-06_quotes", 0.04),
)


@pytest.mark.parametrize(("file", "bound"), REAL)
def test_a_hidden_quote_of_a_real_chain_is_priced_as_it_was(reference_data, file, bound):
    chain = judged(read_chain_file(reference_data / f"options/{file}.csv.gz"))
    prices = hidden_one_at_a_time(chain)
    measured = prices.filter(pl.col("source") <= SMILE)
    assert measured.height >= 0.9 * prices.height
    assert measured["error"].mean() <= bound
    # No price is off by more than a third of the true one and two cents.
    assert (measured["error"] <= measured["real"] / 3 + 0.02).all()
    moved = prices.filter(pl.col("source") == PARITY)
    assert (moved["error"] <= 0.05 * moved["real"]).all()


def test_a_hidden_quote_of_a_synthetic_chain_is_priced_as_the_surface_has_it():
    day, spot = date(2024, 3, 1), 500.0
    expiry = day + timedelta(days=30)
    strikes = np.arange(400.0, 581.0, 5.0)
    years = np.full(len(strikes), 30 / 365)
    frames = []
    for right, sign in (("put", -1.0), ("call", 1.0)):
        underlying = Underlying.of(
            "SPY", day, np.full(len(strikes), spot), np.full(len(strikes), 0.2)
        )
        made = quote(underlying, strikes, years, np.full(len(strikes), sign), RULES)
        frames.append(
            pl.DataFrame({"strike": strikes, "bid": made.bid, "ask": made.ask}).with_columns(
                right=pl.lit(right)
            )
        )
    raw = pl.concat(frames).with_columns(
        date=pl.lit(day), ticker=pl.lit("SPY"), expiry=pl.lit(expiry), spot=pl.lit(spot),
        source=pl.lit("csv"),
    )  # fmt: skip
    missing = [name for name in SOURCE_CHAIN_SCHEMA if name not in raw.columns]
    raw = raw.with_columns(pl.lit(None).alias(name) for name in missing)
    raw = raw.select("date", *SOURCE_CHAIN_SCHEMA).cast(dict(SOURCE_CHAIN_SCHEMA))
    prices = hidden_one_at_a_time(judged(raw))
    measured = prices.filter(pl.col("source") <= SMILE)
    assert measured.height >= 0.9 * prices.height
    # Linear interpolation over ten dollars, and quotes in whole cents.
    assert (measured["error"] <= 0.02 + 0.01 * measured["real"]).all()
