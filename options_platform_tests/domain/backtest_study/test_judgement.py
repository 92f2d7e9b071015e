from dataclasses import replace

import numpy as np
import pytest

from options_platform.domain.backtest import BacktestRules, make_market
from options_platform.domain.backtest.trade_metrics import TradeMetrics
from options_platform.domain.backtest_study.judgement import judge
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import Variant, VariantScore
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.statistics.curve import sharpe
from options_platform.domain.statistics.overfitting import deflated_best, overfitting_probability
from options_platform.testing.market import START, random_market

NAN = float("nan")
TRADES = TradeMetrics(1, *([NAN] * 11))


@pytest.fixture(scope="module")
def own():
    from datetime import date

    return make_market(*random_market(("AAA",), START, date(2020, 12, 31)))


def scores(own, drifts):
    random = np.random.default_rng(2)
    found = []
    for number, drift in enumerate(drifts):
        returns = random.normal(drift, 0.01, len(own.sessions) - 1)
        equity = 100_000.0 * np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
        variant = Variant(f"v{number}", PlanRules(), replace(BacktestRules(), start_usd=1e5))
        found.append(VariantScore(variant, equity, TRADES))
    return found


def test_the_measures_of_luck_are_those_of_the_returns(own):
    made = scores(own, [0.0, 0.0002, 0.001, -0.0003])
    found = judge(made, own)
    columns = np.stack([excess_returns(score.equity, own) for score in made], axis=1)
    assert found.trials == 4
    assert found.deflated_sharpe == pytest.approx(deflated_best(columns))
    assert found.overfitting_probability == overfitting_probability(columns)
    assert found.table["variant"][0] == "v2"
    assert found.table["sharpe"].is_sorted(descending=True)


def test_every_variant_tried_before_makes_the_best_one_less_certain(own):
    made = scores(own, [0.0, 0.0008])
    earlier = np.random.default_rng(3).normal(0.0, 1.0, 60).tolist()
    alone, after = judge(made, own), judge(made, own, earlier)
    assert after.trials == 62
    assert after.deflated_sharpe < alone.deflated_sharpe


def test_the_walk_forward_choice_is_scored_on_the_years_after_it(own):
    walked = judge(scores(own, [0.0, 0.001]), own).walk_forward
    assert walked.choice.chosen["year"].to_list() == [2018, 2019, 2020]
    assert walked.sharpe.value == pytest.approx(float(sharpe(walked.choice.returns)))
    assert walked.sharpe.low < walked.sharpe.value < walked.sharpe.high
    assert 0.0 < walked.max_drawdown < 1.0


def test_a_single_variant_is_no_choice(own):
    found = judge(scores(own, [0.0005]), own)
    assert found.walk_forward is None
    assert np.isnan(found.overfitting_probability)
