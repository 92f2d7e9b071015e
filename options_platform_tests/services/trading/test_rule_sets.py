"""Trading by a rule set: plan, order and position name it, and no session is entered by two."""

import pytest

from options_platform.services.planning.plan_tables import order_rows
from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    planned_with,
    service,
)

CLOSES = [250.0, 249.5, 249.5, 249.5]


@pytest.fixture
def home(tmp_path):
    """A home with two sets of its own, which plan as the default does."""
    folder = tmp_path / "rule_sets"
    folder.mkdir()
    for name in ("mine", "other"):
        (folder / f"{name}.toml").write_text('version = 1\ntitle = "As the plan"\n')
    return tmp_path


def run(made, plans, legs, until=1, first=0):
    for day in DAYS[first:until]:
        made.run_session(day, plans, legs, market(CLOSES), NOW)
    return made.ledger


def test_orders_positions_and_exits_name_the_set(home):
    made = service(home, rule_set="mine")
    ledger = run(made, *planned_with(made, DAYS[0]), until=2)
    (order,), (position,) = ledger.orders(), ledger.positions()
    assert "-entry-mine-" in order.client_order_id
    assert order.rule_set == position.rule_set == "mine"
    made.closing.close_position(position, DAYS[1], "TIME", None, NOW)
    exits = [o for o in ledger.orders() if o.purpose == "exit"]
    assert [o.rule_set for o in exits] == ["mine"]
    assert set(ledger.table("orders")["rule_set"]) == {"mine"}
    rows = order_rows(ledger.orders(), "simulated:paper", NOW)
    assert rows["rule_set"].to_list() == ["mine"]


def test_only_plans_of_the_chosen_set_are_traded(home):
    ledger = run(service(home, rule_set="mine"), *planned(DAYS[0]))
    assert ledger.orders() == []
    assert [o.rule_set for o in run(service(home), *planned(DAYS[0])).orders()] == ["plan"]


def test_a_session_whose_set_is_changed_between_two_runs_is_entered_once(home):
    first = service(home)
    (sent,) = run(first, *planned(DAYS[0])).orders()
    assert sent.status == "submitted"
    for name in ("mine", "other"):
        made = service(home, rule_set=name)
        ledger = run(made, *planned_with(made, DAYS[0]))
        (order,) = [o for o in ledger.orders() if o.rule_set == name]
        assert (order.status, order.reason) == ("not_sent", "OTHER_RULE_SET")
    assert len(first.broker.working()) == 1
    # The set of before goes on as if nothing had been.
    assert sent in run(first, *planned(DAYS[0])).orders()


def test_the_set_may_be_changed_from_one_session_to_the_next(home):
    run(service(home), *planned(DAYS[0]), until=2)
    made = service(home, rule_set="mine")
    ledger = run(made, *planned_with(made, DAYS[2]), first=2, until=3)
    by_set = {o.rule_set: o.status for o in ledger.orders() if o.purpose == "entry"}
    assert by_set == {"plan": "filled", "mine": "submitted"}
