"""An unreadable quote counts as none and does not affect the others."""

from datetime import timedelta

import pytest

from options_platform.domain.trading.orders import OrderLeg
from options_platform_tests.faults.prices.test_wide_quotes import look, opened, quoted
from options_platform_tests.faults.world import open_beside, quote


@pytest.mark.parametrize("bad", ["bp", "t"])
def test_an_unreadable_quote_hides_no_other(tmp_path, fake, bad):
    made = opened(tmp_path, fake)
    (held,) = made.ledger.positions()
    sold = OrderLeg("sell", "put", 240.0, held.expiry)
    bought = OrderLeg("buy", "put", 230.0, held.expiry)
    fake.fills = "limit"
    open_beside(made, made.ledger.orders()[0], (sold, bought), "beside")
    fake.fills = "rest"
    quoted(made, fake, (2.0, 2.1), (0.5, 0.6))
    quote(fake, (sold, bought), (1.0, 0.9))
    del fake.chains._scripted[sold.symbol("SPY")][bad]
    look(made, fake)
    found = look(made, fake, timedelta(minutes=1))
    assert held.position_id in found.stopped
    assert found.unpriced == ("beside",)
