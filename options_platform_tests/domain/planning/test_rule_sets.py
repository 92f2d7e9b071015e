"""The shipped rule sets plan each row by itself: alone as among others, whatever came later."""

import numpy as np
import polars as pl
import pytest

from options_platform.domain.planning.conditions.votes import VOTE_FEATURES
from options_platform.domain.planning.plan import build_plans
from options_platform.settings import make_settings
from options_platform.settings.rule_sets.files import SHIPPED
from options_platform.testing.plan_rows import BATCH

HIGH = BATCH.filter(pl.col("close") > 100.0)
FEATURES = np.random.default_rng(3).uniform(0.0, 1.4, (7, HIGH.height))
ROWS = HIGH.with_columns(
    pl.Series(name, values) for name, values in zip(VOTE_FEATURES[:7], FEATURES, strict=True)
)
NAMES = [
    pytest.param(path.stem, marks=pytest.mark.long if path.stem == "plan" else ())
    for path in sorted(SHIPPED.glob("*.toml"))
]


@pytest.fixture(params=NAMES)
def rules(request, tmp_path):
    return make_settings({"rule_set": request.param, "home": tmp_path}).plan


def test_a_row_is_planned_alone_as_among_others(rules):
    plans, legs = build_plans(ROWS, rules)
    trades = plans.filter(pl.col("decision") == "trade")
    assert trades.height > 20
    for day in (*trades["date"][:3], *trades["date"][-2:], plans["date"][0]):
        alone, own_legs = build_plans(ROWS.filter(pl.col("date") == day), rules)
        assert alone.equals(plans.filter(pl.col("date") == day))
        assert own_legs.equals(legs.filter(pl.col("date") == day))


def test_what_comes_later_changes_no_plan(rules):
    plans, legs = build_plans(ROWS, rules)
    cut = ROWS["date"][ROWS.height // 2]
    early, early_legs = build_plans(ROWS.filter(pl.col("date") <= cut), rules)
    assert early.equals(plans.filter(pl.col("date") <= cut))
    assert early_legs.equals(legs.filter(pl.col("date") <= cut))


def test_the_ladder_trades_once_a_week_by_votes_and_calls_only_while_the_premium_is_thin(tmp_path):
    rules = make_settings({"rule_set": "premium_ladder", "home": tmp_path}).plan
    plans, legs = build_plans(ROWS, rules)
    traded = plans.filter(pl.col("decision") == "trade").join(ROWS, on="date", suffix="_input")
    weeks = traded["date"].dt.truncate("1w")
    assert weeks.n_unique() == len(weeks)
    puts = traded.filter(strategy="bull_put_spread")
    assert puts.height > 10
    assert (puts["votes"] >= 2).all()
    assert puts["dte"].is_between(35, 60).all()
    assert (puts["contracts"] == 1).all()
    sold = legs.filter(
        pl.col("plan_id").is_in(puts["plan_id"].implode()) & (pl.col("side") == "sell")
    )
    assert abs(sold["delta"].abs().median() - 0.05) < 0.01
    calls = traded.filter(strategy="bull_call_spread")
    assert calls.height > 5
    assert ((calls["votes"] < 2) & (calls["vrp_percentile"] < 0.5)).all()
    assert set(traded["strategy"]) == {"bull_put_spread", "bull_call_spread"}
