from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest

from options_platform.contracts import FILLS, PORTFOLIO, POSITIONS
from options_platform.domain.accounting.portfolio import Portfolio, make_portfolio
from options_platform.domain.accounting.snapshot import LedgerSnapshot
from options_platform.domain.backtest import BacktestRules
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.checks.portfolio import PORTFOLIO_RULES
from options_platform.domain.risk import Exposure, RiskRules, assess
from options_platform.errors import IncompleteDataError
from options_platform.services.accounting.portfolio_views import ledger_snapshot
from options_platform_tests.paper_run import paper_run

RULES = {rule.name: rule for rule in PORTFOLIO_RULES}
GREEKS = ("delta", "gamma", "theta", "vega")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return paper_run(tmp_path_factory.mktemp("portfolio"))


@pytest.fixture(scope="module")
def held(run):
    return ledger_snapshot(run.ledger)


@pytest.fixture(scope="module")
def views(run, held):
    return make_portfolio(held, run.market, run.rules)


def plan_ids(run):
    return pl.DataFrame(
        [(o.position_id, o.plan_id) for o in run.ledger.orders() if o.purpose == "entry"],
        schema=["position_id", "plan_id"],
        orient="row",
    )


def test_every_rule_holds_of_a_paper_run(views):
    assert views.fills.height > 15
    assert {rule.name: rule.find(views).examples for rule in PORTFOLIO_RULES} == dict.fromkeys(
        RULES, ()
    )


def test_the_rows_are_what_the_contracts_say(views):
    assert min(views.fills.height, views.positions.height, views.portfolio.height) > 0
    FILLS.validate(views.fills)
    POSITIONS.validate(views.positions)
    PORTFOLIO.validate(views.portfolio)


def test_marks_and_greeks_are_those_of_the_backtest(run, views):
    ours = (
        views.positions.filter(pl.col("contracts") > 0)
        .join(plan_ids(run), on="position_id")
        .sort("date", "plan_id")
    )
    marks = run.backtest.marks.sort("session", "plan_id")
    assert ours.height == marks.height > 80
    for name in ("mark_price", "value_usd", *GREEKS):
        assert ours[name].to_list() == pytest.approx(marks[name].to_list(), abs=0.005), name


def test_attribution_and_profit_of_a_trade_are_those_of_the_backtest(run, views):
    sums = (
        views.positions.join(plan_ids(run), on="position_id")
        .group_by("plan_id")
        .agg(pl.col("pnl_day_usd", *(f"{name}_pnl_usd" for name in GREEKS)).sum())
        .sort("plan_id")
    )
    trades = run.backtest.trades.sort("plan_id")
    assert sums["plan_id"].to_list() == trades["plan_id"].to_list()
    assert sums["pnl_day_usd"].to_list() == pytest.approx(trades["pnl_usd"].to_list(), abs=0.01)
    for name in GREEKS:
        told = trades[f"{name}_usd"].to_list()
        assert sums[f"{name}_pnl_usd"].to_list() == pytest.approx(told, abs=1e-6), name


def test_the_account_is_the_backtests_and_falls_from_its_peak(run, views):
    equity = run.backtest.equity
    ours = views.portfolio
    assert ours["equity_usd"].to_list() == pytest.approx(equity["equity_usd"].to_list(), abs=0.005)
    peak = 100_000.0
    for row in ours.iter_rows(named=True):
        peak = max(peak, row["equity_usd"])
        assert row["drawdown_usd"] == pytest.approx(peak - row["equity_usd"])
        assert row["drawdown"] == pytest.approx(1 - row["equity_usd"] / peak)
    assert ours["drawdown"].max() > 0
    assert ours["pnl_day_usd"].sum() == pytest.approx(ours["equity_usd"][-1] - 100_000.0)


def test_the_greeks_of_the_account_are_what_the_limits_judge(run, held):
    betas = {"AAA": 1.5, "BBB": 0.5}
    risk = RiskRules(betas=betas)
    rules = replace(run.rules, risk=risk)
    views = make_portfolio(held, run.market, rules)
    busiest = views.positions.group_by("date").len().sort("len", "date")["date"].to_list()[-1]
    exposures = [
        Exposure(
            row["ticker"],
            row["max_loss_usd"],
            row["expiry"],
            delta_usd=row["delta"] * row["spot"],
            gamma_usd=row["gamma"] * row["spot"] ** 2 / 100,
            vega_usd=row["vega"],
            theta_usd=row["theta"],
        )
        for row in views.positions.filter(date=busiest).iter_rows(named=True)
    ]
    checks = {c.code: c.value for c in assess(Exposure("AAA", 0.0), exposures, 1e5, risk)}
    row = views.portfolio.filter(date=busiest).row(0, named=True)
    for greek in GREEKS:
        assert abs(row[f"{greek}_usd"]) == pytest.approx(checks[f"MAX_{greek.upper()}"]), greek


def test_a_position_that_is_filled_and_closed_in_parts_keeps_its_cash(run, held, views):
    """An order of 4 filled by 1 at 2.00, then by 3 more at 2.40 on average of all: 2.533 each."""
    entry = next(o for o in held.orders if o.purpose == "entry" and o.filled_qty)
    own = next(p for p in held.positions if p.position_id == entry.position_id)
    entry = replace(entry, contracts=5, filled_qty=4, avg_price=2.4, fees_usd=8.0)
    events = pl.DataFrame(
        {"number": [1, 2, 3, 4], "client_order_id": [entry.client_order_id] * 4,
         "filled_qty": [0, 1, 1, 4], "avg_price": [None, 2.0, 2.0, 2.4]},
        schema_overrides={"filled_qty": pl.Int32},
    )  # fmt: skip
    position = replace(own, contracts=4, closed_contracts=0, closed_on=None, entry_price=2.4,
                       exit_reason=None, exit_price=None, fees_usd=8.0)  # fmt: skip
    part = LedgerSnapshot(
        "paper", (entry,), (position,), events, held.account_events, held.marks, held.start_usd
    )
    found = make_portfolio(part, run.market, run.rules)
    assert found.fills["contracts"].to_list() == [1, 3]
    assert found.fills["price"].to_list() == pytest.approx([2.0, 7.6 / 3])
    assert found.fills["fees_usd"].to_list() == [2.0, 6.0]
    assert found.fills["cash_usd"].sum() == pytest.approx(-2.4 * 400 - 8.0)
    first = found.positions.sort("date").row(0, named=True)
    assert first["contracts"] == 4
    assert first["pnl_usd"] == pytest.approx((first["mark_price"] - 2.4) * 400 - 8.0)


def test_legs_that_vanished_at_the_broker_leave_without_a_fill(run, held, views):
    open_now = next(p for p in held.positions if p.closed_on is None)
    days = views.positions.filter(position_id=open_now.position_id)["date"].sort().to_list()
    gone = replace(open_now, closed_contracts=open_now.contracts, closed_on=days[-1],
                   exit_price=0.35, exit_reason="GONE_AT_BROKER")  # fmt: skip
    entry = next(o for o in held.orders if o.position_id == gone.position_id)
    part = replace(held, orders=(entry,), positions=(gone,))
    last = make_portfolio(part, run.market, run.rules).positions.sort("date").row(-1, named=True)
    assert (last["date"], last["contracts"], last["value_usd"]) == (days[-1], 0, 0.0)
    assert last["exit_reason"] == "GONE_AT_BROKER"
    assert last["pnl_usd"] == pytest.approx(gone.profit_usd)


def test_what_vanished_after_a_part_was_sold_brings_the_rest_of_the_exit_price(run, held, views):
    """4 bought at 2.00; 1 sold at 2.50, 3 gone at 1.10: on average 1.45 for each."""
    last = held.marks["session"].max()
    entry = next(o for o in held.orders if o.purpose == "entry" and o.filled_qty)
    own = next(p for p in held.positions if p.position_id == entry.position_id)
    entry = replace(entry, contracts=4, filled_qty=4, avg_price=2.0, fees_usd=8.0)
    sold = replace(entry, client_order_id="sold", purpose="exit", contracts=4, filled_qty=1,
                   avg_price=-2.5, fees_usd=2.0, status="canceled")  # fmt: skip
    gone = replace(own, contracts=4, closed_contracts=4, closed_on=last, entry_price=2.0,
                   exit_price=1.45, exit_reason="GONE_AT_BROKER", fees_usd=10.0)  # fmt: skip
    part = replace(held, orders=(entry, sold), positions=(gone,),
                   order_events=held.order_events.clear())  # fmt: skip
    found = make_portfolio(part, run.market, run.rules).positions.sort("date").row(-1, named=True)
    assert found["pnl_usd"] == pytest.approx(50.0 - 3 * 90.0 - 10.0)
    assert found["pnl_usd"] == pytest.approx(gone.profit_usd)


def filled_after(held, days):
    """The ledger with another position, filled `days` sessions after its newest mark."""
    opened = shift(held.marks["session"].max(), days)
    entry = next(o for o in held.orders if o.purpose == "entry" and o.filled_qty)
    own = next(p for p in held.positions if p.position_id == entry.position_id)
    order = replace(entry, client_order_id="new", position_id="new", plan_id="new-plan",
                    session=shift(opened, -1))  # fmt: skip
    new = replace(own, position_id="new", opened_on=opened, closed_on=None, closed_contracts=0,
                  exit_price=None, exit_reason=None, marked_on=opened)  # fmt: skip
    return replace(held, orders=(*held.orders, order), positions=(*held.positions, new))


def test_a_fill_after_the_newest_close_is_shown_and_its_position_has_no_rows_yet(run, held, views):
    assert views.without_rows == []
    found = make_portfolio(filled_after(held, 1), run.market, run.rules)
    assert found.without_rows == ["new"]
    assert found.fills.height == views.fills.height + 1
    assert found.positions.equals(views.positions)
    assert found.portfolio.equals(views.portfolio)
    assert all(rule.find(found).passed for rule in PORTFOLIO_RULES)


def test_the_first_fill_of_all_may_be_after_the_newest_close(run, held):
    later = filled_after(held, 1)
    first = replace(later, orders=later.orders[-1:], positions=later.positions[-1:])
    found = make_portfolio(first, run.market, run.rules)
    assert (found.fills.height, found.positions.height) == (1, 0)
    assert found.portfolio.height == held.marks.height


def test_a_close_that_the_ledger_has_marked_and_the_market_lacks_is_refused(run, held):
    opened = max(position.opened_on for position in held.positions)
    count = run.market.sessions.index(opened)
    with pytest.raises(IncompleteDataError, match="options-platform backfill"):
        make_portfolio(held, replace(run.market, sessions=run.market.sessions[:count]), run.rules)


def test_a_halt_shows_from_its_evening_until_it_is_lifted(run, held):
    days = held.marks["session"].to_list()
    at = [datetime(day.year, day.month, day.day, 23, tzinfo=UTC) for day in (days[3], days[6])]
    events = pl.DataFrame(
        {"number": [1, 2], "recorded_at": [moment.replace(tzinfo=None) for moment in at],
         "kind": ["halted", "resumed"], "detail": ["DRAWDOWN", "by hand"]}
    )  # fmt: skip
    found = make_portfolio(replace(held, account_events=events), run.market, run.rules)
    halted = found.portfolio.filter("halted")["date"].to_list()
    assert halted == days[3:6]


def test_no_ledger_content_is_no_row(run, held):
    nothing = replace(held, orders=(), positions=(), marks=held.marks.clear())
    found = make_portfolio(nothing, None, BacktestRules())
    assert [found.fills.height, found.positions.height, found.portfolio.height] == [0, 0, 0]


def test_a_market_that_begins_after_an_entry_is_refused(run, held):
    late = replace(run.market, sessions=run.market.sessions[20:])
    with pytest.raises(IncompleteDataError, match="options-platform backfill"):
        make_portfolio(held, late, run.rules)


def raised(frame, column, by=1):
    return frame.with_columns(
        pl.when(pl.int_range(pl.len()) == frame.height // 2)
        .then(pl.col(column) + by)
        .otherwise(column)
        .alias(column)
    )


@pytest.mark.parametrize(
    ("rule", "table", "column"),
    [
        ("within_orders", "fills", "contracts"),
        ("days_add_up", "positions", "pnl_day_usd"),
        ("attributed", "positions", "theta_pnl_usd"),
        ("accounts_balance", "portfolio", "cash_usd"),
        ("accounts_balance", "portfolio", "positions_usd"),
        ("profits_explained", "portfolio", "realised_usd"),
    ],
)
def test_each_rule_finds_one_wrong_number(views, rule, table, column):
    wrong = replace(views, **{table: raised(getattr(views, table), column)})
    found = RULES[rule].find(wrong)
    assert not found.passed
    assert found.examples


def test_closing_more_than_was_opened_is_found(views):
    fills = views.fills.with_columns(
        contracts=pl.when(pl.col("purpose") == "exit")
        .then(pl.col("contracts") + 1)
        .otherwise("contracts")
    )
    found = RULES["within_entries"].find(Portfolio(fills, views.positions, views.portfolio))
    assert found.broken == views.fills.filter(purpose="exit")["position_id"].n_unique()
