import pytest

from options_platform.fake_alpaca.answers import Refusal
from options_platform.fake_alpaca.book import FakeBook
from options_platform.fake_alpaca.margin import requirement_usd
from options_platform.testing.market import NOW

PUT95, PUT90, CALL105, CALL110, LATER = (
    "SPY240315P00095000", "SPY240315P00090000", "SPY240315C00105000", "SPY240315C00110000",
    "SPY240419C00105000",
)  # fmt: skip


@pytest.mark.parametrize(
    ("quantities", "usd"),
    [
        ({}, 0.0),
        ({PUT95: -2, PUT90: 2}, 1_000.0),
        # Only one side of a condor can be lost.
        ({PUT95: -1, PUT90: 1, CALL105: -1, CALL110: 1}, 500.0),
        # Paired by their payoff, whatever they were traded in: 2 of 3 sold puts are covered at 90.
        ({PUT95: -3, PUT90: 2}, 3 * 9_500.0 - 2 * 9_000.0),
        ({PUT95: 1, PUT90: -1}, 0.0),
        ({LATER: 1, CALL105: -1}, 0.0),
        ({"SPY": 100}, 0.0),
    ],
)
def test_contracts_require_the_most_that_they_can_lose_together(quantities, usd):
    assert requirement_usd(quantities) == usd


def entry(number, limit_price, qty=1):
    legs = [
        {"symbol": PUT95, "side": "sell", "ratio_qty": 1, "position_intent": "sell_to_open"},
        {"symbol": PUT90, "side": "buy", "ratio_qty": 1, "position_intent": "buy_to_open"},
    ]
    return {"order_class": "mleg", "qty": qty, "type": "limit", "limit_price": limit_price,
            "client_order_id": str(number), "legs": legs}  # fmt: skip


def test_open_spreads_and_resting_orders_take_buying_power_and_what_exceeds_it_is_refused():
    book = FakeBook(lambda: NOW, cash_usd=1_000.0)
    first = book.submit(entry(1, -1.0))
    # Width less credit, while it rests; after the fill the credit is in the cash.
    assert book.account()["options_buying_power"] == "600.00"
    book.fill(first)
    assert (book.cash, book.account()["options_buying_power"]) == (1_100.0, "600.00")
    with pytest.raises(Refusal, match="insufficient options buying power"):
        book.submit(entry(2, -1.0, qty=2))
    book.submit(entry(3, -1.0))
    assert book.account()["options_buying_power"] == "200.00"
