"""What activities and a person's word leave of positions."""

from dataclasses import replace
from datetime import date

import pytest

from options_platform.domain.trading.closing import (
    has_uncovered_short,
    in_doubt,
    legs_text,
    next_to_close,
    what_the_broker_shows,
)
from options_platform.domain.trading.orders import OrderLeg, shares_leg
from options_platform.domain.trading.positions import Position
from options_platform.domain.trading.reconciliation.settlement import accepted, settle
from options_platform.domain.trading.reports import Activity
from options_platform.domain.valuation.exercise import covers_of_shares
from options_platform.errors import LedgerError

EXPIRY, DAY = date(2024, 3, 15), date(2024, 3, 4)
SOLD = OrderLeg("sell", "put", 470.0, EXPIRY)
BOUGHT = OrderLeg("buy", "put", 465.0, EXPIRY)
SPREAD = Position(
    position_id="p",
    ticker="SPY",
    strategy="bull_put_spread",
    legs=(SOLD, BOUGHT),
    contracts=2,
    opened_on=date(2024, 2, 1),
    entry_price=-1.2,
    entry_dte=43,
    max_loss_usd=760.0,
    max_profit_usd=240.0,
    fees_usd=2.6,
    mark_price=-0.8,
    marked_on=DAY,
)
PUTS = {SOLD.symbol("SPY"): -2, BOUGHT.symbol("SPY"): 2}


def activity(kind, leg, quantity):
    return Activity("1", kind, leg.symbol("SPY"), quantity, None, DAY)


def test_an_assigned_put_brings_shares_at_the_strike():
    done = settle(activity("OPASN", SOLD, 1), [SPREAD])
    (after,) = done.positions
    assert (after.open_contracts, after.broken_contracts, after.closed_on) == (1, 1, None)
    assert set(after.loose) == {BOUGHT, shares_leg("buy", 100)}
    assert done.cash_usd == after.loose_cash_usd == -47_000.0
    assert done.adjustments == {SOLD.symbol("SPY"): 1, "SPY": 100}
    assert after.profit_usd == pytest.approx(SPREAD.profit_usd)


def test_an_assigned_call_sells_shares_at_the_strike():
    call = OrderLeg("sell", "call", 480.0, EXPIRY)
    spread = replace(SPREAD, legs=(call, OrderLeg("buy", "call", 485.0, EXPIRY)))
    done = settle(activity("OPASN", call, 2), [spread])
    assert done.cash_usd == 96_000.0
    assert done.adjustments == {call.symbol("SPY"): 2, "SPY": -200}
    assert shares_leg("sell", 200) in done.positions[0].loose


def test_exercising_what_covers_the_shares_ends_the_position_with_its_maximum_loss():
    assigned = settle(activity("OPASN", SOLD, 2), [SPREAD]).positions
    done = settle(activity("OPEXC", BOUGHT, -2), assigned)
    (after,) = done.positions
    assert (after.closed_on, after.exit_reason, after.loose) == (DAY, "EXERCISED", ())
    assert after.profit_usd == pytest.approx(-760.0 - 2.6)
    assert done.adjustments == {BOUGHT.symbol("SPY"): -2, "SPY": -200}


def test_worthless_legs_end_without_cash_one_after_the_other():
    half = settle(activity("OPEXP", BOUGHT, -2), [SPREAD]).positions
    assert half[0].closed_on is None
    (after,) = settle(activity("OPEXP", SOLD, 2), half).positions
    assert (after.closed_on, after.exit_reason) == (DAY, "EXPIRED")
    assert after.profit_usd == pytest.approx(240.0 - 2.6)


def test_what_belongs_to_no_position_is_left_unsettled():
    done = settle(activity("OPASN", SOLD, 5), [SPREAD])
    assert done.unsettled == 3
    other = replace(SOLD, strike=400.0)
    assert settle(activity("OPASN", other, 1), [SPREAD]).positions == ()


def test_an_assignment_ends_no_bought_contract():
    assert settle(activity("OPASN", BOUGHT, 1), [SPREAD]).positions == ()


def test_legs_are_closed_in_an_order_that_uncovers_nothing():
    (assigned,) = settle(activity("OPASN", SOLD, 2), [SPREAD]).positions
    assert next(next_to_close(assigned)) == ((shares_leg("buy"),), 200)
    (naked,) = accepted([SPREAD], {BOUGHT.symbol("SPY"): 2}, DAY)
    assert has_uncovered_short(naked)
    assert next(next_to_close(naked)) == ((SOLD,), 2)
    assert next(next_to_close(SPREAD)) == (SPREAD.legs, 2)


def test_a_sold_contract_that_nothing_covers_is_bought_back_before_whole_spreads():
    (half,) = accepted([SPREAD], {BOUGHT.symbol("SPY"): 1}, DAY)
    assert half.open_contracts == 1
    assert next(next_to_close(half)) == ((SOLD,), 1)


def test_the_sold_contract_alone_is_closed_only_where_the_list_lacks_its_cover():
    lacks_bought = {SOLD.symbol("SPY"): -2}
    assert in_doubt(SPREAD, PUTS, lacks_bought) == (BOUGHT.symbol("SPY"),)
    assert what_the_broker_shows(SPREAD, PUTS, lacks_bought) == ((SOLD,), 2)
    lacks_sold = {BOUGHT.symbol("SPY"): 2}
    assert what_the_broker_shows(SPREAD, PUTS, lacks_sold) == (SPREAD.legs, 2)
    one_less = {SOLD.symbol("SPY"): -1, BOUGHT.symbol("SPY"): 2}
    assert what_the_broker_shows(SPREAD, PUTS, one_less) == (SPREAD.legs, 1)
    assert what_the_broker_shows(SPREAD, PUTS, {}) == (SPREAD.legs, 2)


def test_a_persons_word_closes_whole_spreads_at_the_mark_and_single_legs_at_nothing():
    (gone,) = accepted([SPREAD], {SOLD.symbol("SPY"): -2, BOUGHT.symbol("SPY"): 2}, DAY)
    assert (gone.exit_price, gone.exit_reason, gone.closed_on) == (-0.8, "ACCEPTED", DAY)
    (half,) = accepted([SPREAD], {SOLD.symbol("SPY"): -1, BOUGHT.symbol("SPY"): 1}, DAY)
    assert (half.open_contracts, half.closed_contracts, half.closed_on) == (1, 1, None)
    assert accepted([SPREAD], {"QQQ240315P00400000": 1}, DAY) == ()


def test_of_spreads_that_sold_one_contract_the_one_whose_legs_are_all_missing_has_ended():
    low = OrderLeg("buy", "put", 460.0, EXPIRY)
    older = replace(SPREAD, position_id="older", legs=(SOLD, low))
    for held in ([older, SPREAD], [SPREAD, older]):
        (after,) = accepted(held, PUTS, DAY)
        assert (after.position_id, after.closed_contracts, after.loose) == ("p", 2, ())
        assert after.exit_price == SPREAD.mark_price
    # What is missing beyond whole spreads still ends leg by leg, in the oldest position.
    more = {**PUTS, SOLD.symbol("SPY"): -3}
    broken, whole = sorted(accepted([older, SPREAD], more, DAY), key=lambda p: p.position_id)
    assert (whole.position_id, whole.closed_contracts) == ("p", 2)
    assert (broken.open_contracts, broken.loose) == (1, (low,))


def test_no_more_ends_than_a_position_holds():
    from options_platform.domain.trading.positions import without_legs

    with pytest.raises(LedgerError, match="1 more contracts"):
        without_legs(SPREAD, {SOLD: 3})


@pytest.mark.parametrize(("shares", "naked"), [(200, False), (199, True), (150, True), (99, True)])
def test_an_odd_lot_covers_no_sold_contract(shares, naked):
    """A condor whose puts were assigned holds shares: each hundred covers one sold call."""
    call = OrderLeg("sell", "call", 480.0, EXPIRY, 2)
    held = replace(SPREAD, contracts=2, broken_contracts=2, loose=(call, shares_leg("buy", shares)))
    assert has_uncovered_short(held) is naked
    assert next(next_to_close(held)) == ((replace(call, ratio=1),), 2)


@pytest.mark.parametrize(("shares", "legs"), [(200, (BOUGHT,)), (199, ()), (250, (BOUGHT,))])
def test_no_more_is_exercised_than_there_are_shares_for(shares, legs):
    legs = tuple(replace(leg, ratio=2) for leg in legs)
    held = replace(
        SPREAD, broken_contracts=2, loose=(replace(BOUGHT, ratio=2), shares_leg("buy", shares))
    )
    assert covers_of_shares(held) == legs


def test_a_position_is_told_by_its_whole_spreads_and_by_what_is_loose():
    (part,) = settle(activity("OPASN", SOLD, 1), [SPREAD]).positions
    (part,) = accepted([part], {"SPY": 1}, DAY)
    assert legs_text(SPREAD) == "-1P470/+1P465"
    assert legs_text(part) == "-1P470/+1P465; +1P465; +99 shares"
    (rest,) = settle(activity("OPASN", SOLD, 1), [part]).positions
    assert legs_text(rest) == "+2P465; +199 shares"


def test_an_odd_number_of_shares_that_a_person_accepts_as_missing_leaves_the_rest():
    (assigned,) = settle(activity("OPASN", SOLD, 2), [SPREAD]).positions
    (after,) = accepted([assigned], {"SPY": 51}, DAY)
    assert shares_leg("buy", 149) in after.loose
    assert next(next_to_close(after)) == ((shares_leg("buy"),), 149)


def test_an_expiry_ends_the_side_that_the_account_holds_net_of_both():
    other = replace(SPREAD, position_id="q", legs=(replace(SOLD, side="buy"),), contracts=3)
    done = settle(activity("OPEXP", SOLD, 1), [SPREAD, other], net=1)
    assert done.ended == {"q": 1}
    assert settle(activity("OPEXP", SOLD, 1), [SPREAD, other], net=-1).ended == {"p": 1}


def test_contracts_that_two_rule_sets_have_sold_end_in_the_older_position_first():
    """The shares, their cash and so the profit are of the set whose contracts ended."""
    other = (replace(SOLD, strike=470.0), replace(BOUGHT, strike=460.0))
    older = replace(SPREAD, position_id="20240131-SPY-entry-0123456789")
    newer = replace(
        SPREAD, position_id="20240201-SPY-entry-mine-0123456789", legs=other,
        opened_on=date(2024, 2, 2),
    )  # fmt: skip
    done = settle(activity("OPASN", SOLD, 3), [older, newer])
    assert done.ended == {older.position_id: 2, newer.position_id: 1}
    by_set = {p.rule_set: p for p in done.positions}
    assert by_set["plan"].broken_contracts == 2
    assert (by_set["mine"].broken_contracts, by_set["mine"].open_contracts) == (1, 1)
    assert done.adjustments == {SOLD.symbol("SPY"): 3, "SPY": 300}
    assert sum(p.loose_cash_usd for p in by_set.values()) == done.cash_usd == -141_000.0
    before = older.profit_usd + newer.profit_usd
    assert sum(p.profit_usd for p in by_set.values()) == pytest.approx(before)
