from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.trading.equity_refusals import EquityRefusals, equity_refusals
from options_platform.domain.trading.orders import Order, OrderLeg

REFUSED = Order(
    "id-1", date(2024, 7, 5), "SPY", "entry", "id-1", "plan", "bull_put_spread",
    (OrderLeg("sell", "put", 500.0, date(2024, 8, 2)),), 1, -0.5, 150.0, 50.0,
    status="not_sent", reason="RISK_BUDGET",
)  # fmt: skip


def entry(number, **changes):
    return replace(REFUSED, client_order_id=number, position_id=number, **changes)


def test_entries_that_the_equity_refused_are_counted_among_all_entries():
    orders = [
        REFUSED,
        entry("id-2", reason="MAX_DELTA,RISK_BUDGET"),
        entry("id-3", reason="MAX_DELTA"),
        entry("id-4", status="filled", reason=None),
        replace(entry("id-5"), purpose="exit"),
    ]
    low = {REFUSED.session: 9_000.0}
    assert equity_refusals(orders, low, 10_000.0) == EquityRefusals(2, 4, 9_000.0, 10_000.0)


def test_attempts_of_one_entry_count_once():
    again = replace(entry("id-2"), position_id="id-1", attempt=2, status="canceled", reason="X")
    low = {REFUSED.session: 9_000.0}
    assert equity_refusals([again, REFUSED], low, 10_000.0) == EquityRefusals(
        1, 1, 9_000.0, 10_000.0
    )


NEXT = date(2024, 7, 8)


@pytest.mark.parametrize("equity", [10_000.0, 12_000.0])
def test_nothing_is_said_once_the_account_has_what_its_plans_are_made_for_again(equity):
    assert equity_refusals([REFUSED], {REFUSED.session: 9_000.0, NEXT: equity}, 10_000.0) is None
    assert equity_refusals([], {NEXT: 9_000.0}, 10_000.0) is None


@pytest.mark.parametrize("session", [date(2024, 7, 3), REFUSED.session, NEXT])
def test_a_refusal_that_the_ledgers_equity_does_not_explain_is_told(session):
    """As after a withdrawal, which no ledger knows of."""
    refused = equity_refusals([REFUSED], {session: 12_000.0}, 10_000.0)
    assert refused == EquityRefusals(1, 1, 12_000.0, 10_000.0)
    for said in ("the broker states less", "order_events", "12,000.00 USD is not below"):
        assert said in refused.text


@pytest.mark.parametrize(
    ("equity", "said"),
    [
        (9_199.99, "set it to 7,300 to 8,200"),
        (9_000.0, "set it to 7,200 to 8,100"),
        (120.0, "set it to 100 to 100"),
        (110.0, "no plan fits"),
        (-5.0, "no plan fits"),
    ],
)
def test_the_value_that_is_named_leaves_room_below_the_equity(equity, said):
    text = EquityRefusals(3, 8, equity, 10_000.0).text
    assert said in text
    assert "3 of 8 entries" in text
