"""One gap through everything that is open: what it costs, and the limit on it."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.domain.chain import ChainRules, SurfaceRules
from options_platform.domain.pricing import PUT, european_price
from options_platform.domain.risk import Exposure, GapRules, RiskRules, refusals
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.gaps import HeldSpreads, gap_losses
from options_platform.domain.trading.orders import OrderLeg, shares_leg

DAY = date(2024, 1, 5)
CLOSE = MarketClose(100.0, 0.2, short_rate=0.0, ticker="SPY")
AT = DatedClose(DAY, CLOSE)
FLAT = ChainRules(dividend_yield=0.0, surface=SurfaceRules.flat(), width_scale=0.0)
LIMITED = replace(RiskRules.unlimited(), gap=GapRules(max_loss_pct=0.05))


def put_spread(sold, bought, days=45, contracts=1, ticker="SPY"):
    expiry = DAY + timedelta(days=days)
    legs = (OrderLeg("sell", "put", sold, expiry), OrderLeg("buy", "put", bought, expiry))
    return HeldSpreads(ticker, legs, contracts, replace(AT, close=replace(CLOSE, ticker=ticker)))


def test_the_loss_is_that_of_the_legs_repriced_at_the_moved_spot_and_volatility():
    rules = replace(LIMITED, gap=GapRules(0.05, moves=(-0.2, 0.07), vol_rise=5.0))
    [(fall, rise)] = gap_losses([put_spread(95.0, 85.0, contracts=3)], rules, FLAT)

    def value(spot, vol):
        prices = european_price(
            np.array([spot, spot]), np.array([95.0, 85.0]), np.full(2, 45 / 365),
            np.full(2, vol), 0.0, 0.0, np.full(2, PUT),
        )  # fmt: skip
        return prices[0] - prices[1]

    # American puts without interest or dividends are worth as much as European ones; quotes lie
    # on ticks.
    now = value(100.0, 0.2)
    assert fall == pytest.approx(300.0 * (value(80.0, 0.4) - now), abs=6.0)
    assert rise == pytest.approx(300.0 * (value(107.0, 0.2) - now), abs=6.0)
    assert rise < 0 < fall


def test_shares_expired_legs_and_betas_count_as_they_should():
    rules = replace(LIMITED, gap=GapRules(0.05, moves=(-0.2,)), betas={"XLU": 0.5})
    shares = HeldSpreads("SPY", (shares_leg("buy", 100),), 1, AT)
    expired = HeldSpreads("SPY", (OrderLeg("sell", "put", 90.0, DAY),), 2, AT)
    calm = put_spread(95.0, 85.0, ticker="XLU")
    half = replace(rules, gap=GapRules(0.05, moves=(-0.1,)))
    losses = gap_losses([shares, expired, calm], rules, FLAT)
    assert losses[0] == (pytest.approx(2000.0),)
    assert losses[1] == (pytest.approx(2 * 100 * 10.0),)
    whole = gap_losses([put_spread(95.0, 85.0)], half, FLAT)[0]
    assert losses[2] == pytest.approx(whole, abs=3.0)


@given(
    st.lists(
        st.tuples(st.integers(60, 120), st.integers(1, 30), st.integers(1, 60)),
        min_size=1,
        max_size=6,
    )
)
@settings(deadline=None, max_examples=25)
def test_a_spread_loses_no_more_than_its_width_alone_as_among_others(spreads):
    held = [put_spread(float(sold), float(sold - width), days) for sold, width, days in spreads]
    together = gap_losses(held, LIMITED, ChainRules())
    for own, losses, (_, width, _) in zip(held, together, spreads, strict=True):
        assert gap_losses([own], LIMITED, ChainRules()) == [losses]
        # A quote lies within a tick of the model price.
        assert max(losses) <= 100.0 * width + 15.0


def test_without_the_limit_nothing_is_computed_or_asked():
    assert gap_losses([put_spread(95.0, 85.0)], RiskRules.unlimited(), FLAT) == [()]
    assert refusals(Exposure("SPY", 900.0), [], 1e5, RiskRules.unlimited()) == []


def test_by_default_one_gap_may_cost_what_all_positions_together_may():
    assert RiskRules().gap.max_loss_pct == RiskRules().max_total_risk_pct
    # Positions that are worth more than they cost have more to lose than their maximum loss.
    dear = Exposure("SPY", 900.0, gap_usd=(10_100.0, 0.0, 0.0))
    assert "MAX_GAP_LOSS" in [check.code for check in refusals(dear, [], 1e5, RiskRules())]
    assert refusals(Exposure("SPY", 900.0), [], 1e5, RiskRules()) == []


def rung(number, limited=LIMITED):
    spread = put_spread(93.0 - number, 83.0 - number, days=21 + number)
    [losses] = gap_losses([spread], limited, FLAT)
    return Exposure("SPY", 950.0, DAY + timedelta(days=21 + number), gap_usd=losses)


def test_a_ladder_is_refused_at_the_rung_with_which_one_gap_costs_too_much():
    rungs = [rung(number) for number in range(12)]
    entered = []
    for entry in rungs:
        if refusals(entry, entered, 100_000.0, LIMITED):
            break
        entered.append(entry)
    fall = sum(own.gap_usd[0] for own in entered)
    [check] = refusals(rungs[len(entered)], entered, 100_000.0, LIMITED)
    assert check.code == "MAX_GAP_LOSS"
    assert check.threshold == 5_000.0
    assert fall <= 5_000.0 < check.value == pytest.approx(fall + rungs[len(entered)].gap_usd[0])
    assert 4 <= len(entered) < 12


def test_what_makes_the_worst_gap_cheaper_is_let_through_and_the_unknown_counts_in_full():
    rungs = [rung(number) for number in range(12)]
    hedge = Exposure("SPY", 300.0, gap_usd=(-900.0, -300.0, 300.0))
    assert refusals(hedge, rungs, 100_000.0, LIMITED) == []
    unknown = [Exposure("SPY", 2_600.0), Exposure("QQQ", 2_600.0)]
    [check] = refusals(unknown[0], unknown[1:], 100_000.0, LIMITED)
    assert check.value == 5_200.0


def test_halves_and_sums_of_exposures_keep_their_gaps():
    whole = rung(0)
    assert whole.scaled(0.5).gap_usd == pytest.approx([loss / 2 for loss in whole.gap_usd])
    assert whole.plus(whole).gap_usd == pytest.approx([2 * loss for loss in whole.gap_usd])
    assert whole.plus(Exposure("SPY", 5.0)).gap_usd == ()


@pytest.mark.parametrize(
    "rules",
    [
        {"max_loss_pct": 0.0},
        {"moves": ()},
        {"moves": (-1.0,)},
        {"vol_rise": -1.0},
        {"vol_rise": float("nan")},
        {"vol_rise": float("inf")},
    ],
)
def test_a_gap_that_cannot_be_is_refused(rules):
    with pytest.raises(ValueError, match=r"gap\."):
        GapRules(**rules)


def test_the_moves_reach_beyond_the_worst_overnight_moves_since_2000(real_market):
    bars, _ = real_market
    overnight = bars.sort("ticker", "date").select(
        "date", "ticker", move=pl.col("open") / pl.col("close").shift(1).over("ticker") - 1.0
    )
    worst, best = overnight["move"].min(), overnight["move"].max()
    assert min(GapRules().moves) == -0.2
    assert any(-0.11 < move < worst for move in GapRules().moves)
    assert worst == pytest.approx(-0.104, abs=0.001)
    assert best == pytest.approx(0.069, abs=0.001)
    assert max(GapRules().moves) > best
