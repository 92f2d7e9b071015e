from dataclasses import replace

import pytest

from options_platform.domain.risk import FreshnessRules, OrderBasis, stale

FRESH = OrderBasis(
    plan_age_sessions=1, data_age_sessions=0, model_age_sessions=20, plan_spot=500.0, spot=505.0,
    quotes=((1.0, 1.1), (0.5, 0.5)),
)  # fmt: skip


def test_an_order_with_fresh_inputs_passes():
    assert stale(FRESH, FreshnessRules()) == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"plan_age_sessions": 2}, "STALE_PLAN"),
        ({"data_age_sessions": 2}, "STALE_DATA"),
        ({"data_age_sessions": None}, "STALE_DATA"),
        ({"model_age_sessions": 46}, "STALE_MODEL"),
        ({"model_age_sessions": None}, "STALE_MODEL"),
        ({"spot": 515.1}, "PRICE_MOVED"),
        ({"spot": 484.9}, "PRICE_MOVED"),
        ({"spot": None}, "PRICE_MOVED"),
        ({"quotes": ((1.2, 1.1),)}, "CROSSED_QUOTE"),
        ({"quotes": ((float("nan"), 1.1),)}, "CROSSED_QUOTE"),
    ],
)
def test_each_stale_input_is_named(change, code):
    assert [check.code for check in stale(replace(FRESH, **change), FreshnessRules())] == [code]
