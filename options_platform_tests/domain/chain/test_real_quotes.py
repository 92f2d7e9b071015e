"""Real option chains of the reference data: every defect listed in its README is detected."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts import OPTION_CHAIN
from options_platform.domain.chain.ingest import ChainGates, judge_chains
from options_platform.domain.checks.chains import chain_rules
from options_platform.domain.checks.tables import ExpectedPartitions
from options_platform.domain.feature_engine.iv_history import AtTheMoneyRules, chain_iv
from options_platform.testing.market import NOW
from options_platform_tests.chain_files import read_chain_file

# Three-month Treasury yields of the time; dividend yields of SPY and QQQ, and none.
RATES = {2014: 0.0004, 2015: 0.0002, 2017: 0.005, 2020: 0.001, 2026: 0.036}
YIELDS = {"SPY": 0.013, "QQQ": 0.005, "AAPL": 0.005}
CLOSES = {"SPY": 201.72, "AAPL": 645.57, "GOOG": 748.40}
DELTA = pl.col("delta").abs().is_between(0.2, 0.8)


@pytest.fixture(scope="module")
def load(reference_data):
    cache = {}

    def loaded(name, *, close=None, **units):
        key = (name, close)
        if key not in cache:
            raw = read_chain_file(reference_data / "options" / name, **units)
            ticker, day = raw["ticker"][0], raw["date"][0]
            bar_close = CLOSES.get(ticker) if "yahoo" not in name else None
            closes = raw.select("date", "ticker").unique()
            closes = closes.with_columns(close=pl.lit(close or bar_close, pl.Float64))
            rate, dividend = RATES[day.year], YIELDS.get(ticker, 0.0)
            rows = judge_chains(
                raw, closes, ChainGates(), rate=rate, dividend=dividend, fetched_at=NOW
            )
            cache[key] = raw, OPTION_CHAIN.validate(rows), rate, dividend
        return cache[key]

    return loaded


def counts(rows):
    return dict(rows.group_by("quality").len().iter_rows())


def rule(name, rows):
    no_partitions = ExpectedPartitions([], (), {})
    return {r.name: r for r in chain_rules(0.5)}[name].find(OPTION_CHAIN, rows, no_partitions)


YAHOO = {
    "yahoo/AAPL_20260211T1727Z.csv.gz": (8, 259, 44),
    "yahoo/NVDA_20260211T1630Z.csv.gz": (0, 209, 607),
    "yahoo/QQQ_20260211T1631Z.csv.gz": (7, 367, 186),
    "yahoo/QQQ_20260212T1509Z.csv.gz": (7, 406, 373),
    "yahoo/SPY_20260211T1619Z.csv.gz": (0, 348, 133),
    "yahoo/SPY_20260212T1510Z.csv.gz": (2, 377, 239),
}


@pytest.mark.parametrize("file", YAHOO)
def test_yahoos_crossed_and_missing_quotes_are_all_detected(load, file):
    """The README counts ask < bid, zero bid or ask, and volatilities up to 1e-4."""
    raw, rows, _, _ = load(file)
    crossed, missing, no_iv = YAHOO[file]
    by_quality = counts(rows)
    assert by_quality.get("CROSSED", 0) == crossed
    assert by_quality["NO_BID"] == missing
    assert raw.filter(pl.col("source_iv") <= 1e-4).height == no_iv
    usable = rows.filter(pl.col("quality").is_null() & (pl.col("source_iv") <= 1e-3)).height
    assert rule("source_iv", rows).broken == usable
    # No large group of quotes is rejected that the README does not mention.
    assert rows["quality"].is_null().mean() > 0.6
    assert rule("good_share", rows).passed


@pytest.mark.parametrize("file", YAHOO)
def test_yahoos_quotes_imply_a_spot_within_half_a_percent_of_its_own(load, file):
    raw, rows, _, _ = load(file)
    near = rows.filter((pl.col("spot_method") == "parity") & (pl.col("dte") <= 60))
    gap = (near["spot"] / raw["spot"][0] - 1.0).abs()
    assert 0.0001 < gap.median() < 0.005


def test_the_wrong_expiries_of_2020_are_corrected_by_their_symbols(load):
    raw, rows, _, _ = load("yahoo/SPY_20201005T2014Z.csv.gz")
    assert raw["expiry"].min() == date(2020, 10, 4)  # a Sunday
    symbol = pl.col("contract_symbol").str.extract(r"(\d{6})[CP]", 1).str.to_date("%y%m%d")
    assert rows.filter(pl.col("expiry") != symbol).is_empty()
    assert rows["expiry"].min() == date(2020, 10, 5)
    # The snapshot was taken after the close of their last trading day.
    assert set(rows.filter(pl.col("expiry") == date(2020, 10, 5))["quality"]) == {"EXPIRED"}
    # Stale quotes deep in the money, e.g. 94.19 for a strike of 256 and 87.70 for 254.
    broken = rows.filter(pl.col("quality") == "PARITY")["contract_symbol"]
    assert {"SPY201016C00254000", "SPY201016C00256000"} <= set(broken)


def test_the_complete_chain_of_2015_drops_minis_and_expired_weeklies(load):
    _, rows, _, _ = load("spy_eod/SPY_2015-01-05.csv.gz")
    mini = rows.filter(pl.col("contract_symbol").str.starts_with("SPY7"))
    assert mini.height >= 1032
    assert set(mini["quality"]) == {"NONSTANDARD"}
    assert rows.filter(pl.col("quality") == "NONSTANDARD").height == mini.height
    standard = rows.filter(~pl.col("contract_symbol").str.starts_with("SPY7"))
    expired = standard.filter(pl.col("expiry") == date(2015, 1, 2))
    assert expired.height > 100
    assert set(expired["quality"]) == {"EXPIRED"}
    # The README puts the parity-implied spot at about 201.9; SPY closed at 201.72.
    near = standard.filter((pl.col("spot_method") == "parity") & (pl.col("dte") < 40))
    assert near["spot"].median() == pytest.approx(201.9, abs=0.2)


def test_volatility_and_greeks_agree_with_those_of_the_complete_chain(load):
    _, rows, _, _ = load("spy_eod/SPY_2015-01-05.csv.gz")
    good = rows.filter(pl.col("quality").is_null() & DELTA & pl.col("dte").is_between(10, 200))
    assert good.height > 300
    for ours, slack in (("iv", 0.006), ("delta", 0.02), ("gamma", 0.004), ("vega", 0.02)):
        off = (pl.col(ours) - pl.col(f"source_{ours}")).abs().median()
        assert good.select(off).item() < slack
    assert rule("source_units", rows).passed


def test_strikes_from_before_a_split_match_the_price_as_traded_not_the_adjusted_one(load):
    name = "lean/AAPL_2014-06-06_quotes.csv.gz"
    _, rows, _, _ = load(name)
    assert rows.filter(pl.col("bid").is_null()).height == 157
    assert rows["quality"].is_null().mean() > 0.6
    for adjusted in (645.57 / 7, 645.57 / 28):
        _, refused, _, _ = load(name, close=adjusted)
        assert refused["quality"].null_count() == 0
        assert counts(refused)["PARITY"] > 1800


def test_the_missing_bids_of_google_are_detected(load):
    _, rows, _, _ = load("lean/GOOG_2015-12-24_quotes.csv.gz")
    assert rows.filter(pl.col("bid").is_null()).height == 304
    alive = rows.filter((pl.col("quality") != "EXPIRED").fill_null(value=True))
    assert set(alive.filter(pl.col("bid").is_null())["quality"]) == {"NO_BID"}
    assert rule("good_share", rows).passed


@pytest.mark.parametrize(
    "name",
    [
        "lean/GOOG_2015-12-22_greeks.csv.gz",
        "lean/SPX_2015-12-22_greeks.csv",
        "lean/SPY_2023-12-28_to_2024-01-09_greeks.csv",
    ],
)
def test_mids_without_bid_and_ask_have_no_bid(reference_data, name):
    raw = read_chain_file(reference_data / "options" / name)
    closes = raw.select("date", "ticker").unique().with_columns(close=pl.lit(None, pl.Float64))
    rows = judge_chains(raw, closes, ChainGates(), rate=0.01, dividend=0.01, fetched_at=NOW)
    assert set(rows["quality"]) <= {"NO_BID", "EXPIRED"}
    assert not rule("good_share", rows).passed


@pytest.mark.parametrize("name", ["SPX_2014-12_to_2015-03_sample.csv", "SPX_2017-01_sample.csv"])
def test_annual_theta_and_vega_per_unit_are_detected_and_pass_once_converted(
    load, reference_data, name
):
    _, rows, rate, dividend = load(f"spx/{name}")
    finding = rule("source_units", rows)
    assert finding.broken > 0
    assert any("theta" in text for text in finding.examples)
    assert any("vega" in text for text in finding.examples)
    daily = read_chain_file(
        reference_data / "options" / "spx" / name, theta_days=365.0, vega_points=100.0
    )
    closes = daily.select("date", "ticker").unique().with_columns(close=pl.lit(None, pl.Float64))
    mended = judge_chains(daily, closes, ChainGates(), rate=rate, dividend=dividend, fetched_at=NOW)
    assert mended["quality"].is_null().sum() >= 5
    assert rule("source_units", mended).passed


def variance_swap(rows, expiry, rate):
    """Annualised variance of one expiry, summed over all strikes as in the Cboe VIX methodology."""
    quotes = rows.filter((pl.col("expiry") == expiry) & pl.col("quality").is_null())
    years, spot = quotes["years"][0], quotes["spot"][0]
    forward = spot * np.exp((rate - YIELDS["SPY"]) * years)
    out = quotes.filter((pl.col("strike") > forward) == (pl.col("right") == "call")).sort("strike")
    strike, mid = out["strike"].to_numpy(), out["mid"].to_numpy()
    below = strike[strike <= forward].max()
    total = np.sum(np.gradient(strike) / strike**2 * np.exp(rate * years) * mid)
    return 2.0 / years * total - (forward / below - 1.0) ** 2 / years, years


def test_at_the_money_volatility_is_below_the_vix_because_of_the_skew(load):
    """On 2015-01-05 the VIX closed at 19.92; the strip of all SPY strikes reproduces it."""
    _, rows, rate, dividend = load("spy_eod/SPY_2015-01-05.csv.gz")
    history_row = chain_iv(rows, AtTheMoneyRules(), rate=rate, dividend=dividend).row(0, named=True)
    assert (history_row["near_expiry"], history_row["next_expiry"]) == (
        date(2015, 1, 30),
        date(2015, 2, 6),
    )
    assert history_row["iv_30d"] == pytest.approx(0.1675, abs=0.002)
    (near, t1), (later, t2) = (
        variance_swap(rows, expiry, rate)
        for expiry in (history_row["near_expiry"], history_row["next_expiry"])
    )
    target = 30 / 365
    swap = np.sqrt((near * t1 * (t2 - target) + later * t2 * (target - t1)) / (t2 - t1) / target)
    assert 100 * swap == pytest.approx(19.92, abs=1.0)
    assert history_row["iv_30d"] < swap


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        ("yahoo/SPY_20201005T2014Z.csv.gz", 0.250),
        ("yahoo/SPY_20260211T1619Z.csv.gz", 0.142),
        ("yahoo/SPY_20260212T1510Z.csv.gz", 0.143),
        ("yahoo/QQQ_20260211T1631Z.csv.gz", 0.203),
        ("yahoo/QQQ_20260212T1509Z.csv.gz", 0.205),
        ("yahoo/AAPL_20260211T1727Z.csv.gz", 0.230),
        ("yahoo/NVDA_20260211T1630Z.csv.gz", 0.460),
    ],
)
def test_the_30_day_volatility_of_real_chains_matches_yahoos_at_the_money_contracts(
    load, file, wanted
):
    _, rows, rate, dividend = load(file)
    history_row = chain_iv(rows, AtTheMoneyRules(), rate=rate, dividend=dividend).row(0, named=True)
    assert history_row["iv_30d"] == pytest.approx(wanted, abs=0.003)
    money = rows.filter(
        (pl.col("expiry") == history_row["near_expiry"])
        & pl.col("quality").is_null()
        & pl.col("delta").abs().is_between(0.45, 0.55)
    )
    assert money["source_iv"].median() == pytest.approx(history_row["iv_30d"], abs=0.03)


def test_a_rate_error_of_three_points_hardly_changes_the_30_day_volatility(load, reference_data):
    raw = read_chain_file(reference_data / "options" / "spy_eod" / "SPY_2015-01-05.csv.gz")
    closes = raw.select("date", "ticker").unique().with_columns(close=pl.lit(201.72))
    values = []
    for rate, dividend in ((0.0002, 0.018), (0.03, 0.015)):
        rows = judge_chains(raw, closes, ChainGates(), rate=rate, dividend=dividend, fetched_at=NOW)
        history = chain_iv(rows, AtTheMoneyRules(), rate=rate, dividend=dividend)
        values.append(history["iv_30d"][0])
    assert abs(values[0] - values[1]) < 0.001
