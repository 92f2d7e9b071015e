"""A rehearsal of a few sessions drives the real order path, and each of its checks can fail."""

import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from options_platform.adapters.storage.ledger import Ledger
from options_platform.domain.risk import SetLimits
from options_platform.domain.trading.orders import closing
from options_platform.domain.trading.reconciliation.differences import Difference
from options_platform.errors import LedgerError
from options_platform.fake_alpaca.symbols import contract_of
from options_platform.services.rehearsal.checks import verdicts_of
from options_platform.services.rehearsal.run import rehearse
from options_platform.services.rehearsal.stress import intensity_of
from options_platform.services.rehearsal.watch import BrokerWatch
from options_platform.services.rehearsal.world import opened
from options_platform.services.trading.session import TradingSession
from options_platform_tests.recorded_reports import answered
from options_platform_tests.services.rehearsal.small_month import CRASH, driven, settings_of

CHECKS = ("uncovered", "orders", "runs", "limits", "kill switch", "agreement", "cash", "exposed")


def broken(ended):
    return {v.name: [b.text for b in v.breaches] for v in verdicts_of(ended) if not v.holds}


@contextmanager
def planted(ended):
    """What is planted inside ends with the block, as do the breaches that it causes."""
    book, watch = ended.book, ended.watch
    kept = (dict(book.orders), {s: list(row) for s, row in book.positions.items()}, book.cash,
            list(watch.breaches), list(watch.entries), watch.before_halt,
            list(book.activities))  # fmt: skip
    try:
        yield
    finally:
        book.orders, book.positions, book.cash = kept[0], kept[1], kept[2]
        watch.breaches, watch.entries, watch.before_halt = kept[3], kept[4], kept[5]
        book.activities = kept[6]


def test_a_stressed_crash_ends_with_all_checks_holding(ran):
    world, driver, ended = ran
    verdicts = verdicts_of(ended)
    assert tuple(v.name for v in verdicts) == CHECKS
    assert broken(ended) == {}
    kinds = {event.kind for event in world.events}
    assert kinds >= {"gap", "outage", "kill", "halt"}
    assert driver.rows[-1].halted.startswith("DAILY_LOSS: ")
    assert any(row.in_month and row.open_positions for row in driver.rows)


def test_the_crash_was_traded_with_its_gap_and_wider_quotes(ran):
    world, driver, _ = ran
    by_session = {row.session: row for row in driver.rows}
    before, after = by_session[date(2016, 3, 1)], by_session[CRASH]
    assert after.spots["SPY"] / before.spots["SPY"] < 0.92
    (gap,) = [e.text for e in world.events if e.kind == "gap" and e.text.startswith("SPY opens -1")]
    # The overnight move of about 12%, and half of it more.
    assert float(gap.split()[2].rstrip("%")) == pytest.approx(-18.0, abs=2.0)


def test_a_rehearsal_asks_the_blackout_at_order_time_and_leaves_before_a_report(
    month, tmp_path, monkeypatch
):
    """QQQ stands for a company whose report moves to the next session in the evening before."""
    monkeypatch.setattr("options_platform.domain.market.index_series.FUNDS", frozenset({"SPY"}))
    record = answered("QQQ", [date(2016, 3, 31)], datetime(2015, 12, 1, 5, tzinfo=UTC))
    report, moved = date(2016, 3, 3), datetime(2016, 3, 2, 21, 10, tzinfo=UTC)
    data = replace(month, record=answered("QQQ", [report], moved, record=record))
    settings = settings_of(tmp_path / "home", plan={"chain": {"surface": {"funds": ["SPY"]}}})
    with opened(settings, data, tmp_path) as world:
        _, ended = driven(world, settings, data, "real")
        assert broken(ended) == {}
        of_stock = [p for p in world.ledger.positions() if p.ticker == "QQQ"]
        assert (of_stock[-1].exit_reason, of_stock[-1].closed_on) == ("EARNINGS", report)
        refused = {o.session: o.reason for o in world.ledger.orders() if o.status == "not_sent"}
        assert refused[CRASH] == "EARNINGS_BLACKOUT"


@pytest.mark.long
def test_the_same_seed_gives_the_same_rehearsal(month, tmp_path):
    short = replace(month, warm_up=month.warm_up[-1:], sessions=month.sessions[:1])
    settings = settings_of(tmp_path)
    first, again = (rehearse(settings, short, intensity_of("severe"), seed=5) for _ in range(2))
    assert (first.events, first.sessions) == (again.events, again.sessions)
    assert [(o.client_order_id, o.status, o.avg_price) for o in first.orders] == [
        (o.client_order_id, o.status, o.avg_price) for o in again.orders
    ]
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_the_users_account_is_used(ran, monkeypatch):
    world, _, _ = ran
    settings = world.settings
    assert settings.alpaca.fake_address.startswith("http://127.0.0.1:")
    assert not settings.is_live
    assert settings.account == "rehearsal"
    assert settings.ledger_path.parent != settings_of("elsewhere").home


def test_sold_contracts_without_cover_are_seen(ran):
    _, _, ended = ran
    position = ended.ledger.positions()[0]
    sold = next(leg.symbol(position.ticker) for leg in position.legs if leg.side == "sell")
    with planted(ended):
        ended.book.move(sold, -3, 1.0)
        ended.watch.look(ended.now, "a planted sale")
        (text,) = broken(ended)["uncovered"]
    assert f"of {sold} without cover after a planted sale" in text


def entry_of(ended):
    """A filled entry of the ledger and the broker's order."""
    ours = {o.client_order_id: o for o in ended.ledger.orders() if o.status == "filled"}
    order = next(o for o in ended.book.orders.values() if o["client_order_id"] in ours)
    return ours[order["client_order_id"]], order


def with_exit(ended, tmp_path, **state):
    """The same end, where an exit of an open position was decided in the last session.

    Returns it with the exit; its ledger is a copy, and its watch has seen nothing yet.
    """
    before = ended.ledger
    # What was not yet written into the held file lies beside it.
    for path in before.path.parent.glob(f"{before.path.name}*"):
        shutil.copy(path, tmp_path)
    ledger = Ledger(
        tmp_path / before.path.name,
        before.account,
        before.label,
        before.wait_seconds,
        before.broker,
    )
    own, _ = entry_of(ended)
    leaving = replace(
        own, client_order_id="20160303-exit-0123456789", purpose="exit", filled_qty=0,
        session=ended.sessions[-1].session, legs=closing(own.legs), status="intent", avg_price=None,
    )  # fmt: skip
    ledger.record_intent(leaving, ended.now)
    leaving = replace(leaving, **state)
    ledger.record(leaving, ended.now)
    return replace(ended, ledger=ledger, watch=BrokerWatch(ended.book, ledger)), leaving


def at_broker(ended, own, order, **state):
    """An order of the ledger with the legs of another, as the broker would show it."""
    legs = [
        leg | {"side": "sell" if leg["side"] == "buy" else "buy"} if own.purpose == "exit" else leg
        for leg in order["legs"]
    ]
    shown = order | {"id": own.client_order_id, "client_order_id": own.client_order_id}
    ended.book.orders[own.client_order_id] = shown | {"legs": legs, "status": "new", **state}


def test_an_order_that_would_uncover_a_sold_contract_is_seen_before_it_fills(ran):
    _, _, ended = ran
    own, order = entry_of(ended)
    legs = [leg | {"side": "sell"} for leg in order["legs"] if leg["side"] == "buy"]
    with planted(ended):
        ended.book.orders[order["id"]] = order | {
            "legs": legs, "status": "new", "filled_qty": "0",
        }  # fmt: skip
        ended.watch.look(ended.now, "a planted sale of the cover")
        texts = broken(ended)["uncovered"]
    sold = {leg.symbol(own.ticker) for leg in own.legs if leg.side == "sell"}
    said = f" would be without cover if order {own.client_order_id} filled"
    assert {text.split()[4] for text in texts if said in text} == sold


def test_an_entry_of_more_than_was_planned_and_an_exit_of_more_than_was_opened_are_seen(
    ran, tmp_path
):
    _, _, ended = ran
    own, order = entry_of(ended)
    with planted(ended):
        ended.book.orders[order["id"]] = order | {"status": "new", "qty": "5"}
        ended.watch.look(ended.now, "a planted entry")
        texts = broken(ended)["orders"]
    assert (
        f"entry {own.position_id} is for {own.contracts} spreads, and {own.contracts} are filled "
        f"with {5 - own.contracts} at work"
    ) in texts
    with planted(ended):
        after, leaving = with_exit(ended, tmp_path, status="submitted")
        at_broker(ended, leaving, order, qty="9", filled_qty="0")
        after.watch.look(ended.now, "a planted exit")
        texts = broken(after)["orders"]
        # Also where the broker has no entry of the position at all.
        del ended.book.orders[order["id"]]
        without_entry = BrokerWatch(ended.book, after.ledger)
        without_entry.look(ended.now, "a planted exit")
        assert "of which 0 were opened" in without_entry.breaches[-1].text
    assert len([text for text in texts if text.startswith("the exits of ")]) == len(own.legs)
    assert any(" 9 of " in text and text.endswith("of which 1 were opened") for text in texts)


def test_a_position_whose_exit_was_given_up_is_seen_and_one_whose_exit_works_is_not(ran, tmp_path):
    _, _, ended = ran
    (tmp_path / "works").mkdir()
    given_up, leaving = with_exit(ended, tmp_path, status="canceled")
    (text,) = broken(given_up)["kill switch"]
    assert text == (
        f"position {leaving.position_id} is open, its exit {leaving.client_order_id} is canceled, "
        "and nothing closes it"
    )
    works, _ = with_exit(ended, tmp_path / "works", status="submitted")
    assert "kill switch" not in broken(works)


def test_an_order_at_work_on_one_side_only_and_a_recorded_difference_break_the_agreement(
    ran, tmp_path
):
    _, _, ended = ran
    own, order = entry_of(ended)
    with planted(ended):
        ended.book.orders[order["id"]] = order | {"status": "new"}
        texts = broken(ended)["agreement"]
    assert texts == [f"order {own.client_order_id} works on one side only"]
    after, _ = with_exit(ended, tmp_path, status="canceled")
    after.ledger.record_differences([Difference("CASH", "cash", "10 USD are missing")], ended.now)
    assert broken(after)["agreement"] == ["CASH: 10 USD are missing"]


def test_a_fill_at_another_price_than_the_cash_that_moved_is_seen(ran):
    _, _, ended = ran
    with planted(ended):
        activities = ended.book.activities
        at = next(n for n, each in enumerate(activities) if each["activity_type"] == "FILL")
        price = float(activities[at]["price"]) + 1.0
        activities[at] = activities[at] | {"price": str(price)}
        (text,) = broken(ended)["cash"]
    assert text.endswith(" by the broker's activities")


def test_an_order_that_the_ledger_does_not_know_is_one_lost(ran):
    _, _, ended = ran
    with planted(ended):
        ended.book.submit(_order("20160304-exit-0123456789", "SPY", "buy"))
        ended.watch.look(ended.now, "a planted order")
        texts = broken(ended)["orders"]
    assert texts == ["order 20160304-exit-0123456789 is at the broker and not in the ledger"]


def test_a_fill_that_the_ledger_missed_is_an_order_lost(ran):
    _, _, ended = ran
    with planted(ended):
        order = next(o for o in ended.book.orders.values() if o["status"] == "filled")
        ended.book.orders[order["id"]] = order | {"filled_qty": "7"}
        (text,) = broken(ended)["orders"]
    assert text.startswith(f"order {order['client_order_id']} has filled 7 at the broker and ")


def test_two_orders_at_work_for_one_entry_are_an_order_sent_twice(ran):
    _, _, ended = ran
    attempts = {}
    for order in ended.ledger.orders():
        if order.purpose == "entry" and order.status != "not_sent":
            attempts.setdefault(order.position_id, []).append(order.client_order_id)
    first, second, *_ = next(ids for ids in attempts.values() if len(ids) > 1)
    with planted(ended):
        for order in list(ended.book.orders.values()):
            if order["client_order_id"] in (first, second):
                ended.book.orders[order["id"]] = order | {"status": "new"}
        ended.watch.look(ended.now, "a planted doubling")
        texts = broken(ended)["orders"]
    assert any(text.startswith("2 orders work for one entry of ") for text in texts)


def test_contracts_that_only_the_broker_has_break_the_agreement(ran):
    _, _, ended = ran
    with planted(ended):
        ended.book.move("SPY160415P00050000", 2, 0.1)
        assert broken(ended)["agreement"] == [
            "2 SPY160415P00050000 at the broker and 0 in the ledger"
        ]


def test_a_cent_of_cash_that_no_fill_explains_is_seen(ran):
    _, _, ended = ran
    with planted(ended):
        ended.book.cash += 0.01
        assert set(broken(ended)) == {"cash"}


def test_an_entry_after_a_halt_and_one_beyond_the_limits_are_seen(ran):
    _, _, ended = ran
    entry = ended.watch.entries[0]
    own = next(each for each in entry.spreads if each.position_id == entry.position_id)
    with planted(ended):
        ended.watch.entries[0] = replace(
            entry, after_halt=True, spreads=(replace(own, contracts=200),)
        )
        texts = broken(ended)
    assert texts["kill switch"] == [f"entry {entry.order_id} was accepted after the halt"]
    for name in ("the trade", own.ticker, str(own.expiry), "us_equity_index", "all positions"):
        assert any(f"the risk of {name} is " in text for text in texts["limits"])


def test_an_entry_that_one_gap_would_make_too_dear_is_seen(ran):
    _, _, ended = ran
    gap = replace(ended.settings.risk.gap, max_loss_pct=0.0001)
    settings = replace(ended.settings, risk=replace(ended.settings.risk, gap=gap))
    texts = broken(replace(ended, settings=settings))["limits"]
    assert texts
    assert all("one gap costs " in text for text in texts)


def test_an_entry_beyond_the_limits_of_its_set_and_one_against_another_set_are_seen(ran):
    _, _, ended = ran
    entry = ended.watch.entries[0]
    own = next(each for each in entry.spreads if each.position_id == entry.position_id)
    other = replace(
        own, position_id="20160224-SPY-entry-mine-0123456789", legs=closing(own.legs), price=0.1
    )
    limits = SetLimits(max_positions=1, max_total_risk_pct=0.00001)
    settings = replace(ended.settings, limits=limits)
    beside = replace(own, position_id="20160223-SPY-entry-0123456789")
    with planted(ended):
        ended.watch.entries[0] = replace(entry, spreads=(own, beside, other))
        texts = broken(replace(ended, settings=settings))["limits"]
    assert "2 positions of plan, its limit is 1" in " ".join(texts)
    assert any(" the risk of plan is " in text for text in texts)
    symbols = sorted(leg.symbol(own.ticker) for leg in own.legs)
    crossed = [text.rpartition(" ")[2] for text in texts if "is on the other side of" in text]
    assert crossed == symbols


def test_a_daily_run_that_never_comes_to_its_end_is_seen(month, tmp_path, monkeypatch):
    def refuse(*_):
        raise LedgerError("the ledger cannot be read")

    monkeypatch.setattr(TradingSession, "run_session", refuse)
    short = replace(month, warm_up=month.warm_up[-1:], sessions=month.sessions[:1])
    settings = settings_of(tmp_path)
    with opened(settings, short, tmp_path) as world:
        _, ended = driven(world, settings, short, intensity="real")
        texts = broken(ended)["runs"]
    assert texts == [
        f"the daily run of {day}, started 3 times, did not come to its end"
        for day in (*short.warm_up, *short.sessions)
    ]


def test_an_entry_of_the_process_that_halts_counts_as_after_the_halt(month, tmp_path):
    settings = settings_of(tmp_path)
    with opened(settings, month, tmp_path) as world:

        def act(made):
            made.ledger.halt("DAILY_LOSS: so much", world.now)
            made.execution.at("intent recorded")
            world.fake.book.submit(_order("20160304-SPY-entry-0123456789", "SPY", "buy"))
            return True

        world.market.begin(month.warm_up[0], intensity_of("real"))
        world.process("daily run", act)
        assert world.watch.before_halt == set()


def test_more_positions_than_allowed_are_seen(ran):
    _, _, ended = ran
    risk = replace(ended.settings.risk, max_positions=0, max_positions_per_ticker=0)
    settings = replace(ended.settings, risk=risk)
    texts = broken(replace(ended, settings=settings))["limits"]
    assert any("1 positions, the limit is 0" in text for text in texts)


def test_a_loss_beyond_the_line_without_a_halt_is_seen(ran):
    _, driver, ended = ran
    rows = [*driver.rows]
    rows[-1] = replace(rows[-1], broker_equity_usd=0.9 * rows[-2].broker_equity_usd, halted=None)
    (text,) = broken(replace(ended, sessions=rows))["kill switch"]
    assert f"on {rows[-1].session} the account had lost 10.00% in a day" in text
    rows[-1] = replace(rows[-1], halted="DAILY_LOSS: so much")
    assert broken(replace(ended, sessions=rows)) == {}


def test_a_month_in_which_nothing_was_held_shows_nothing(ran):
    _, driver, ended = ran
    empty = [replace(row, open_positions=0) for row in driver.rows]
    assert list(broken(replace(ended, sessions=empty))) == ["exposed"]


def test_the_looks_see_shares_of_an_assignment_without_their_cover(ran):
    _, _, ended = ran
    with planted(ended):
        for symbol in list(ended.book.positions):
            if contract_of(symbol) is not None:
                ended.book.positions.pop(symbol)
        ended.book.move("SPY", -100, 100.0)
        ended.watch.look(ended.now + timedelta(minutes=1), "a planted assignment")
        texts = broken(ended)["uncovered"]
    assert texts == ["100 shares of SPY without cover after a planted assignment"]


def _order(order_id, symbol, side):
    return {"client_order_id": order_id, "symbol": symbol, "side": side, "qty": "1",
            "type": "limit", "limit_price": "1"}  # fmt: skip
