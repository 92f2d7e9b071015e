import pytest

from options_platform.domain.planning.decision_words import decision_words
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.reasons import REASONS
from options_platform.formats import net_price, usd
from options_platform.testing.plan_rows import one


def test_a_trade_is_told_with_legs_price_and_what_it_may_lose():
    plans, legs = build_plans(one(), PlanRules())
    plan, of_plan = plans.row(0, named=True), legs.sort("leg").to_dicts()
    text = decision_words(plan, of_plan)
    assert text.startswith(f"{plan['contracts']} x {plan['strategy'].replace('_', ' ')} for ")
    assert f"for {net_price(plan['limit_price'])} a share" in text
    for leg in of_plan:
        assert f"{leg['side']} {leg['strike']:g} {leg['right']}" in text
    assert f"Loses at most {usd(plan['max_loss_usd'])}" in text
    # 1/3 + 2/3 of the confidence of 0.55.
    assert f"Predicted {plan['direction']}, 70% likely, where a guess is 33%" in text


@pytest.mark.parametrize("code", [code for code, text in REASONS.items() if "trade:" not in text])
def test_a_refusal_is_told_with_its_meaning_and_its_code(code):
    plan = {"decision": "no_trade", "reasons": [code], "needs": None}
    assert decision_words(plan, []) == f"no trade: {REASONS[code]} ({code})"


def test_what_would_let_a_plan_through_is_told_with_it():
    plan = {"decision": "no_trade", "reasons": ["RISK_BUDGET"], "needs": "an account of 9,000 USD"}
    assert decision_words(plan, []).endswith("; it needs an account of 9,000 USD")
