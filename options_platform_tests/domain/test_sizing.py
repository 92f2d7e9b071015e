import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.regime_names import REGIMES
from options_platform.domain.sizing import SizingRules, contracts

RULES = SizingRules()


def one(loss, multiplier=1.0, confidence=1.0, rules=RULES):
    found = contracts(np.array([loss]), np.array([multiplier]), np.array([confidence]), rules)
    return int(found[0])


def seed_plan(account, width, credit, multiplier, confidence):
    """The seed plan's section 5.4, to the letter."""
    risk_amount = account * 0.02 * multiplier * (0.5 + 0.5 * confidence)
    return max(1, min(10, int(risk_amount / ((width - credit) * 100))))


@given(
    account=st.integers(1_000, 1_000_000),
    width=st.integers(1, 20),
    share=st.floats(0.01, 0.99),
    regime=st.sampled_from(REGIMES),
    confidence=st.floats(0, 1),
)
def test_with_its_floor_of_one_it_is_the_seed_plans_formula(
    account, width, share, regime, confidence
):
    multiplier = RULES.regime_multiplier[regime]
    loss = (width - width * share) * 100
    rules = SizingRules(account_value_usd=account, allow_min_one=True)
    wanted = seed_plan(account, width, width * share, multiplier, confidence)
    assert one(loss, multiplier, confidence, rules) == wanted


def test_multipliers_are_the_seed_plans():
    wanted = {"low_vol": 1, "high_vol": 0.5, "iv_contraction": 1, "iv_expansion": 0.75}
    assert RULES.regime_multiplier == {**wanted, "neutral": 0.75}


@pytest.mark.parametrize(
    ("loss", "multiplier", "confidence", "wanted"),
    [
        (2000.0, 1.0, 1.0, 1),  # 2% of 100,000
        (2000.01, 1.0, 1.0, 0),
        (400.0, 1.0, 1.0, 5),
        (400.0, 0.5, 1.0, 2),  # half size in high volatility
        (400.0, 1.0, 0.0, 2),  # a guess risks half
        (1.0, 1.0, 1.0, 10),  # never more than ten
    ],
)
def test_sizes_worked_by_hand(loss, multiplier, confidence, wanted):
    assert one(loss, multiplier, confidence) == wanted


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
    count = one(loss, multiplier, confidence, rules)
    assert 0 <= count <= 10
    assert count * loss <= min(cap, 2000 * multiplier * (0.5 + 0.5 * confidence)) * (1 + 1e-12)
    assert count <= one(loss, multiplier, confidence)
