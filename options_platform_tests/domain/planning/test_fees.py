from dataclasses import replace

import polars as pl
import pytest

from options_platform.domain.planning.fees import fee_shares
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.trading.costs import CostRules
from options_platform.testing.plan_rows import BATCH, one


def test_a_debit_pays_its_four_fees_of_what_the_width_leaves():
    trades, _ = build_plans(one(), PlanRules())
    gain = 100 * (trades["width"] - trades["limit_price"]).item()
    assert fee_shares(trades, CostRules()).to_list() == [pytest.approx(2.60 / gain)]
    dear = CostRules(fee_per_contract_usd=0.0, changes={"2015-01-01": 1.0})
    trades, _ = build_plans(one(), replace(PlanRules(), costs=dear))
    assert fee_shares(trades, dear).to_list() == [pytest.approx(4.0 / gain)]


def test_each_strategy_pays_for_its_own_legs_whatever_trades_beside_it():
    plans, _ = build_plans(BATCH, PlanRules())
    trades = plans.filter(pl.col("decision") == "trade")
    shares = fee_shares(trades, CostRules())
    per_spread = trades["max_profit_usd"] / trades["contracts"]
    legs = pl.Series([4.0 if name == "iron_condor" else 2.0 for name in trades["strategy"]])
    fees = 2 * 0.65 * legs
    assert (shares - fees / (per_spread + fees)).abs().max() < 1e-12
    assert set(trades["strategy"]) >= {"iron_condor", "bull_put_spread"}


def test_no_trades_have_no_shares():
    none = build_plans(one(), PlanRules())[0].clear()
    assert fee_shares(none, CostRules()).to_list() == []
