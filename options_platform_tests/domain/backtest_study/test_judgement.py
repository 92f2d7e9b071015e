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
def study_market():
    from datetime import date

    return make_market(*random_market(("AAA",), START, date(2020, 12, 31)))


def scores(study_market, drifts):
    random = np.random.default_rng(2)
    variant_scores = []
    for n, drift in enumerate(drifts):
        returns = random.normal(drift, 0.01, len(study_market.sessions) - 1)
        equity = 100_000.0 * np.cumprod(np.concatenate([[1.0], 1.0 + returns]))
        variant = Variant(f"v{n}", PlanRules(), replace(BacktestRules(), start_usd=1e5 + n))
        variant_scores.append(VariantScore(variant, equity, TRADES))
    return variant_scores


def test_the_luck_measures_are_computed_from_the_excess_returns(study_market):
    made = scores(study_market, [0.0, 0.0002, 0.001, -0.0003])
    judgement = judge(made, study_market)
    columns = np.stack([excess_returns(score.equity, study_market) for score in made], axis=1)
    assert judgement.trials == 4
    assert judgement.deflated_sharpe == pytest.approx(deflated_best(columns))
    assert judgement.overfitting_probability == overfitting_probability(columns)
    assert judgement.table["variant"][0] == "v2"
    assert judgement.table["sharpe"].is_sorted(descending=True)


def test_every_earlier_trial_makes_the_best_variant_less_certain(study_market):
    made = scores(study_market, [0.0, 0.0008])
    earlier = np.random.default_rng(3).normal(0.0, 1.0, 60).tolist()
    alone, after = judge(made, study_market), judge(made, study_market, earlier)
    assert after.trials == 62
    assert after.deflated_sharpe < alone.deflated_sharpe


def test_a_copy_under_another_name_is_no_trial_of_its_own(study_market):
    made = scores(study_market, [0.0, 0.0002, 0.001])
    copy = replace(made[2], variant=replace(made[2].variant, name="again"))
    once, copied = judge(made, study_market), judge([*made, copy], study_market)
    assert (copied.trials, copied.deflated_sharpe) == (once.trials, once.deflated_sharpe)
    assert copied.overfitting_probability == once.overfitting_probability
    assert copied.table["variant"].to_list() == once.table["variant"].to_list()


def test_the_walk_forward_choice_is_scored_on_the_years_after_it(study_market):
    walked = judge(scores(study_market, [0.0, 0.001]), study_market).walk_forward
    assert walked.choice.chosen["year"].to_list() == [2018, 2019, 2020]
    assert walked.sharpe.value == pytest.approx(float(sharpe(walked.choice.returns)))
    assert walked.sharpe.low < walked.sharpe.value < walked.sharpe.high
    assert 0.0 < walked.max_drawdown < 1.0


def test_a_single_variant_is_not_a_choice(study_market):
    judgement = judge(scores(study_market, [0.0005]), study_market)
    assert judgement.walk_forward is None
    assert np.isnan(judgement.overfitting_probability)
