import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.risk.sizing import SizingRules, contracts, size_at

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
def test_with_a_minimum_of_one_the_size_equals_the_original_formula(
    account, width, share, regime, confidence
):
    multiplier = RULES.regime_multiplier[regime]
    loss = (width - width * share) * 100
    rules = SizingRules(account_value_usd=account, allow_min_one=True)
    wanted = seed_plan(account, width, width * share, multiplier, confidence)
    assert size_of_one_trade(loss, multiplier, confidence, rules) == wanted


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
    assert count * loss <= min(cap, 2000 * multiplier * (0.5 + 0.5 * confidence)) * (1 + 1e-12)
    assert count <= size_of_one_trade(loss, multiplier, confidence)


def at(equity, planned=5, loss=2000.0, confidence=1.0, regime="low_vol", rules=RULES):
    return size_at(equity, planned, loss, regime, confidence, rules)


def test_at_or_above_the_configured_account_value_a_plan_is_unchanged():
    assert at(100_000.0).contracts == at(1e9).contracts == 5
    assert at(200_000.0, planned=9, loss=9 * 3000.0).contracts == 9


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
