from dataclasses import replace

import pytest

from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    Spent,
    market,
    planned,
    planned_with,
    service,
)


class Withdrawn(Spent):
    """The account of another broker, which reports a smaller equity."""

    def __init__(self, broker, equity_usd):
        super().__init__(broker)
        self.equity_usd = equity_usd

    def account(self):
        return replace(self._broker.account(), equity_usd=self.equity_usd)


def test_an_order_is_cut_to_the_equity_that_the_broker_says_and_stays_so(tmp_path):
    plans, legs = planned(DAYS[0])
    made = service(tmp_path)
    small = replace(made, broker=Withdrawn(made.broker, 40_000.0))
    small.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
    (order,) = made.ledger.orders()
    assert order.status == "submitted"
    share = order.contracts / plans["contracts"][0]
    assert 0 < share < 1
    assert order.max_loss_usd == pytest.approx(plans["max_loss_usd"][0] * share)
    # Done again with another equity the order is the recorded one.
    for equity in (100_000.0, 500.0):
        again = replace(made, broker=Withdrawn(made.broker, equity))
        again.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
        assert made.ledger.orders() == [order]


def test_where_the_equity_takes_no_spread_nothing_is_sent_and_it_says_so(tmp_path):
    plans, legs = planned(DAYS[0])
    made = service(tmp_path)
    poor = replace(made, broker=Withdrawn(made.broker, 500.0))
    poor.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
    (order,) = made.ledger.orders()
    assert (order.status, order.reason) == ("not_sent", "RISK_BUDGET")
    assert made.broker.orders_since(NOW) == []
    # One of its spreads can lose 182.60 USD: 2% of 9,130, rounded up to whole hundreds.
    assert plans["max_loss_usd"][0] / plans["contracts"][0] == pytest.approx(182.6)
    details = made.ledger.table("order_events")["detail"].to_list()
    assert details[-1] == "RISK_BUDGET: needs an equity of 9,200 USD"


def test_limits_are_of_the_equity_that_the_broker_says(tmp_path):
    tight = {"max_trade_risk_pct": 0.015}
    rich = service(tmp_path / "rich", risk=tight, plan={"sizing": {"risk_pct": 0.013}})
    own = planned_with(rich, DAYS[0])
    rich.run_session(DAYS[0], *own, market([250.0]), NOW)
    assert [order.status for order in rich.ledger.orders()] == ["submitted"]
    made = service(tmp_path / "poor", risk=tight, plan={"sizing": {"risk_pct": 0.013}})
    made.run_session(DAYS[0], own[0].clear(), own[1], market([250.0]), NOW)
    checks = replace(made, broker=Withdrawn(made.broker, 20_000.0)).entries.checks
    order = rich.ledger.orders()[0]
    assert "MAX_TRADE_RISK" in checks.rules_broken(order)
    assert "MAX_TRADE_RISK" not in made.entries.checks.rules_broken(order)


def test_an_order_keeps_the_scale_of_its_plans_volatility_target(tmp_path):
    plans, legs = planned(DAYS[0])
    scaled = plans.with_columns(vol_scale=0.4)
    made = service(tmp_path)
    made.run_session(DAYS[0], scaled, legs, market([250.0]), NOW)
    (order,) = made.ledger.orders()
    budget = 0.4 * 0.02 * 100_000.0 * (0.5 + 0.5 * plans["confidence"][0])
    worst = budget / (order.max_loss_usd / order.contracts)
    assert order.contracts == int(worst) < plans["contracts"][0]


def needs(made, **sizing):
    """What `order_events` says of a plan that is refused under these sizing settings."""
    plans, legs = planned(DAYS[0])
    rules = replace(made.settings.plan.sizing, **sizing)
    plan = replace(made.settings.plan, sizing=rules)
    settings = replace(made.settings, plan=plan, account_value_usd=rules.account_value_usd)
    made = replace(made, settings=settings)
    made.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
    return made.ledger.table("order_events")["detail"].to_list()[-1]


@pytest.mark.parametrize(
    ("sizing", "said"),
    [
        ({"max_risk_usd": 181.0}, "max_risk_usd of 183"),
        (
            {"max_risk_usd": 181.0, "account_value_usd": 5_000.0},
            "an equity of 9,200 USD and account_value_usd of 9,200 and max_risk_usd of 183",
        ),
        (
            {"account_value_usd": 9_000.0},
            "an equity of 9,200 USD and account_value_usd of 9,200",
        ),
        (
            {"regime_multiplier": {"low_vol": 0.0}},
            "plan.sizing.regime_multiplier of low_vol above 0",
        ),
    ],
)
def test_a_refusal_names_the_settings_that_limit_what_the_account_may_lose(tmp_path, sizing, said):
    assert needs(service(tmp_path), **sizing) == f"RISK_BUDGET: needs {said}"
