"""The real chains that the surface is fitted to and judged on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl

from options_platform.adapters.ports.market_data import SOURCE_CHAIN_SCHEMA
from options_platform.common import Floats
from options_platform.domain.chain import TermStructure
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.domain.chain.learning import chain_points
from options_platform.domain.chain.strip import expiry_variances, index_of_tenors
from options_platform.domain.chain.term_structure import short_rates

TENOR_DAYS = (9.0, 93.0, 182.0)
TENOR_INDICES = ("VIX9D", "VIX3M", "VIX6M")
OWN_INDEX = {"SPY": "VIX", "QQQ": "VXN", "AAPL": "VXAPL", "SPXW": "VIX"}
# The last yield of DGS3MO at hand is older than these sessions.
RATE_2026 = 0.037


@dataclass(frozen=True)
class RealChain:
    """One real chain: good out-of-the-money quotes, and the volatility index of its ticker.

    `points` has the columns years, dte, right, strike, forward, iv, delta, vega, mid, bid, ask and
    atm (volatility at the forward, an annualised fraction). `index` is the close of the ticker's
    own index. `term` is that index times the S&P 500's ratios of 9, 93 and 182 days to 30, since
    no other is published at these tenors. `strip` is the same index computed from the chain (9,
    30, 93 and 182 days): it stands in for `index` where the series has ended, and the ratios of
    SPY's then stand in for those of the S&P 500. `market` is the month: chains of one month are
    left out together.
    """

    ticker: str
    session: date
    rate: float
    index: float
    term: TermStructure
    strip: tuple[float, ...]
    points: pl.DataFrame

    @property
    def name(self) -> str:
        """Ticker and session."""
        return f"{self.ticker} {self.session}"

    @property
    def market(self) -> str:
        """The month of the session."""
        return f"{self.session:%Y-%m}"


@cache
def load(folder: Path) -> list[RealChain]:
    """The chains that the surface is fitted to; `folder` has the reference data."""
    raw = [
        ("SPY", date(2015, 1, 5), _spy_2015(folder)),
        *(("SPY", day, _yahoo(folder, "SPY", day, at)) for day, at in (
            (date(2020, 10, 5), "2014"), (date(2026, 2, 11), "1619"), (date(2026, 2, 12), "1510"),
        )),
        *(("QQQ", day, _yahoo(folder, "QQQ", day, at)) for day, at in (
            (date(2026, 2, 11), "1631"), (date(2026, 2, 12), "1509"),
        )),
        ("AAPL", date(2014, 6, 6), _lean(folder, "AAPL_2014-06-06", 645.57)),
        ("AAPL", date(2026, 2, 11), _yahoo(folder, "AAPL", date(2026, 2, 11), "1727")),
        ("NVDA", date(2026, 2, 11), _yahoo(folder, "NVDA", date(2026, 2, 11), "1630")),
        ("GOOG", date(2015, 12, 24), _lean(folder, "GOOG_2015-12-24", None)),
    ]  # fmt: skip
    series = _Series(folder)
    chains: list[RealChain] = []
    for ticker, day, rows in raw:
        spy = next((c for c in chains if (c.ticker, c.session) == ("SPY", day)), None)
        chains.append(_chain(ticker, day, rows, series, spy))
    return chains


@cache
def load_stressed(folder: Path) -> list[RealChain]:
    """SPXW in January and February 2018, calm and stressed, one expiry a session; in no fit."""
    rows = pl.read_csv(
        folder / "options/spx/SPXW_2018-01_2018-02_eod.csv.gz", infer_schema_length=None
    ).with_columns(pl.col("quotedate", "expiration").str.to_date())
    series, chains = _Series(folder), []
    for (day,), own in rows.group_by("quotedate", maintain_order=True):
        assert isinstance(day, date)  # noqa: S101 (the type of a key)
        quotes = own.select(
            contract_symbol=pl.lit(None, pl.String), expiry="expiration", right="type",
            strike=pl.col("strike").cast(pl.Float64), bid=pl.col("bid").cast(pl.Float64),
            ask=pl.col("ask").cast(pl.Float64), spot=pl.col("underlying_last").cast(pl.Float64),
        )  # fmt: skip
        chain = _chain("SPXW", day, quotes, series)
        if chain.points.height:
            chains.append(chain)
    return chains


def closes(folder: Path, name: str) -> pl.DataFrame:
    """date and close (an annualised fraction) of a volatility index."""
    rows = pl.read_csv(folder / f"vol/{name}.csv", infer_schema_length=None)
    return rows.select(pl.col("date").str.to_date(), pl.col("close") / 100.0)


class _Series:
    """Closes of the volatility indices (annualised fractions) and the short rate."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        yields = pl.read_csv(folder / "rates/DGS3MO.csv", infer_schema_length=None)
        date_column, value = yields.columns[:2]
        self._yields = yields.select(
            date=pl.col(date_column).str.to_date(), yield_pct=pl.col(value).cast(pl.Float64)
        )

    def close(self, name: str, day: date) -> float:
        """The close of a session; NaN if the series has none."""
        rows = closes(self._folder, name).filter(pl.col("date") == day)
        return float(rows["close"][0]) if rows.height else float("nan")

    def ratios(self, day: date) -> Floats:
        """VIX9D, VIX3M and VIX6M over the VIX; NaN where a series has no close."""
        return np.array([self.close(n, day) for n in TENOR_INDICES]) / self.close("VIX", day)

    def rate(self, day: date) -> float:
        """The short rate of a session; a constant after the end of the series."""
        if day > self._yields["date"].max():  # type: ignore[operator]
            return RATE_2026
        return float(short_rates(pl.Series([day]), self._yields)["short_rate"][0])


def _chain(
    ticker: str, day: date, rows: pl.DataFrame, series: _Series, spy: RealChain | None = None
) -> RealChain:
    """The chain; `spy` is SPY's of the session, whose strip has the ratios after the series."""
    rate = series.rate(day)
    missing = [name for name in SOURCE_CHAIN_SCHEMA if name not in rows.columns]
    raw = rows.with_columns(pl.lit(None).alias(name) for name in missing).with_columns(
        ticker=pl.lit(ticker), source=pl.lit("file")
    )
    raw = raw.select(SOURCE_CHAIN_SCHEMA.names()).cast(dict(SOURCE_CHAIN_SCHEMA))  # type: ignore[arg-type]
    judged = judge_chains(
        raw.with_columns(date=pl.lit(day)),
        pl.DataFrame(schema={"date": pl.Date, "ticker": pl.String, "close": pl.Float64}),
        ChainGates(), rate=rate, dividend=0.0, fetched_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    standard = judged.filter(
        pl.col("quality").is_null()
        | ~pl.col("quality").is_in(["NONSTANDARD", "STALE", "DUPLICATE"])
    )
    strip = index_of_tenors(expiry_variances(standard, rate), (9.0, 30.0, *TENOR_DAYS[1:]))
    index = series.close(OWN_INDEX[ticker], day) if ticker in OWN_INDEX else float("nan")
    if np.isnan(index):
        index = float(strip[1])
    ratios = series.ratios(day)
    if np.isnan(ratios).all():
        of_market = strip if spy is None else np.array(spy.strip)
        ratios = of_market[[0, 2, 3]] / of_market[1]
    tenors = index * ratios
    term = TermStructure(*(np.array(value) for value in tenors), np.array(rate))
    points = chain_points(judged, rate)
    return RealChain(ticker, day, rate, index, term, tuple(strip.tolist()), points)


def _spy_2015(folder: Path) -> pl.DataFrame:
    rows = pl.read_csv(
        folder / "options/spy_eod/SPY_2015-01-05.csv.gz", infer_schema_length=None
    ).filter(pl.col("nonstd") != 7, pl.col("expiration") > "2015-01-05")
    return rows.select(
        "contract_symbol", pl.col("expiration").str.to_date().alias("expiry"),
        pl.col("type").alias("right"), "strike", "bid", "ask",
        spot=pl.lit(201.72),
    )  # fmt: skip


def _yahoo(folder: Path, ticker: str, day: date, at: str) -> pl.DataFrame:
    path = folder / f"options/yahoo/{ticker}_{day:%Y%m%d}T{at}Z.csv.gz"
    rows = pl.read_csv(path, infer_schema_length=None)
    quoted_at = datetime(day.year, day.month, day.day, int(at[:2]), int(at[2:]), tzinfo=UTC)
    # The symbol has the right expiry; the column of one file is a day early.
    return rows.select(
        "contract_symbol", pl.col("type").alias("right"), "strike",
        pl.col("bid", "ask").cast(pl.Float64), pl.col("underlying_price").alias("spot"),
        quoted_at=pl.lit(quoted_at),
    )  # fmt: skip


def _lean(folder: Path, name: str, spot: float | None) -> pl.DataFrame:
    rows = pl.read_csv(folder / f"options/lean/{name}_quotes.csv.gz", infer_schema_length=None)
    return rows.select(
        pl.col("expiration").str.to_date().alias("expiry"), pl.col("type").alias("right"),
        pl.col("strike").cast(pl.Float64), pl.col("bid", "ask").cast(pl.Float64),
        spot=pl.lit(spot, pl.Float64),
    )  # fmt: skip
