"""The gap limit in a backtest: computed as live, and asked of entries."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.domain.backtest import engine, run_backtest
from options_platform.domain.backtest.gap_losses import GapLosses
from options_platform.domain.backtest.legs import is_bounded, trade_legs
from options_platform.domain.backtest.paths import trade_paths
from options_platform.domain.risk import GapRules
from options_platform.domain.trading.exposures import DatedClose
from options_platform.domain.trading.fill_prices import MarketClose
from options_platform.domain.trading.gaps import HeldSpreads, gap_losses
from options_platform.domain.trading.orders import OrderLeg
from options_platform_tests.domain.backtest.small import DAYS, FREE, NO_LIMITS, market, plan

EXPIRY = date(2024, 3, 15)
CLOSES = [100.0 + 0.1 * n for n in range(len(DAYS))]


def ladder(rungs):
    made = [
        plan(
            DAYS[n],
            (("sell", "put", 95.0 - n, EXPIRY), ("buy", "put", 85.0 - n, EXPIRY)),
            price=-0.8, loss=9.2, profit=0.8, contracts=2, number=n,
        )
        for n in range(rungs)
    ]  # fmt: skip
    return tuple(pl.concat(frames) for frames in zip(*made, strict=True))


def with_gap(limit):
    risk = replace(NO_LIMITS, gap=GapRules(max_loss_pct=limit))
    return replace(FREE, start_usd=100_000.0, risk=risk)


def test_a_ladder_stops_at_the_rung_beyond_the_limit_and_not_without_one():
    plans, legs = ladder(8)
    result = run_backtest(plans, legs, market({"SPY": CLOSES}), with_gap(0.05))
    codes = result.refusals["rule"].unique().to_list()
    assert codes == ["MAX_GAP_LOSS"]
    assert result.refusals["threshold"][0] == pytest.approx(5_000.0, rel=0.05)
    assert 2 <= result.trades.height < 8
    free = run_backtest(plans, legs, market({"SPY": CLOSES}), with_gap(None))
    assert free.trades.height == 8
    assert free.refusals.is_empty()
    wide = run_backtest(plans, legs, market({"SPY": CLOSES}), with_gap(10.0))
    assert wide.trades.equals(free.trades)


def test_a_measured_beta_weights_a_stocks_gap_unless_one_is_set():
    """The rungs of a calm stock lose less in a gap of the market, so more of them fit."""
    plans, legs = ladder(8)
    measured = pl.DataFrame({"date": [DAYS[0]], "ticker": ["SPY"], "beta": [0.2]})
    calm = market({"SPY": CLOSES}).with_betas(measured)
    plain = run_backtest(plans, legs, market({"SPY": CLOSES}), with_gap(0.05)).trades.height
    assert run_backtest(plans, legs, calm, with_gap(0.05)).trades.height > plain
    rules = with_gap(0.05)
    set_one = replace(rules, risk=replace(rules.risk, betas={"SPY": 1.0}))
    assert run_backtest(plans, legs, calm, set_one).trades.height == plain


@pytest.mark.parametrize("limit", [0.01, 0.04, 0.08, 0.12])
def test_moves_are_not_priced_far_below_the_limit_and_the_outcome_is_the_same(limit, monkeypatch):
    plans, legs = ladder(8)
    closes = [100.0 + 4.0 * np.sin(n / 3) for n in range(len(DAYS))]
    quick = run_backtest(plans, legs, market({"SPY": closes}), with_gap(limit))
    monkeypatch.setattr(engine, "FAR_BELOW", -math.inf)
    exact = run_backtest(plans, legs, market({"SPY": closes}), with_gap(limit))
    assert quick.trades.equals(exact.trades)
    assert quick.refusals.equals(exact.refusals)


def test_only_what_can_lose_no_more_than_it_states_is_bounded():
    later = date(2024, 4, 19)
    shapes = {
        "vertical": (("sell", "put", 95.0, EXPIRY), ("buy", "put", 85.0, EXPIRY)),
        "naked put": (("sell", "put", 95.0, EXPIRY),),
        "calendar": (("sell", "call", 95.0, EXPIRY), ("buy", "call", 95.0, later)),
        "wrong right": (("sell", "put", 95.0, EXPIRY), ("buy", "call", 105.0, EXPIRY)),
        "long": (("buy", "call", 95.0, EXPIRY), ("buy", "put", 95.0, EXPIRY)),
    }
    plans, legs = zip(*(plan(DAYS[0], shape, price=1.0, loss=1.0, profit=1.0, number=n)
                        for n, shape in enumerate(shapes.values())), strict=True)  # fmt: skip
    bounded = is_bounded(trade_legs(pl.concat(plans), pl.concat(legs)))
    assert dict(zip(shapes, bounded.tolist(), strict=True)) == {
        "vertical": True, "naked put": False, "calendar": False, "wrong right": False, "long": True,
    }  # fmt: skip


def test_a_backtest_and_live_checks_see_the_same_losses():
    plans, legs = ladder(2)
    # The last session has no bar: the close before it counts.
    closes = [*CLOSES[:9], None]
    data, rules = market({"SPY": closes}), with_gap(0.05)
    paths = trade_paths(plans, legs, data, rules)
    own = GapLosses(["SPY", "SPY"], [[]] * len(DAYS), paths, data, rules).after(9, {0: 12}, [1])
    at = DatedClose(DAYS[8], MarketClose(CLOSES[8], 0.2, ticker="SPY"))
    for trade in (0, 1):
        spread = (
            OrderLeg("sell", "put", 95.0 - trade, EXPIRY),
            OrderLeg("buy", "put", 85.0 - trade, EXPIRY),
        )
        live = gap_losses([HeldSpreads("SPY", spread, 1, at)], rules.risk, rules.chain)
        assert [own[trade]] == live
