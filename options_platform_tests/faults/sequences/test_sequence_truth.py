"""The checks of the random sequences catch each broken promise."""

from datetime import date

import pytest

from options_platform.domain.chain.occ_symbols import symbol_of
from options_platform.domain.trading.orders import client_order_id, exit_order_id
from options_platform.testing.alpaca_account import SESSION, server
from options_platform_tests.faults.sequences.sequence_plan import plan_of
from options_platform_tests.faults.sequences.sequence_truth import BrokenPromiseError, Truth
from options_platform_tests.faults.sequences.sequence_world import SequenceWorld

EXPIRY = date(2015, 1, 30)
LONG, SHORT = (symbol_of("SPY", EXPIRY, "call", strike) for strike in (253.0, 258.0))
POSITION = client_order_id("paper", SESSION, "SPY", "entry")
IN = (("buy", LONG), ("sell", SHORT))
OUT = (("sell", LONG), ("buy", SHORT))


class Account:
    """A fake account whose broker refuses little, and the truth about it."""

    def __init__(self):
        self.fake = server(fills="rest")
        self.book = self.fake.book
        self.fake.script("rules", {"refuses_uncovered": False})
        self.truth = Truth(self.book)
        self.truth.planned(SESSION, "SPY", 3)

    def send(self, number, legs, contracts=3, *, filled=False):
        body = {"client_order_id": number, "qty": str(contracts), "type": "limit"}
        if len(legs) == 1:
            ((side, symbol),) = legs
            body |= {"side": side, "symbol": symbol, "limit_price": "1.0"}
        else:
            shown = [{"side": side, "symbol": s, "ratio_qty": "1"} for side, s in legs]
            body |= {"order_class": "mleg", "legs": shown, "limit_price": "1.0"}
        order = self.book.submit(body)
        if filled:
            self.book.fill(order)
        return order

    def open(self):
        return self.send(POSITION, IN, filled=True)

    def close(self, attempt=1, legs=OUT, contracts=3, **how):
        return self.send(exit_order_id(POSITION, SESSION, attempt), legs, contracts, **how)

    def broken(self, kind):
        with pytest.raises(BrokenPromiseError, match=f"^{kind}: "):
            self.truth.check()


@pytest.fixture
def account():
    made = Account()
    yield made
    made.fake.server.server_close()


def test_a_correct_account_breaks_no_promise(account):
    account.open()
    account.truth.check()
    account.book.cancel(account.close())
    account.truth.check()
    account.close(2, filled=True)
    account.truth.check()


def test_two_exits_working_at_once_are_doubled(account):
    account.open()
    account.close(contracts=1)
    account.close(2, contracts=1)
    account.broken("DOUBLED")


def test_an_exit_beside_its_replacement_by_hand_is_doubled(account):
    account.open()
    first = account.close(contracts=1)
    account.book.replace(first, {"limit_price": "1.1"})
    account.truth.check()
    account.close(2, contracts=1)
    account.broken("DOUBLED")


def test_a_second_entry_after_one_that_filled_is_too_much(account):
    account.open()
    account.send(client_order_id("paper", SESSION, "SPY", "entry", 2), IN, filled=True)
    account.broken("OVERFILLED")


def test_closing_more_than_was_opened_is_caught_whether_working_or_filled(account):
    account.open()
    account.close(contracts=2, filled=True)
    account.close(2, contracts=2)
    account.broken("OVERCLOSED")


def test_an_order_without_a_position_is_caught(account):
    account.send(exit_order_id("another", SESSION), OUT)
    account.broken("STRANGE_ORDER")


def test_selling_a_long_leg_alone_uncovers_its_short_even_while_it_only_works(account):
    account.open()
    order = account.close(legs=OUT[:1])
    account.broken("WOULD_UNCOVER")
    account.book.fill(order)
    account.broken("UNCOVERED")


def test_only_shorts_that_a_script_uncovered_are_excused(account):
    account.open()
    account.book.move(LONG, -1, 0.0)
    account.truth.excuse()
    account.truth.check()
    account.close(legs=OUT[1:], contracts=1, filled=True)
    account.truth.check()
    account.close(2, legs=OUT[:1], contracts=1)
    account.broken("WOULD_UNCOVER")


def test_a_short_that_was_assigned_is_not_bought_back(account):
    account.open()
    account.fake.script("assign", {"symbol": SHORT, "contracts": 1})
    account.truth.excuse()
    account.close(filled=True)
    account.broken("CROSSED")


def test_assigned_shares_are_closed_and_no_more_of_them(account):
    account.open()
    account.fake.script("assign", {"symbol": SHORT, "contracts": 1})
    account.truth.excuse()
    account.close(legs=(("buy", "SPY"),), contracts=100)
    account.truth.check()
    account.book.cancel(account.book.by_client_id(exit_order_id(POSITION, SESSION)))
    account.close(2, legs=(("buy", "SPY"),), contracts=100)
    account.book.move("SPY", 50, 0.0)
    account.broken("SHARES_OPENED")


def test_the_cover_of_assigned_shares_is_sold_only_after_the_shares(account):
    """A short odd lot needs a long call just like a hundred shares."""
    account.open()
    account.fake.script("assign", {"symbol": SHORT, "contracts": 3})
    account.truth.excuse()
    account.close(legs=(("buy", "SPY"),), contracts=150, filled=True)
    account.truth.check()
    account.book.cancel(account.close(2, legs=OUT[:1], contracts=1))
    account.truth.check()
    order = account.close(3, legs=OUT[:1], contracts=2)
    account.broken("WOULD_UNCOVER")
    account.book.fill(order)
    account.broken("UNCOVERED")


def test_an_exit_working_when_its_leg_was_assigned_may_still_fill(account):
    account.open()
    order = account.close()
    account.truth.excuse_crossing(SHORT)
    account.fake.script("assign", {"symbol": SHORT})
    account.truth.excuse()
    account.book.fill(order)
    account.truth.check()


def test_a_split_changes_symbols_and_no_promise(account):
    account.open()
    account.fake.script("split", {"ticker": "SPY"})
    account.truth.excuse()
    adjusted = tuple((side, f"SPY1{symbol[3:]}") for side, symbol in OUT)
    account.close(legs=adjusted, contracts=2, filled=True)
    account.truth.check()
    account.close(2, legs=adjusted, contracts=2)
    account.broken("OVERCLOSED")


@pytest.fixture
def world(tmp_path):
    made = SequenceWorld(plan_of(0), tmp_path, lambda _: None)
    with made.fake:
        yield made


def entry_of(world):
    """What a faulty service might do: send an entry whatever is halted."""
    ticker = world.plan.tickers[0]
    world.truth.planned(world.session, ticker, 1)
    body = {"symbol": LONG, "side": "buy", "qty": "1", "type": "limit", "limit_price": "1"}
    number = client_order_id("paper", world.session, ticker, "entry")
    return lambda _: world.fake.book.submit(body | {"client_order_id": number})


def test_an_entry_accepted_during_a_halt_is_caught(world):
    world.halt()
    with pytest.raises(BrokenPromiseError, match=r"^PAST_A_HALT: "):
        world.process(entry_of(world))


def test_an_entry_without_a_plan_after_a_resume_is_caught(world):
    world.halt()
    world.resume()
    with pytest.raises(BrokenPromiseError, match=r"^UNASKED: "):
        world.process(entry_of(world))
