"""Studies: what is chosen, by what, and what the check may not decide."""

from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from options_platform.contracts.rule_sets import HELD, LEFT
from options_platform.contracts.studies import CHECK, CHOICE, WHOLE
from options_platform.domain.backtest import BacktestRules, make_market, run_backtest
from options_platform.domain.backtest.trade_metrics import TradeMetrics
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.study import (
    POLICIES,
    StudyRun,
    judge_study,
    policies_of,
    run_hypothesis,
)
from options_platform.domain.backtest_study.variants import Variant, VariantScore, vary
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.risk.sizing import SizingRules
from options_platform.domain.statistics.curve import sharpe
from options_platform.testing.market import random_market
from options_platform.testing.plan_inputs import plan_inputs

DAYS = np.array(sessions(date(2015, 1, 2), date(2018, 12, 31)), dtype="datetime64[D]")
UNTIL = date(2016, 12, 30)
EARLY = np.datetime64(UNTIL) >= DAYS
NOISE = np.random.default_rng(1).normal(0.0, 0.01, (6, len(DAYS)))


def study_run(hypothesis, variant, returns, policy=LEFT, trades=40, rules=None):
    """A run with these daily excess returns, and as many trades, every second one a winner.

    Its rules are others for each name, if none are given.
    """
    at = np.linspace(0, len(DAYS) - 1, trades).astype(int)
    closed = pl.DataFrame(
        {"closed_on": DAYS[at], "pnl_usd": np.where(np.arange(trades) % 2 == 0, 30.0, -10.0)}
    )
    metrics = TradeMetrics(trades, *[0.5] * 11)
    own_rules = rules or f"{hypothesis} {variant}"
    start_usd = 1e5 + int.from_bytes(own_rules.encode()) % 1_000_003
    (own,) = vary(PlanRules(), BacktestRules(), {"start_usd": [start_usd]})
    own = replace(policies_of(own)[policy], name=variant)
    score = VariantScore(own, np.ones(len(DAYS) + 1), metrics)
    return StudyRun(hypothesis, policy, ("SPY",), score, DAYS, returns, closed)


def both(hypothesis, variant, returns, held=None, **kwargs):
    held = returns if held is None else held
    return [
        study_run(hypothesis, variant, returns, **kwargs),
        study_run(hypothesis, variant, held, HELD, **kwargs),
    ]


def chosen(judged):
    rows = judged.rows.filter(pl.col("chosen") & (pl.col("policy") == LEFT))
    return dict(rows.filter(span=CHOICE).select("hypothesis", "variant").rows())


GOOD, BAD = NOISE[0] + 0.002, NOISE[1] - 0.001
EARLIER = np.random.default_rng(2).normal(0.0, 3.0, 200).tolist()
LATE = np.where(EARLY, BAD, NOISE[1] + 0.01)


def test_the_best_ratio_up_to_the_choice_is_chosen_whatever_comes_later():
    runs = [*both("a", "good", GOOD), *both("a", "late", LATE), *both("b", "bad", BAD)]
    judged = judge_study(runs, UNTIL, 5)
    assert chosen(judged) == {"a": "good", "b": "bad"}
    assert judged.best == "a"
    # Losses after the choice change what the check says, and not what is chosen.
    ruined = [
        replace(run, returns=np.where(EARLY, run.returns, -abs(run.returns)))
        if run.variant == "good"
        else run
        for run in runs
    ]
    later = judge_study(ruined, UNTIL, 5)
    assert chosen(later) == chosen(judged)
    before, after = (
        judge.rows.filter(hypothesis="a", variant="good", policy=LEFT).sort("span")
        for judge in (judged, later)
    )
    same = before["span"] == CHOICE
    shared = ["sharpe", "sharpe_low", "sharpe_high", "trades", "max_drawdown"]
    assert before.filter(same).select(shared).equals(after.filter(same).select(shared))
    assert (
        after.filter(span=CHECK)["sharpe"].item() < 0 < before.filter(span=CHECK)["sharpe"].item()
    )


def test_nothing_is_chosen_by_what_it_earns_held_to_expiry():
    runs = [*both("a", "left", GOOD, held=BAD), *both("a", "held", BAD, held=GOOD + 0.01)]
    judged = judge_study(runs, UNTIL, 5)
    assert chosen(judged) == {"a": "left"}
    held = judged.rows.filter(policy=HELD, span=CHECK, chosen=True)
    assert held["variant"].to_list() == ["left"]


def test_variants_with_too_few_trades_before_the_check_are_not_chosen():
    few = both("a", "few", GOOD, trades=18)
    judged = judge_study([*few, *both("a", "many", BAD)], UNTIL, 10)
    assert chosen(judged) == {"a": "many"}
    none = judge_study(few, UNTIL, 10)
    assert none.best is None
    assert not none.rows["chosen"].any()


def test_of_equal_variants_the_first_is_chosen():
    runs = [*both("a", "first", GOOD), *both("a", "second", GOOD)]
    assert chosen(judge_study(runs, UNTIL, 5)) == {"a": "first"}


def test_figures_of_the_spans_are_those_of_their_sessions():
    rows = judge_study(both("a", "good", GOOD), UNTIL, 5).rows.filter(policy=LEFT)
    at = {row["span"]: row for row in rows.to_dicts()}
    for span, inside in ((CHOICE, EARLY), (CHECK, ~EARLY), (WHOLE, EARLY | ~EARLY)):
        assert at[span]["sessions"] == inside.sum()
        assert at[span]["sharpe"] == pytest.approx(float(sharpe(GOOD[inside])))
        assert at[span]["sharpe_low"] < at[span]["sharpe"] < at[span]["sharpe_high"]
        assert at[span]["volatility_annual"] == pytest.approx(
            np.std(GOOD[inside], ddof=1) * 252**0.5
        )
    assert at[CHOICE]["trades"] + at[CHECK]["trades"] == at[WHOLE]["trades"] == 40
    assert at[WHOLE]["win_rate"] == 0.5
    assert at[WHOLE]["profit_factor"] == pytest.approx(3.0)
    assert at[CHECK]["deflated_sharpe"] is None


def test_a_span_of_less_than_two_blocks_has_no_interval():
    until = DAYS[-100].astype(object)
    rows = judge_study(both("a", "good", GOOD), until, 5).rows.filter(policy=LEFT)
    at = {row["span"]: row for row in rows.to_dicts()}
    assert at[CHECK]["sharpe_low"] is None
    assert at[CHECK]["sharpe"] == pytest.approx(float(sharpe(GOOD[-99:])))
    assert at[CHOICE]["sharpe_low"] < at[CHOICE]["sharpe_high"]


def test_more_trials_make_luck_a_likelier_explanation():
    alone = both("a", "good", GOOD)
    others = [run for n in range(2, 6) for run in both("b", f"other {n}", NOISE[n])]
    judged = [
        judge_study(runs, UNTIL, 5, earlier)
        for runs, earlier in ((alone, ()), ([*alone, *others], ()), ([*alone, *others], EARLIER))
    ]  # fmt: skip
    chances = [
        each.rows.filter(hypothesis="a", policy=LEFT, span=WHOLE)["deflated_sharpe"].item()
        for each in judged
    ]
    assert chances[0] > chances[1] > chances[2] > 0.0
    assert [each.trials for each in judged] == [2, 10, 210]


def test_a_copy_under_another_name_is_no_trial_of_its_own_and_other_tickers_are():
    runs = [*both("a", "good", GOOD, rules="same"), *both("b", "other", NOISE[2])]
    copies = both("c", "good again", GOOD, rules="same")
    elsewhere = [replace(run, tickers=("QQQ",)) for run in copies]
    once, copied, moved = (
        judge_study(tried, UNTIL, 5) for tried in (runs, [*runs, *copies], [*runs, *elsewhere])
    )
    assert (once.trials, copied.trials, moved.trials) == (4, 4, 6)
    deflated = [
        each.rows.filter(hypothesis="a", policy=LEFT, span=CHOICE)["deflated_sharpe"].item()
        for each in (once, copied)
    ]
    assert deflated[0] == deflated[1]
    assert once.overfitting_probability == copied.overfitting_probability
    assert copied.rows.height == 18


def test_trials_made_elsewhere_count_as_well():
    runs = [*both("a", "good", GOOD), *both("b", "other", NOISE[2])]
    here, elsewhere = (judge_study(runs, UNTIL, 5, elsewhere=count) for count in (0, 830))
    chances = [
        each.rows.filter(hypothesis="a", policy=LEFT, span=CHOICE)["deflated_sharpe"].item()
        for each in (here, elsewhere)
    ]
    assert chances[0] > chances[1]
    assert (here.trials, elsewhere.trials) == (4, 834)


@pytest.mark.long
def test_without_skill_the_choice_is_no_better_in_the_check():
    """Over many studies of pure noise the check of the choice is zero on average."""
    random = np.random.default_rng(7)
    checks, choices = [], []
    for _ in range(40):
        noise = random.normal(0.0, 0.01, (4, len(DAYS)))
        runs = [study_run("a", f"v{n}", noise[n]) for n in range(4)]
        rows = judge_study(runs, UNTIL, 5).rows.filter(chosen=True)
        checks.append(rows.filter(span=CHECK)["sharpe"].item())
        choices.append(rows.filter(span=CHOICE)["sharpe"].item())
    error = np.std(checks) / len(checks) ** 0.5
    assert abs(np.mean(checks)) < 3 * error
    assert np.mean(choices) > 3 * error


def test_what_is_said_of_a_model_is_said_once_and_of_the_default_policy():
    runs = [
        replace(run, note=f"scores, {run.policy}")
        for variant in ("a", "b")
        for run in both("loss", variant, GOOD)
    ]
    judged = judge_study([*runs, *both("a", "plain", GOOD)], UNTIL, 5)
    assert judged.notes == [f"scores, {LEFT}"]


def test_each_variant_runs_as_a_backtest_of_its_rules_under_both_policies():
    bars, vix = random_market(("QQQ", "SPY"), date(2016, 1, 4), date(2017, 6, 30))
    inputs, market = plan_inputs(bars, vix), make_market(bars, vix)
    plan = PlanRules(sizing=SizingRules(account_value_usd=1e6))
    variant = Variant("as set", plan, BacktestRules(start_usd=1e6))
    runs = list(run_hypothesis("a", [variant], inputs, market))
    assert [run.policy for run in runs] == [*POLICIES]
    for run, (policy, own) in zip(runs, policies_of(variant).items(), strict=True):
        assert own.rules.expiry.hold_to_expiry == (policy == HELD)
        result = run_backtest(*build_plans(inputs, own.plan), market, own.rules)
        equity = result.equity["equity_usd"].to_numpy()
        assert np.array_equal(run.returns, excess_returns(equity, market))
        assert run.closed.height == result.trades["closed_on"].drop_nulls().len() > 5
        assert len(run.days) == len(run.returns)
