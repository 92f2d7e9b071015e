from datetime import date

import numpy as np
import pytest

from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.backtest_study.variants import (
    choose_walk_forward,
    fill_band,
    run_variants,
    vary,
)
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.errors import UsageError
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs

PLAN, RULES = PlanRules(), BacktestRules()


def test_every_combination_appears_once_and_is_named_by_what_it_varies():
    variants = vary(
        PLAN, RULES, {"exits.credit_stop": [1.0, 2.0], "plan.sizing.risk_pct": [0.01, 0.02, 0.03]}
    )
    assert len({variant.name for variant in variants}) == 6
    assert variants[1].name == "exits.credit_stop=1.0, plan.sizing.risk_pct=0.02"
    assert (variants[1].rules.exits.credit_stop, variants[1].plan.sizing.risk_pct) == (1.0, 0.02)
    assert variants[0].rules.risk == RULES.risk
    by_regime = vary(PLAN, RULES, {"plan.strikes.short_delta.high_vol": [0.1]})[0]
    assert by_regime.plan.strikes.short_delta["high_vol"] == 0.1
    assert by_regime.plan.strikes.short_delta["low_vol"] == 0.3


def test_plan_and_backtest_use_the_same_chain_rules():
    wide = vary(PLAN, RULES, {"plan.chain.width_scale": [3.0]})[0]
    assert wide.plan.chain == wide.rules.chain
    assert wide.rules.chain.width_scale == 3.0
    stressed = vary(PLAN, RULES, {"chain.width_scale": [3.0]})[0]
    assert stressed.plan == PLAN
    assert stressed.rules.chain.width_scale == 3.0


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("exits.credit_stopp", "did you mean exits.credit_stop"),
        ("plan.sizing.risk", "did you mean plan.sizing.risk_pct"),
        ("nothing", "known are start_usd"),
        ("start_usd.more", "no setting start_usd.more"),
    ],
)
def test_an_unknown_setting_names_the_nearest_one(key, message):
    with pytest.raises(UsageError, match=message):
        vary(PLAN, RULES, {key: [1.0]})


def test_an_out_of_range_value_is_refused_as_in_the_settings():
    with pytest.raises(ValueError, match="must be one of mid, default, worst"):
        vary(PLAN, RULES, {"fills.model": ["best"]})


def test_a_variant_gives_the_same_result_as_when_run_alone():
    bars, vix = random_market(("QQQ", "SPY"), date(2015, 1, 2), date(2016, 12, 30))
    inputs, market = plan_inputs(bars, vix), make_market(bars, vix)
    for variant, result in run_variants(fill_band(PLAN, RULES), inputs, market):
        alone = run_backtest(*build_plans(inputs, variant.plan), market, variant.rules)
        assert result.equity.equals(alone.equity)
        assert result.trades.height >= 5


DAYS = sessions(date(2015, 1, 2), date(2020, 12, 31))


def test_the_choice_for_a_year_uses_only_earlier_years():
    random = np.random.default_rng(1)
    early = np.array([day.year <= 2018 for day in DAYS])
    noise = random.normal(0, 0.01, len(DAYS))
    # One variant is profitable until 2018, the other from 2019 on.
    returns = {
        "early": noise + np.where(early, 0.003, -0.003),
        "late": noise + np.where(early, -0.003, 0.003),
    }
    walked = choose_walk_forward(DAYS, returns)
    assert walked.chosen["year"].to_list() == [2018, 2019, 2020]
    assert walked.chosen["variant"].to_list() == ["early", "early", "early"]
    assert walked.trials == 2
    assert len(walked.returns) == len(walked.sessions) == sum(day.year >= 2018 for day in DAYS)
    last = np.array([day.year == 2019 for day in walked.sessions])
    assert walked.returns[last].mean() < 0
    # Later data change no earlier choice.
    cut = sum(day.year <= 2019 for day in DAYS)
    short = choose_walk_forward(DAYS[:cut], {n: r[:cut] for n, r in returns.items()})
    assert short.chosen.equals(walked.chosen[:2])


def test_a_warm_up_as_long_as_the_data_is_refused():
    with pytest.raises(UsageError, match="leave nothing to score"):
        choose_walk_forward(DAYS[:300], {"a": np.zeros(300)})
