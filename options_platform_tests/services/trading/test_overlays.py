"""Several rule sets in one account: budgets, limits and exits of each, and of all together."""

from dataclasses import replace

import polars as pl
import pytest

from options_platform.adapters.storage.duck import held
from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.alternates import plans_of_sets
from options_platform.domain.planning.plan import build_plans
from options_platform.domain.trading.reconciliation.acceptance import Acceptance
from options_platform.services.planning.plan_tables import entry_order
from options_platform.testing.market import NOW
from options_platform.testing.plan_rows import one
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    WIDE_RISK,
    market,
    service,
)

CLOSES = [250.0, 249.5, 249.5, 249.5]
SHARES = {"plan": 0.6, "mine": 0.4}
CREDIT = "[plan.selection]\nstrategy = 'bull_put_spread'\n"


def write_set(home, name, text=""):
    (home / "rule_sets").mkdir(exist_ok=True)
    (home / "rule_sets" / f"{name}.toml").write_text(f'version = 1\ntitle = "Mine"\n{text}')


@pytest.fixture
def home(tmp_path):
    write_set(tmp_path, "mine", CREDIT)
    return tmp_path


def plans(made, day):
    rows = one().with_columns(date=pl.lit(day))
    of_sets = [made.settings.of_set(name).plan for name in made.settings.traded_sets]
    return plans_of_sets(rows, of_sets)[0]


def run(made, until=1, first=0):
    with made.ledger.holding(), held(made.broker.path, wait_seconds=10.0):
        for day in DAYS[first:until]:
            made.run_session(day, *plans(made, day), market(CLOSES), NOW)
    return made.ledger


def entries(ledger):
    return {o.rule_set: o for o in ledger.orders() if o.purpose == "entry"}


def test_each_set_enters_its_plan_in_the_size_of_its_share(home):
    made = service(home, budgets=SHARES, risk=WIDE_RISK)
    rows, _ = plans(made, DAYS[0])
    assert rows["rule_set"].to_list() == ["plan", "mine"]
    assert rows["account_share"].to_list() == [0.6, 0.4]
    ledger = run(made, until=2)
    opened = {p.rule_set: p for p in ledger.positions()}
    assert {name: p.strategy for name, p in opened.items()} == {
        "plan": "bull_call_spread",
        "mine": "bull_put_spread",
    }
    for name, share in SHARES.items():
        risk = entries(ledger)[name].max_loss_usd
        assert 0 < risk <= 0.02 * share * 100_000
    alone = service(home, account="alone", risk=WIDE_RISK)
    whole = run(alone, until=2).positions()[0]
    assert whole.contracts > opened["plan"].contracts


def test_a_repeated_session_of_two_sets_sends_nothing_more(home):
    made = service(home, budgets=SHARES, risk=WIDE_RISK)
    before = run(made).orders()
    assert len(before) == 2
    assert run(made).orders() == before


def test_an_entry_of_a_set_without_a_budget_is_not_sent_beside_those_that_trade(home):
    write_set(home, "other")
    first = service(home, rule_set="other", risk=WIDE_RISK)
    run(first)
    sent = entries(run(service(home, budgets=SHARES, risk=WIDE_RISK)))
    assert sent["other"].status == "submitted"
    assert {sent[name].reason for name in SHARES} == {"OTHER_RULE_SET"}


def test_a_position_is_left_by_the_exits_of_its_own_set(home):
    write_set(home, "mine", f"{CREDIT}[exits]\ncredit_stop = 3.0\ncredit_stop_cap = 1.0\n")
    made = service(home, rule_set="mine", risk=WIDE_RISK)
    run(made, until=2)
    (position,) = made.ledger.positions()
    assert position.entry_price < 0
    lost = 3.4 * position.entry_price

    def due(rule_set, **changes):
        reasons = service(home, rule_set=rule_set, **changes).closing.reasons
        return reasons.exit_due(position, DAYS[2], lost)

    assert due("mine") is None
    # Another set trades now, with its stop at two credits.
    assert due("plan") is None
    of_plan = replace(position, position_id="20150102-SPY-entry-0123456789")
    assert service(home).closing.reasons.exit_due(of_plan, DAYS[2], lost) == "STOP_LOSS"
    (home / "rule_sets" / "mine.toml").unlink()
    assert due("plan") == "STOP_LOSS"


@pytest.mark.parametrize(
    ("limit", "code"),
    [("max_positions = 1", "MAX_SET_POSITIONS"), ("max_total_risk_pct = 0.03", "MAX_SET_RISK")],
)
def test_a_limit_of_a_set_refuses_its_entry_and_not_that_of_another(home, limit, code):
    write_set(home, "mine", f"{CREDIT}[limits]\n{limit}\n")
    made = service(home, budgets=SHARES, risk={**WIDE_RISK, "max_positions_per_ticker": 6})
    last = {o.rule_set: o for o in run(made, until=3).orders() if o.session == DAYS[2]}
    assert last["mine"].reason == code
    assert last["plan"].status == "submitted"


def test_no_limit_of_a_set_widens_those_of_the_account(home):
    write_set(home, "mine", f"{CREDIT}[limits]\nmax_positions = 9\nmax_total_risk_pct = 9.0\n")
    tight = {**WIDE_RISK, "max_positions": 1}
    sent = entries(run(service(home, budgets=SHARES, risk=tight)))
    assert sent["plan"].status == "submitted"
    assert sent["mine"].reason == "MAX_POSITIONS"


def test_one_kill_switch_stops_the_entries_of_every_set(home):
    made = service(home, budgets=SHARES, risk=WIDE_RISK)
    made.trip([100_000.0, 90_000.0], NOW)
    assert made.ledger.halted() is not None
    assert {o.reason for o in entries(run(made)).values()} == {"HALTED"}


DELTAS = "[plan.strikes.{name}_delta]\n" + "".join(f"{regime} = 0.3\n" for regime in REGIMES)
SELLS = CREDIT + DELTAS.format(name="short")
BUYS = "[plan.selection]\nstrategy = 'bear_put_spread'\n" + DELTAS.format(name="long")


@pytest.fixture
def opposite(tmp_path):
    """A home whose sets sell and buy the same put on one evening."""
    write_set(tmp_path, "sells", SELLS)
    write_set(tmp_path, "buys", BUYS)
    return tmp_path


def both(home, **changes):
    return service(home, budgets={"sells": 0.6, "buys": 0.4}, risk=WIDE_RISK, **changes)


def with_alternates(made, day):
    rows = one().with_columns(date=pl.lit(day))
    of_sets = [made.settings.of_set(name).plan for name in made.settings.traded_sets]
    (planned, legs), (others, their_legs) = plans_of_sets(rows, of_sets)
    return planned, pl.concat([legs, their_legs]), others


def test_a_plan_that_would_buy_what_another_set_sells_is_refused_without_another_strike(opposite):
    sent = entries(run(both(opposite)))
    assert sent["sells"].status == "submitted"
    assert (sent["buys"].status, sent["buys"].reason) == ("not_sent", "NETTING_CONFLICT")


def test_it_takes_the_next_listed_strike_in_every_run_of_the_evening(opposite):
    made = both(opposite)
    planned, legs, others = with_alternates(made, DAYS[0])
    for _ in range(2):
        with made.ledger.holding(), held(made.broker.path, wait_seconds=10.0):
            made.run_session(DAYS[0], planned, legs, market(CLOSES), NOW, others)
        sent = entries(made.ledger)
        assert len(made.ledger.orders()) == 2
        assert {o.status for o in sent.values()} == {"submitted"}
        sold, bought = (max(leg.strike for leg in sent[name].legs) for name in ("sells", "buys"))
        assert bought == sold - 1.0
    assert sent["buys"].plan_id in others["plan_id"].to_list()
    assert sent["buys"].max_loss_usd <= 0.02 * 0.4 * 100_000


def test_what_another_set_holds_is_in_the_way_as_well_and_what_the_set_itself_holds_is_not(
    opposite,
):
    first = service(opposite, rule_set="sells", risk=WIDE_RISK)
    run(first, until=2)
    (position,) = first.ledger.positions()
    later = service(opposite, rule_set="buys", risk=WIDE_RISK)
    buys = entry_order(*_row(later.settings), "paper")
    assert later.entries.checks.netted(buys)
    own = replace(buys, position_id=position.position_id)
    assert later.entries.checks.netted(own) == []


def test_an_exit_withdraws_the_entries_that_it_would_trade_against_be_they_of_its_own_set(opposite):
    write_set(opposite, "sells_too", SELLS)
    first = service(opposite, rule_set="sells", risk=WIDE_RISK)
    run(first, until=2)
    (position,) = first.ledger.positions()
    many = {**WIDE_RISK, "max_positions_per_ticker": 6}
    later = service(opposite, budgets={"sells": 0.5, "sells_too": 0.5}, risk=many)
    for name in ("sells", "sells_too"):
        planned = entry_order(*_row(later.settings.of_set(name), DAYS[2]), "paper")
        entry = replace(planned, legs=position.legs)
        later.entries.send(entry, NOW)
        sent = later.ledger.order(entry.client_order_id)
        assert (sent.status, sent.reason) == ("submitted", None)
    later.closing.close_position(position, DAYS[1], "STOP_LOSS", None, NOW)
    withdrawn = {o.rule_set: (o.status, o.reason) for o in later.ledger.orders(session=DAYS[2])}
    assert withdrawn == dict.fromkeys(("sells", "sells_too"), ("canceled", "NETTING_CONFLICT"))
    working = {(o.purpose, o.rule_set) for o in later.ledger.working_orders()}
    assert working == {("exit", "sells")}


def _row(settings, day=DAYS[0]):
    planned, legs = build_plans(one().with_columns(date=pl.lit(day)), settings.plan)
    return planned.row(0, named=True), legs


def test_an_entry_does_not_close_the_leg_of_an_earlier_one_of_its_own_set(home):
    made = service(home, rule_set="mine", risk=WIDE_RISK)
    run(made, until=2)
    (position,) = made.ledger.positions()
    sold, bought = position.legs
    rows, legs = plans(made, DAYS[2])
    order = entry_order(rows.row(0, named=True), legs, made.settings.account)
    assert made.entries.checks.netted(order) == []
    against = (replace(sold, strike=bought.strike), replace(bought, strike=bought.strike - 5.0))
    opposite = replace(order, legs=against)
    assert made.entries.checks.netted(opposite) == [bought.symbol("SPY")]
    # Its own filled part is the same position.
    assert made.entries.checks.netted(replace(opposite, position_id=position.position_id)) == []
    # Nor does it sell what the exit of the earlier one buys back.
    made.closing.close_position(position, DAYS[1], "STOP_LOSS", None, NOW)
    same = replace(order, legs=position.legs)
    assert made.entries.checks.netted(same) == [leg.symbol("SPY") for leg in position.legs]


def test_an_entry_does_not_trade_against_what_a_person_holds_in_the_account(home):
    made = service(home, rule_set="mine", risk=WIDE_RISK)
    order = entry_order(*_row(made.settings), made.settings.account)
    sold, bought = sorted(order.legs, key=lambda leg: leg.side, reverse=True)
    theirs = {bought.symbol("SPY"): 1, "SPY": -100}
    made.ledger.record_acceptance(Acceptance(theirs, theirs, (), ()), NOW, "mine")
    assert made.entries.checks.netted(order) == []
    theirs = {sold.symbol("SPY"): 2}
    made.ledger.record_acceptance(Acceptance(theirs, theirs, (), ()), NOW, "mine too")
    assert made.entries.checks.netted(order) == [sold.symbol("SPY")]
    assert made.entries.checks.refusals(order, []) == ["NETTING_CONFLICT"]
