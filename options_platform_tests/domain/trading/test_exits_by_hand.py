import math
from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.trading.exits.exit_rules import ExitRules, PositionMark, exit_reason

CREDIT = PositionMark(
    entry_price=-1.0,
    close_price=-1.0,
    max_loss=4.0,
    max_profit=1.0,
    entry_dte=40,
    expiry=date(2024, 3, 15),
    session=date(2024, 2, 12),
    last_decision_on=date(2024, 3, 14),
)
DEBIT = replace(CREDIT, entry_price=2.0, close_price=2.0, max_loss=2.0, max_profit=3.0)


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (CREDIT, None),
        (replace(CREDIT, close_price=-0.5), "TAKE_PROFIT"),  # half of the credit is earned
        (replace(CREDIT, close_price=-0.51), None),
        (replace(CREDIT, close_price=-3.0), "STOP_LOSS"),  # the loss is 2 credits
        (replace(CREDIT, close_price=-2.9), None),
        # 2 credits would be 3.6 of 3.2 maximum loss: the cap of 75% comes first.
        (replace(CREDIT, entry_price=-1.8, close_price=-4.2, max_loss=3.2), "STOP_LOSS"),
        (replace(DEBIT, close_price=3.8), "TAKE_PROFIT"),  # 60% of the maximum profit of 3
        (replace(DEBIT, close_price=1.0), "STOP_LOSS"),  # half of the debit
        (replace(DEBIT, close_price=1.1), None),
        # A profit without bound: 60% of the debit.
        (replace(DEBIT, max_profit=math.inf, close_price=3.2), "TAKE_PROFIT"),
        (replace(DEBIT, max_profit=math.inf, close_price=3.1), None),
        (replace(CREDIT, session=date(2024, 2, 24)), "TIME"),  # 20 days left, min(21, 20)
        (replace(CREDIT, session=date(2024, 3, 14)), "EXPIRY_NEAR"),
        (replace(CREDIT, before_ex_date=True), "EX_DIVIDEND"),
        # Risk comes before profit, and a stop stays a stop.
        (replace(CREDIT, before_ex_date=True, close_price=-0.5), "EX_DIVIDEND"),
        (replace(CREDIT, before_ex_date=True, close_price=-3.0), "STOP_LOSS"),
        # What is near the strike leaves where nothing else closes it.
        (replace(CREDIT, at_pin_risk=True), "PIN_RISK"),
        (replace(CREDIT, at_pin_risk=True, before_ex_date=True), "EX_DIVIDEND"),
        (replace(CREDIT, at_pin_risk=True, close_price=-0.5), "TAKE_PROFIT"),
        (replace(CREDIT, at_pin_risk=True, session=date(2024, 3, 14)), "EXPIRY_NEAR"),
    ],
)
def test_exits_worked_by_hand(mark, reason):
    assert exit_reason(mark, ExitRules()) == reason
