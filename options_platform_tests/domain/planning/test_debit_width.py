"""A width of debit spreads of its own, beside that of credit spreads."""

import polars as pl
import pytest

from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.domain.planning.strike_settings import StrikeRules
from options_platform.domain.risk.sizing import SizingRules
from options_platform.testing.plan_rows import BATCH

RICH = SizingRules(account_value_usd=1e7)


def planned(strategy, strikes, rows=BATCH, sizing=RICH):
    selection = SelectionRules(strategy=strategy, veto_credit_above=1.0, veto_debit_below=-1.0)
    return build_plans(rows, PlanRules(selection, strikes, sizing))


def test_debit_spreads_are_as_wide_as_by_expected_moves_and_credit_spreads_as_before():
    own = StrikeRules(debit_width_moves=0.8)
    debit, _ = planned("bull_call_spread", own)
    by_moves, _ = planned(
        "bull_call_spread", StrikeRules(width_mode="expected_move", width_moves=0.8)
    )
    assert debit.equals(by_moves)
    assert debit["width"].drop_nulls().n_unique() > 20
    credit, _ = planned("bull_put_spread", own)
    assert credit.equals(planned("bull_put_spread", StrikeRules())[0])


def test_a_debit_spread_of_a_width_of_its_own_is_not_narrowed_to_fit():
    small = SizingRules(account_value_usd=10_000.0)
    plans, _ = planned("bull_call_spread", StrikeRules(debit_width_moves=0.8), sizing=small)
    assert not plans["reasons"].list.contains("NARROWED").any()
    assert plans.filter(pl.col("reasons").list.contains("RISK_BUDGET")).height > 10
    # At a fixed width, which has none of its own, the same account narrows some.
    fixed, _ = planned("bull_call_spread", StrikeRules(), sizing=small)
    assert fixed["reasons"].list.contains("NARROWED").any()


@pytest.mark.parametrize("moves", [0.0, -1.0, float("inf"), float("nan")])
def test_a_width_that_is_no_positive_number_is_refused(moves):
    with pytest.raises(ValueError, match="debit_width_moves"):
        StrikeRules(debit_width_moves=moves)
