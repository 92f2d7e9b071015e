"""Wings by delta, beside those by width; days to expiry up to 60 without the rank's shift."""

import polars as pl
import pytest

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.liquidity import LiquidityRules
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.strategies import STRATEGIES
from options_platform.testing.plan_rows import BATCH
from options_platform_tests.domain.planning.test_leg_quotes import chains

SOME = BATCH.filter(pl.col("close") > 100.0).head(60)
SHORT, WING = 0.20, 0.06


def everywhere(value):
    return dict.fromkeys(REGIMES, value)


def rules(strategy="bull_put_spread", mode="delta", **changes):
    return PlanRules(
        selection=SelectionRules(strategy=strategy, veto_credit_above=1.0, veto_debit_below=-1.0),
        strikes=StrikeRules(
            long_delta=everywhere(SHORT),
            short_delta=everywhere(SHORT),
            wing_delta=everywhere(WING),
            width_mode=mode,
            **changes,
        ),
        sizing=SizingRules(account_value_usd=1e7),
        liquidity=LiquidityRules(min_bid_usd=0.0, max_width_share=50.0),
    )


def traded_legs(made_rules, chain_of=None, rows=SOME):
    plans, legs = build_plans(rows, made_rules, chain_of)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades.height > 0.5 * rows.height
    return legs


WINGED = [name for name, own in STRATEGIES.items() if own.winged and own.one_expiry]


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("strategy", WINGED)
def test_the_wing_has_the_listed_delta_nearest_to_what_is_asked_beyond_its_anchor(strategy, real):
    made = rules(strategy)
    chain_of = chains(SOME, made) if real else None
    legs = traded_legs(made, chain_of)
    for _, spread in legs.group_by("plan_id", "right"):
        anchor, wing = spread.sort(pl.col("delta").abs(), descending=True).iter_rows(named=True)
        outwards = 1.0 if wing["right"] == "call" else -1.0
        assert outwards * (wing["strike"] - anchor["strike"]) > 0
    # Listed strikes lie apart, so that a single one may miss it by more than the mean does.
    wings = legs.filter(pl.col("leg").is_in(wing_numbers(strategy)))["delta"].abs()
    assert abs(wings.median() - WING) < 0.01


def wing_numbers(strategy):
    return [n for n, leg in enumerate(STRATEGIES[strategy].legs, start=1) if leg.role == "wing"]


def test_a_row_has_the_same_wings_alone_as_among_others():
    plans, legs = build_plans(SOME, rules())
    for n in range(0, SOME.height, 7):
        alone, alone_legs = build_plans(SOME[n : n + 1], rules())
        assert alone.equals(plans[n : n + 1])
        assert alone_legs.equals(legs.filter(pl.col("plan_id").is_in(alone["plan_id"].implode())))


def test_a_wing_next_to_its_anchor_is_at_least_one_strike_away():
    near = rules()
    strikes = StrikeRules(
        short_delta=everywhere(0.2001), long_delta=everywhere(0.2001),
        wing_delta=everywhere(0.2), width_mode="delta",
    )  # fmt: skip
    made = PlanRules(near.selection, strikes, near.sizing, liquidity=near.liquidity)
    for chain_of in (None, chains(SOME, made)):
        plans, legs = build_plans(SOME, made, chain_of)
        assert legs.height > 0
        apart = legs.group_by("plan_id").agg(pl.col("strike").max() - pl.col("strike").min())
        assert apart["strike"].min() >= 0.5
        assert plans["width"].drop_nulls().min() >= 0.5


def test_a_wing_delta_that_lies_inside_the_anchor_is_refused():
    with pytest.raises(ValueError, match="below long_delta and short_delta"):
        StrikeRules(width_mode="delta", wing_delta=everywhere(0.2))
    with pytest.raises(ValueError, match="absolute deltas, between 0 and 1"):
        StrikeRules(wing_delta=everywhere(0.0))
    assert StrikeRules(wing_delta=everywhere(0.2)).width_mode == "fixed"


def test_widths_do_not_move_with_the_setting_for_wings():
    fixed, legs = build_plans(BATCH, PlanRules())
    other = PlanRules(strikes=StrikeRules(wing_delta=everywhere(0.03)))
    moved, moved_legs = build_plans(BATCH, other)
    assert moved.equals(fixed)
    assert moved_legs.equals(legs)


def test_expiries_of_60_days_need_no_more_than_settings():
    selection = SelectionRules(
        strategy="bull_put_spread", veto_credit_above=1.0,
        base_dte=everywhere(60), dte_shift=0, max_dte=67,
    )  # fmt: skip
    plans, _ = build_plans(BATCH, PlanRules(selection=selection, sizing=SizingRules(1e7)))
    assert plans["target_dte"].unique().to_list() == [60]
    dte = plans["dte"].drop_nulls()
    # Weeklies of 60 days were not listed yet, so that monthly ones are the nearest.
    assert 60 - 25 <= dte.min() < 60 < dte.max() <= 67
    assert dte.median() > 50
    by_default, _ = build_plans(BATCH, PlanRules())
    assert by_default["dte"].max() <= 45
