from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from options_platform.domain.chain import CHAIN_SCHEMA, real_chain
from options_platform.domain.pricing import black_scholes
from options_platform.errors import PricingError
from options_platform.testing.arbitrage import arbitrages
from tools.calibration.load import load

DAY = date(2026, 2, 11)


def stored(rows, day=DAY, ticker="SPY", spot=100.0):
    """Quotes as rows of `option_chain`, with the columns that `real_chain` reads."""
    defaults = {"iv": None, "delta": None, "volume": None, "open_interest": None, "quality": None}
    frame = rows.with_columns(
        pl.lit(value).alias(name) for name, value in defaults.items() if name not in rows.columns
    ).with_columns(
        date=pl.lit(day), ticker=pl.lit(ticker), spot=pl.lit(spot),
        mid=(pl.col("bid") + pl.col("ask")) / 2,
    )  # fmt: skip
    return frame.cast({**{n: CHAIN_SCHEMA[n] for n in CHAIN_SCHEMA}, "quality": pl.String})


def quotes(*rows):
    names = ["right", "strike", "bid", "ask", "delta"]
    return pl.DataFrame([dict(zip(names, row, strict=True)) for row in rows]).with_columns(
        expiry=date(2026, 3, 13)
    )


def test_the_nearest_delta_is_chosen_among_quotes_with_a_bid():
    chain = real_chain(
        stored(
            quotes(
                ("put", 90.0, 0.0, 0.05, -0.20),  # no bid
                ("put", 92.0, 0.60, 0.50, -0.21),  # crossed
                ("put", 93.0, 0.70, 0.80, -0.16),
                ("put", 95.0, 1.00, 1.10, -0.26),
                ("put", 97.0, 1.50, 1.60, None),
            )
        )
    )
    assert chain.source == "real"
    nearest = chain.nearest_delta(date(2026, 3, 13), "put", 0.2)
    assert nearest["strike"] == 93.0
    assert chain.quotes["strike"].to_list() == [93.0, 95.0, 97.0]


def test_quotes_that_failed_a_gate_are_left_out_and_a_chain_without_good_quotes_is_refused():
    rows = stored(quotes(("put", 93.0, 0.70, 0.80, -0.16)))
    with pytest.raises(PricingError, match="has no good quote"):
        real_chain(rows.with_columns(quality=pl.lit("STALE")))
    two = pl.concat([rows, rows.with_columns(ticker=pl.lit("QQQ"))])
    with pytest.raises(PricingError, match="of one date and ticker, and these rows are of 2"):
        real_chain(two)


def test_greeks_of_a_real_chain_agree_with_its_vendors(reference_data):
    # The vendor uses Black-Scholes on the closing price without dividends; the remaining
    # difference comes from its interest rates per tenor, which the file does not contain.
    rows = pl.read_csv(
        reference_data / "options/spy_eod/SPY_2015-01-05.csv.gz", infer_schema_length=None
    ).with_columns(dte=(pl.col("expiration").str.to_date() - date(2015, 1, 5)).dt.total_days())
    rows = rows.filter(
        (pl.col("nonstd") != 7)
        & (pl.col("dte") > 3)
        & (pl.col("bid") > 0)
        & pl.col("delta").abs().is_between(0.05, 0.95)
    )
    assert rows.height > 1000
    greeks = black_scholes(
        np.array([201.72]), rows["strike"].to_numpy(), rows["dte"].to_numpy() / 365,
        rows["implied_volatility"].to_numpy(), 0.0005, 0.0,
        np.where(rows["type"].to_numpy() == "call", 1.0, -1.0),
    )  # fmt: skip
    gap = np.abs(greeks.delta - rows["delta"].to_numpy())
    assert np.median(gap) < 5e-4
    assert np.quantile(gap, 0.95) < 0.01
    for name, most in (("gamma", 0.001), ("vega", 0.001), ("theta", 0.005)):
        relative = getattr(greeks, name) / rows[name].to_numpy() - 1.0
        assert np.median(np.abs(relative)) < most


@pytest.fixture(scope="module")
def real(reference_data):
    return [chain for chain in load(reference_data) if chain.ticker in ("SPY", "QQQ")]


@pytest.mark.parametrize("ticker", ["SPY", "QQQ"])
def test_real_quotes_of_2026_give_strikes_of_the_nearest_listed_delta(real, ticker):
    snapshot = next(chain for chain in real if chain.name == f"{ticker} 2026-02-11")
    # Out-of-the-money quotes, as in the calibration; deltas use the forward implied by parity.
    rows = stored(
        snapshot.points.select("expiry", "right", "strike", "bid", "ask", "iv", "delta"),
        ticker=ticker, spot=snapshot.points["forward"][0],
    )  # fmt: skip
    chain = real_chain(rows)
    expiry = date(2026, 3, 13)
    for right in ("call", "put"):
        for delta in (0.15, 0.25, 0.40):
            nearest = chain.nearest_delta(expiry, right, delta)
            side = rows.filter((pl.col("expiry") == expiry) & (pl.col("right") == right))
            best = (side["delta"].abs() - delta).abs().min()
            assert abs(abs(nearest["delta"]) - delta) == best
            assert nearest["bid"] > 0


def test_closing_chains_are_free_of_arbitrage_and_intraday_ones_show_cents_only(real):
    for snapshot in real:
        day, spot = snapshot.session, snapshot.points["forward"][0]
        rows = snapshot.points.filter(pl.col("expiry") <= day + timedelta(days=60))
        names = ("expiry", "right", "strike", "bid", "ask", "iv", "delta")
        chain = real_chain(stored(rows.select(names), day=day, spot=spot))
        broken = arbitrages(chain)
        if day.year == 2026:
            # The quotes of an intraday Yahoo snapshot are not simultaneous.
            assert broken.height < 0.1 * chain.quotes.height
            assert broken["profit_usd"].max() < 0.25
        else:
            assert broken.filter(pl.col("profit_usd") >= 0.01).is_empty()
