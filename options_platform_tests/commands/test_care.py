from datetime import date

import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.cli import main
from options_platform.domain.trading.orders import Order, OrderLeg
from options_platform.domain.trading.positions import AccountMark
from options_platform.testing.market import NOW
from options_platform_tests.platform import make_platform_settings

DAY = date(2015, 1, 2)
REFUSED = Order(
    "id-1", DAY, "SPY", "entry", "id-1", "plan", "bull_put_spread",
    (OrderLeg("sell", "put", 200.0, date(2015, 1, 30)),), 1, -0.5, 150.0, 50.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("equity", "mend"),
    [
        (91_250.0, "set it to 73,000 to 82,100"),
        (100_000.0, "80 or 90% of the equity that the broker states"),
    ],
)
def test_doctor_says_that_plans_are_too_large_for_the_equity(
    tmp_path, monkeypatch, capsys, equity, mend
):
    settings = make_platform_settings(tmp_path / "home")
    for name, value in {"HOME": settings.home, "SOURCE": "simulated", "TICKERS": "SPY,QQQ"}.items():
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    ledger = open_ledger(settings)
    order = ledger.record_intent(REFUSED, NOW)
    ledger.record(order.to("not_sent", reason="RISK_BUDGET"), NOW)
    ledger.record_marks([], AccountMark(DAY, equity, 0.0, equity, 0.0, 0.0, 0))
    main(["doctor"])
    shown = capsys.readouterr().out
    assert "1 of 1 entries of the last month" in shown
    assert mend in shown
