"""A flattened position whose shares remain is offered at the market again."""

from datetime import timedelta

from options_platform.testing.alpaca_account import NOW, SESSION
from options_platform_tests.faults.prices.test_wide_quotes import look, opened
from options_platform_tests.faults.world import daily, exits


def test_shares_assigned_to_a_flattened_position_are_offered_again_where_the_market_is(
    tmp_path, fake
):
    """Offered in the evening at 240, and the market opens at 230: below the last rung."""
    made = opened(tmp_path, fake)
    (position,) = made.ledger.positions()
    sold = max(position.legs, key=lambda leg: leg.strike)
    with made.ledger.trading():
        made.closing.close_position(position, SESSION, "FLATTEN", None, NOW)
    fake.script("close", {})
    fake.script("assign", {"symbol": sold.symbol("SPY")})
    daily(made, fake, NOW.date(), {"SPY": 240.0})
    for minute in range(6):
        look(made, fake, timedelta(days=1, minutes=minute), spot=230.0)
    offered = [order for order in exits(made) if order.legs[0].is_shares]
    assert {order.reason for order in offered} == {"ASSIGNED"}
    assert max(offered, key=lambda order: order.attempt).limit_price >= -230.0
