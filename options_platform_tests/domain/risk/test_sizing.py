from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.risk.sizing import (
    SizingRules,
    account_needed,
    contracts,
    loss_cap,
    risk_budget,
    size_at,
)

RULES = SizingRules()


def size_of_one_trade(loss, multiplier=1.0, confidence=1.0, rules=RULES):
    counts = contracts(np.array([loss]), np.array([multiplier]), np.array([confidence]), rules)
    return int(counts[0])


def seed_plan(account, width, credit, multiplier, confidence):
    """The sizing formula of the specification (section 5.4), literally."""
    risk_amount = account * 0.02 * multiplier * (0.5 + 0.5 * confidence)
    return max(1, min(10, int(risk_amount / ((width - credit) * 100))))


@given(
    account=st.integers(1_000, 1_000_000),
    width=st.integers(1, 20),
    share=st.floats(0.01, 0.99),
    regime=st.sampled_from(REGIMES),
    confidence=st.floats(0, 1),
)
def test_the_size_is_the_original_formula_except_that_one_spread_must_fit_2_percent(
    account, width, share, regime, confidence
):
    multiplier = RULES.regime_multiplier[regime]
    loss = (width - width * share) * 100
    rules = SizingRules(account_value_usd=account)
    wanted = seed_plan(account, width, width * share, multiplier, confidence)
    if wanted == 1 and loss > 0.02 * account:
        wanted = 0
    assert size_of_one_trade(loss, multiplier, confidence, rules) == wanted


# 100,000 USD in high_vol at a confidence of 0.23: the budget is 2,000 x 0.5 x 0.615 = 615 USD.
HIGH_VOL = (0.5, 0.23)


@pytest.mark.parametrize(
    ("loss", "wanted", "needed"),
    [
        (300.0, 2, 15_000.0),
        (791.0, 1, 39_600.0),
        (995.0, 1, 49_800.0),
        (2000.0, 1, 100_000.0),
        (2000.01, 0, 100_100.0),
    ],
)
def test_one_spread_may_exceed_the_budget_of_its_regime_but_not_2_percent(loss, wanted, needed):
    assert size_of_one_trade(loss, *HIGH_VOL) == wanted
    assert account_of_one_spread(loss, *HIGH_VOL) == needed


def test_the_cap_in_dollars_holds_for_a_single_spread_too():
    capped = SizingRules(max_risk_usd=700.0)
    assert size_of_one_trade(791.0, *HIGH_VOL, capped) == 0
    assert size_of_one_trade(700.0, *HIGH_VOL, capped) == 1


@pytest.mark.parametrize(("loss", "wanted", "needed"), [(465.0, 0, 23_300.0), (198.0, 1, 9_900.0)])
def test_a_small_account_takes_one_spread_within_2_percent(loss, wanted, needed):
    small = SizingRules(account_value_usd=10_000.0)
    assert size_of_one_trade(loss, 1.0, 0.2, small) == wanted
    assert account_of_one_spread(loss, 1.0, 0.2, small) == needed


def test_without_the_single_spread_the_budget_rounds_down_to_none():
    rules = SizingRules(at_least_one=False)
    assert size_of_one_trade(791.0, *HIGH_VOL, rules) == 0
    # 791 / (0.02 x 0.5 x 0.615) = 128,617.9
    assert account_of_one_spread(791.0, *HIGH_VOL, rules) == 128_700.0
    assert size_of_one_trade(615.0, *HIGH_VOL, rules) == 1


def test_a_multiplier_of_zero_switches_a_regime_off_for_every_account():
    off = {"high_vol": 0.0}
    rules = SizingRules(regime_multiplier=RULES.regime_multiplier | off)
    assert size_of_one_trade(5.0, 0.0, 1.0, rules) == 0
    assert account_of_one_spread(5.0, 0.0, 1.0, rules) == np.inf
    assert size_at(50_000.0, 1, 5.0, "high_vol", 1.0, rules).contracts == 0


def account_of_one_spread(loss, multiplier, confidence, rules=RULES):
    scales = np.array([multiplier]), np.array([confidence])
    return float(account_needed(np.array([loss]), *scales, rules)[0])


@given(
    loss=st.floats(1, 1e5),
    multiplier=st.floats(0.1, 2),
    confidence=st.floats(0, 1),
    at_least_one=st.booleans(),
)
def test_the_account_that_is_named_takes_one_spread_and_100_less_than_it_none(
    loss, multiplier, confidence, at_least_one
):
    rules = SizingRules(at_least_one=at_least_one)
    needed = account_of_one_spread(loss, multiplier, confidence, rules)
    enough = replace(rules, account_value_usd=needed + 0.01)
    assert size_of_one_trade(loss, multiplier, confidence, enough) >= 1
    if needed > 100.0:
        too_small = replace(rules, account_value_usd=needed - 100.01)
        assert size_of_one_trade(loss, multiplier, confidence, too_small) == 0


@given(multiplier=st.floats(1, 50), confidence=st.floats(0, 1), loss=st.floats(10, 3000))
def test_a_multiplier_above_one_never_risks_more_than_2_percent(multiplier, confidence, loss):
    assert size_of_one_trade(loss, multiplier, confidence) * loss <= 2000.0 * (1 + 1e-8)
    assert size_of_one_trade(2001.0, multiplier, confidence) == 0
    assert account_of_one_spread(2001.0, multiplier, confidence) == 100_100.0


@pytest.mark.parametrize("loss", [22.000000000000004, 200.00000000000003, 1999.9999999999998])
@pytest.mark.parametrize("at_least_one", [True, False])
def test_the_account_that_is_named_takes_a_loss_with_the_noise_of_a_sum(loss, at_least_one):
    rules = SizingRules(at_least_one=at_least_one)
    needed = account_of_one_spread(loss, 1.0, 1.0, rules)
    assert needed == 50.0 * round(loss)
    assert size_of_one_trade(loss, 1.0, 1.0, replace(rules, account_value_usd=needed)) == 1


@given(cents=st.integers(100, 200_000), regime=st.sampled_from(REGIMES), confidence=st.floats(0, 1))
def test_exactly_the_account_that_is_named_takes_one_spread(cents, regime, confidence):
    for at_least_one in (True, False):
        rules = SizingRules(at_least_one=at_least_one)
        scales = rules.regime_multiplier[regime], confidence
        loss = cents / 100 + 2.6 + 0.02
        named = replace(rules, account_value_usd=account_of_one_spread(loss, *scales, rules))
        assert size_of_one_trade(loss, *scales, named) >= 1


def test_the_regime_multipliers_are_the_specified_ones():
    wanted = {"low_vol": 1, "high_vol": 0.5, "iv_contraction": 1, "iv_expansion": 0.75}
    assert RULES.regime_multiplier == {**wanted, "neutral": 0.75}


@pytest.mark.parametrize(
    ("loss", "multiplier", "confidence", "wanted"),
    [
        (2000.0, 1.0, 1.0, 1),  # 2% of 100,000
        (2000.01, 1.0, 1.0, 0),
        (400.0, 1.0, 1.0, 5),
        (400.0, 0.5, 1.0, 2),  # half size in high volatility
        (400.0, 1.0, 0.0, 2),  # zero confidence risks half
        (1.0, 1.0, 1.0, 10),  # never more than ten
    ],
)
def test_sizes_worked_by_hand(loss, multiplier, confidence, wanted):
    assert size_of_one_trade(loss, multiplier, confidence) == wanted


@given(
    loss=st.floats(1, 1e5),
    multiplier=st.floats(0.1, 2),
    confidence=st.floats(0, 1),
    cap=st.floats(1, 1e4),
)
def test_the_loss_of_the_whole_position_fits_the_budget_and_the_cap(
    loss, multiplier, confidence, cap
):
    rules = SizingRules(max_risk_usd=cap)
    count = size_of_one_trade(loss, multiplier, confidence, rules)
    assert 0 <= count <= 10
    budget = 2000 * min(multiplier * (0.5 + 0.5 * confidence), 1.0)
    single = 2000.0 if count == 1 else 0.0
    assert count * loss <= min(cap, max(budget, single)) * (1 + 1e-8)
    assert count <= size_of_one_trade(loss, multiplier, confidence)
    down = replace(rules, at_least_one=False)
    rounded_down = size_of_one_trade(loss, multiplier, confidence, down)
    assert rounded_down * loss <= min(cap, budget) * (1 + 1e-8)
    assert count == rounded_down or (count, rounded_down) == (1, 0)


def at(equity, planned=5, loss=2000.0, confidence=1.0, regime="low_vol", rules=RULES):
    return size_at(equity, planned, loss, regime, confidence, rules)


def test_at_or_above_the_configured_account_value_a_plan_is_unchanged():
    assert at(100_000.0).contracts == at(1e9).contracts == 5
    # A plan that was made by looser rules is held to the present ones.
    assert at(200_000.0, planned=9, loss=9 * 3000.0).contracts == 0


def test_below_the_configured_account_value_a_plan_is_reduced_possibly_to_zero():
    # 400 USD a spread: 2% of 60,000 allow three spreads, 2% of 19,999 none.
    assert at(60_000.0).contracts == 3
    assert at(20_000.0).contracts == 1
    least = at(19_999.0)
    assert (least.contracts, least.loss_usd) == (0, 400.0)
    assert least.budget_usd == pytest.approx(399.98)
    assert at(0.0).contracts == at(-5.0).contracts == 0


@given(
    equity=st.floats(1, 2e5),
    planned=st.integers(1, 10),
    loss=st.floats(10, 5000),
    regime=st.sampled_from(REGIMES),
    confidence=st.floats(0, 1),
)
def test_less_equity_never_trades_more_and_never_more_than_planned(
    equity, planned, loss, regime, confidence
):
    here, below = (at(e, planned, loss, confidence, regime).contracts for e in (equity, equity / 2))
    assert below <= here <= planned


SMALL = SizingRules(account_value_usd=10_000.0)


def test_an_entry_is_sized_at_the_worst_price_that_it_may_fill_at():
    # Planned at a loss of 198.60 USD, filled 112 USD worse: 3.1% of 10,000 USD.
    assert at(1e5, 1, 198.6, rules=SMALL).contracts == 1
    refused = size_at(1e5, 1, 198.6, "low_vol", 1.0, SMALL, 112.0)
    assert (refused.contracts, refused.loss_usd, refused.budget_usd) == (0, 310.6, 200.0)
    # Five of 400 USD are 2,000; at 440 they are 2,200, and four fit.
    assert size_at(1e6, 5, 2000.0, "low_vol", 1.0, RULES, 40.0).contracts == 4


def test_an_entry_that_stops_at_the_cap_takes_one_spread_that_fits_at_its_planned_price():
    def stopping(loss, rules=SMALL):
        return size_at(1e5, 1, loss, "low_vol", 1.0, rules, 10.0, stops_at_cap=True).contracts

    assert stopping(198.6) == stopping(180.0) == 1
    assert stopping(200.01) == 0
    assert stopping(198.6, replace(SMALL, at_least_one=False)) == 0


def test_the_cap_is_2_percent_of_the_smaller_of_account_value_and_equity():
    assert loss_cap(1e6, SMALL) == 200.0
    assert loss_cap(7_900.0, SMALL) == pytest.approx(158.0)
    assert loss_cap(1e6, replace(SMALL, max_risk_usd=120.0)) == 120.0
    assert loss_cap(0.0, SMALL) == loss_cap(-5.0, SMALL) == 0.0


@given(
    equity=st.floats(1, 2e5),
    planned=st.integers(1, 10),
    loss=st.floats(10, 5000),
    regime=st.sampled_from(REGIMES),
    confidence=st.floats(0, 1),
    concession=st.floats(0, 500),
    stops_at_cap=st.booleans(),
)
def test_no_entry_can_lose_more_than_the_cap_at_the_price_that_it_was_sized_at(
    equity, planned, loss, regime, confidence, concession, stops_at_cap
):
    size = size_at(
        equity, planned, planned * loss, regime, confidence, RULES, concession,
        stops_at_cap=stops_at_cap,
    )  # fmt: skip
    assert size.contracts <= planned
    assert size.contracts * size.loss_usd <= loss_cap(equity, RULES) * (1 + 1e-8)


BY_VOTES = replace(RULES, by_votes={2: 0.5, 3: 1.0}, at_least_one=False)


def test_votes_scale_the_budget_in_place_of_the_confidence():
    one = np.ones(5)
    votes = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    shares = risk_budget(one, 0.2 * one, BY_VOTES, votes) / risk_budget(one, one, BY_VOTES)
    # Where none were asked the confidence counts: 0.5 + 0.5 x 0.2.
    assert shares == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.6])
    assert risk_budget(one, 0.2 * one, RULES, votes) == pytest.approx(
        risk_budget(one, 0.2 * one, RULES)
    )


@given(st.integers(0, 5), st.floats(0.0, 1.0), st.floats(50.0, 5000.0))
def test_votes_never_trade_more_than_the_whole_budget(votes, confidence, loss):
    held = np.array([float(votes)])
    count = contracts(np.array([loss]), np.ones(1), np.array([confidence]), BY_VOTES, held)
    assert count[0] * loss <= 0.02 * BY_VOTES.account_value_usd * (1.0 + 1e-6)


def test_at_entry_a_plan_keeps_the_size_of_its_votes():
    equity = BY_VOTES.account_value_usd
    loss = 0.001 * equity
    assert size_at(equity, 10, 10 * loss, "low_vol", 1.0, BY_VOTES, votes=2).contracts == 10
    assert size_at(equity / 2, 10, 10 * loss, "low_vol", 1.0, BY_VOTES, votes=2).contracts == 5
    assert size_at(equity / 2, 10, 10 * loss, "low_vol", 1.0, BY_VOTES, votes=3).contracts == 10
    assert size_at(equity, 10, 10 * loss, "low_vol", 1.0, BY_VOTES, votes=1).contracts == 0


def test_the_account_that_votes_need_takes_one_spread_or_there_is_none():
    loss, confidence = np.array([700.0, 700.0]), np.ones(2)
    needed = account_needed(loss, np.ones(2), confidence, BY_VOTES, np.array([2.0, 1.0]))
    assert needed.tolist() == [70_000.0, np.inf]
