"""The price of a gate: its sign, its interval, its verdict, and what luck looks like."""

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.backtest.followed import FOLLOWED
from options_platform.domain.backtest.results import TRADES
from options_platform.domain.backtest_study.refusal_prices import (
    BLOCK_SESSIONS,
    FEWEST_OF_EACH,
    FEWEST_TRADES,
    MADE,
    price_refusals,
    refusal_prices,
)
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.statistics.block_means import block_means
from options_platform_tests.domain.backtest_study.refusal_market import (
    DAYS,
    PLAN,
    RULES,
    bull_puts,
    closes,
    inputs_of,
    market_of,
)

LONG = sessions(date(2005, 1, 3), date(2014, 12, 31))
AHEAD = 21


def refused(days, profits, gate="LOW_CONFIDENCE", later=()):
    frame = pl.DataFrame(
        {
            "date": days, "ticker": "SPY", "gate": gate, "later_gates": [list(later)] * len(days),
            "closed_on": days, "pnl_usd": profits, "max_loss_usd": 100.0,
            "chain_source": "synthetic",
        },
        schema_overrides={"later_gates": pl.List(pl.String), "pnl_usd": pl.Float64},
    )  # fmt: skip
    return pl.concat([pl.DataFrame(schema=FOLLOWED), frame], how="diagonal")


def made(days=(), profits=()):
    frame = pl.DataFrame(
        {"planned_on": days, "closed_on": days, "pnl_usd": profits, "max_loss_usd": 100.0},
        schema={"planned_on": pl.Date, "closed_on": pl.Date, "pnl_usd": pl.Float64,
                "max_loss_usd": pl.Float64},
    )  # fmt: skip
    every = pl.concat([pl.DataFrame(schema=TRADES), frame], how="diagonal")
    return every.with_columns(chain_source=pl.lit("real"))


def row(prices, gate, scope="alone"):
    return prices.filter(gate=gate, scope=scope).row(0, named=True)


@pytest.mark.parametrize(
    ("harmful", "verdict"),
    [(False, "saved"), pytest.param(True, "cost", marks=pytest.mark.long)],
)
def test_a_veto_that_knows_the_falls_saves_and_one_that_knows_the_rises_costs(harmful, verdict):
    close = closes(seed=11)
    later = np.roll(close, -AHEAD, axis=0) / close - 1.0
    later[-AHEAD:] = 0.0
    vetoed = later > 0.03 if harmful else later < -0.03
    # It is sometimes wrong: a gate that refuses winners alone has no verdict.
    vetoed |= np.random.default_rng(1).random(later.shape) < 0.1
    rows = inputs_of(close, iv_rank_change_pred=np.where(vetoed, 1.0, 0.0).ravel())
    priced = price_refusals(rows, bull_puts(), RULES, market_of(close))
    price = row(priced.prices, "VOL_VETO_CREDIT")
    assert price["verdict"] == verdict
    assert price["followed"] > 100
    sign = -1.0 if harmful else 1.0
    assert sign * price["saved_usd"] > 0.0
    assert sign * (price["saved_r_low"] if sign > 0 else price["saved_r_high"]) > 0.0
    assert price["saved_r"] == pytest.approx(-price["mean_r"])


def test_without_an_edge_no_gate_is_said_to_matter_and_intervals_contain_zero():
    tickers = ("AAA", "BBB", "CCC")
    close = closes(tickers=tickers, seed=5)
    priced = price_refusals(
        inputs_of(close, tickers=tickers), PLAN, RULES, market_of(close, tickers=tickers)
    )
    tested = priced.prices.drop_nulls("p_corrected")
    assert set(tested["gate"]) >= {"LOW_CONFIDENCE", "VOL_VETO_CREDIT"}
    for price in tested.to_dicts():
        assert price["saved_r_low"] < 0.0 < price["saved_r_high"], price["gate"]
        assert price["verdict"] == "not proven"
        assert price["p_corrected"] >= price["p_value"]
    assert len(DAYS) > 10 * BLOCK_SESSIONS


def test_a_price_is_the_mean_of_its_trades_with_the_interval_of_its_blocks():
    random = np.random.default_rng(1)
    profits = random.normal(-5.0, 60.0, len(LONG))
    prices = refusal_prices(refused(LONG, profits), made(LONG, -profits), LONG)
    price, own = row(prices, "LOW_CONFIDENCE"), row(prices, MADE)
    by_hand = block_means(profits[:, None] / 100.0, np.ones((len(LONG), 1)), block=BLOCK_SESSIONS)
    low, high = (float(end[0]) for end in by_hand.interval)
    stated = price["mean_r"], price["mean_r_low"], price["mean_r_high"]
    assert stated == pytest.approx((profits.mean() / 100.0, low, high))
    assert price["saved_usd"] == pytest.approx(-profits.sum())
    assert (price["saved_r_low"], price["saved_r_high"]) == pytest.approx((-high, -low))
    assert price["win_rate"] == pytest.approx(np.mean(profits > 0))
    assert own["mean_r"] == pytest.approx(-profits.mean() / 100.0)
    assert (own["saved_r"], own["verdict"], own["p_value"]) == (None, None, None)
    assert (price["modelled"], own["modelled"]) == (len(LONG), 0)


def test_few_trades_or_trades_of_few_quarters_have_no_interval_and_no_verdict():
    few = refused(LONG[:: len(LONG) // (FEWEST_TRADES - 1)][: FEWEST_TRADES - 1], -50.0)
    crowded = refused(LONG[:200], -50.0, gate="ILLIQUID")
    prices = refusal_prices(pl.concat([few, crowded]), made(), LONG)
    for gate, count in (("LOW_CONFIDENCE", FEWEST_TRADES - 1), ("ILLIQUID", 200)):
        price = row(prices, gate)
        assert (price["followed"], price["verdict"]) == (count, "too few")
        assert price["saved_r"] == pytest.approx(0.5)
        assert price["saved_r_low"] is price["p_value"] is None


def test_winners_alone_prove_nothing():
    days = LONG[::20]
    for losses, verdict in ((FEWEST_OF_EACH - 1, "too few"), (FEWEST_OF_EACH, "cost")):
        profits = np.full(len(days), 20.0)
        profits[:: len(days) // losses + 1] = -1.0
        price = row(refusal_prices(refused(days, profits), made(), LONG), "LOW_CONFIDENCE")
        assert price["verdict"] == verdict


def test_trades_that_another_gate_would_have_refused_are_counted_apart():
    alone = refused(LONG[::2], -10.0)
    both = refused(LONG[1::2], 30.0, later=("MAX_POSITIONS",))
    prices = refusal_prices(pl.concat([alone, both]), made(), LONG)
    price, first = row(prices, "LOW_CONFIDENCE"), row(prices, "LOW_CONFIDENCE", "first")
    assert (price["refused"], price["followed"], price["refused_later"]) == (
        len(LONG), alone.height, both.height,
    )  # fmt: skip
    assert price["saved_r"] == pytest.approx(0.1)
    assert (first["followed"], first["verdict"]) == (len(LONG), None)
    assert first["saved_r"] == pytest.approx(-0.1, abs=1e-3)


def test_refusals_without_a_trade_are_counted_with_what_is_missing():
    none = refused(LONG[:3], None, gate="NO_EDGE").with_columns(not_followed=pl.lit("NO_EDGE"))
    late = refused(LONG[-2:], None).with_columns(
        not_followed=pl.Series(["STILL_OPEN", "NO_SESSION_YET"])
    )
    prices = refusal_prices(pl.concat([none, late]), made(), LONG)
    assert prices["gate"].to_list() == ["NO_EDGE", "LOW_CONFIDENCE", MADE]
    assert prices["verdict"].to_list() == ["not followed", "not followed", None]
    assert row(prices, "NO_EDGE")["missing"] == "NO_EDGE 3"
    assert row(prices, "LOW_CONFIDENCE")["missing"] == "NO_SESSION_YET 1, STILL_OPEN 1"
    assert row(prices, MADE)["followed"] == 0


def test_what_expires_after_the_last_session_has_no_part_in_a_price_whether_or_not_it_ended():
    whole = refused(LONG[:-20], -10.0).with_columns(expiry=pl.lit(LONG[-1]))
    # Of the last trades those have ended that won.
    quick = refused(LONG[-20:-10], 80.0).with_columns(expiry=pl.lit(date(2015, 1, 16)))
    late = refused(LONG[-10:], None).with_columns(
        expiry=pl.lit(date(2015, 1, 16)), not_followed=pl.lit("STILL_OPEN")
    )
    own = made(LONG[-20:], 80.0).with_columns(expiry=pl.lit(date(2015, 1, 16)))
    prices = refusal_prices(pl.concat([whole, quick, late]), own, LONG)
    price = row(prices, "LOW_CONFIDENCE")
    assert (price["refused"], price["followed"]) == (len(LONG), whole.height)
    assert price["saved_r"] == pytest.approx(0.1)
    assert (price["not_followed"], price["missing"]) == (20, "EXPIRES_LATER 10, STILL_OPEN 10")
    assert (row(prices, MADE)["followed"], row(prices, MADE)["not_followed"]) == (0, 20)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["LOW_CONFIDENCE", "ILLIQUID", "HALTED"]),
            st.booleans(),
            st.sampled_from([None, "STILL_OPEN", "NO_EXPIRY"]),
            st.floats(-100.0, 300.0),
        ),
        max_size=25,
    )
)
@settings(max_examples=25, deadline=None)
def test_every_refused_row_is_counted_once_and_every_profit_once(rows):
    frames = [
        refused([LONG[n]], [profit], gate, later=["BUYING_POWER"] if later else []).with_columns(
            not_followed=pl.lit(missing, pl.String)
        )
        for n, (gate, later, missing, profit) in enumerate(rows)
    ]
    prices = refusal_prices(pl.concat([refused([], []), *frames]), made(), LONG[:50], draws=20)
    alone = prices.filter(pl.col("gate") != MADE, scope="alone")
    assert alone["refused"].sum() == len(rows)
    parts = alone["followed"] + alone["refused_later"] + alone["not_followed"]
    assert parts.to_list() == alone["refused"].to_list()
    ended = [profit for _, later, missing, profit in rows if missing is None and not later]
    assert -alone["saved_usd"].sum() == pytest.approx(sum(ended), abs=1e-6)
    assert set(alone["verdict"]) <= {"too few", "not followed"}


def test_an_interval_ends_where_trades_can_lose_no_more():
    random = np.random.default_rng(2)
    days = sorted({*LONG[::40], *LONG[630:641]})
    # Small gains, and losses in one quarter: draws without it have next to no error of their own.
    lost = np.isin(days, LONG[630:641])
    profits = np.where(lost, -90.0, 2.0 + 0.01 * random.random(len(days)))
    trades = refused(days, profits).with_columns(max_profit_usd=pl.lit(5.0))
    price = row(refusal_prices(trades, made(), LONG), "LOW_CONFIDENCE")
    assert price["saved_r_high"] == pytest.approx(1.0)
    assert price["mean_usd_low"] == pytest.approx(-100.0)
    assert price["mean_r_high"] <= 0.05
    assert price["verdict"] == "not proven"
