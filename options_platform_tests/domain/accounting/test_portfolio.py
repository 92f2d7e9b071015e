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
def ledger(run):
    return ledger_snapshot(run.ledger)


@pytest.fixture(scope="module")
def views(run, ledger):
    return make_portfolio(ledger, run.market, run.rules)


def plan_ids(run):
    return pl.DataFrame(
        [(o.position_id, o.plan_id) for o in run.ledger.orders() if o.purpose == "entry"],
        schema=["position_id", "plan_id"],
        orient="row",
    )


def test_a_paper_run_passes_every_portfolio_rule(views):
    assert views.fills.height > 15
    assert {rule.name: rule.find(views).examples for rule in PORTFOLIO_RULES} == dict.fromkeys(
        RULES, ()
    )


def test_the_views_satisfy_their_table_contracts(views):
    assert min(views.fills.height, views.positions.height, views.portfolio.height) > 0
    FILLS.validate(views.fills)
    POSITIONS.validate(views.positions)
    PORTFOLIO.validate(views.portfolio)


def test_marks_and_greeks_equal_those_of_the_backtest(run, views):
    ours = (
        views.positions.filter(pl.col("contracts") > 0)
        .join(plan_ids(run), on="position_id")
        .sort("date", "plan_id")
    )
    marks = run.backtest.marks.sort("session", "plan_id")
    assert ours.height == marks.height > 80
    for name in ("mark_price", "value_usd", *GREEKS):
        assert ours[name].to_list() == pytest.approx(marks[name].to_list(), abs=0.005), name


def test_attribution_and_profit_of_a_trade_equal_those_of_the_backtest(run, views):
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
        backtest_usd = trades[f"{name}_usd"].to_list()
        assert sums[f"{name}_pnl_usd"].to_list() == pytest.approx(backtest_usd, abs=1e-6), name


def test_the_account_equals_the_backtests_and_shows_its_drawdown(run, views):
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


def test_the_account_greeks_are_those_that_the_limits_apply_to(run, ledger):
    betas = {"AAA": 1.5, "BBB": 0.5}
    risk = RiskRules(betas=betas)
    rules = replace(run.rules, risk=risk)
    views = make_portfolio(ledger, run.market, rules)
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
    # Measured ones weight a day like those that are set.
    first = {"date": [run.market.sessions[0]] * 2}
    measured = pl.DataFrame(first | {"ticker": [*betas], "beta": [*betas.values()]})
    known = make_portfolio(ledger, run.market.with_betas(measured), run.rules)
    assert known.portfolio.filter(date=busiest).equals(views.portfolio.filter(date=busiest))


def test_the_cash_of_a_position_filled_and_closed_in_parts_adds_up(run, ledger, views):
    """An order for 4 fills 1 at 2.00, then 3 more; the average of 2.40 implies 2.533 each."""
    entry = next(o for o in ledger.orders if o.purpose == "entry" and o.filled_qty)
    opened_position = next(p for p in ledger.positions if p.position_id == entry.position_id)
    entry = replace(entry, contracts=5, filled_qty=4, avg_price=2.4, fees_usd=8.0)
    events = pl.DataFrame(
        {"number": [1, 2, 3, 4], "client_order_id": [entry.client_order_id] * 4,
         "filled_qty": [0, 1, 1, 4], "avg_price": [None, 2.0, 2.0, 2.4]},
        schema_overrides={"filled_qty": pl.Int32},
    )  # fmt: skip
    position = replace(opened_position, contracts=4, closed_contracts=0, closed_on=None,
                       entry_price=2.4, exit_reason=None, exit_price=None,
                       fees_usd=8.0)  # fmt: skip
    part = LedgerSnapshot(
        "paper",
        (entry,),
        (position,),
        events,
        ledger.account_events,
        ledger.marks,
        ledger.start_usd,
    )
    partial_views = make_portfolio(part, run.market, run.rules)
    assert partial_views.fills["contracts"].to_list() == [1, 3]
    assert partial_views.fills["price"].to_list() == pytest.approx([2.0, 7.6 / 3])
    assert partial_views.fills["fees_usd"].to_list() == [2.0, 6.0]
    assert partial_views.fills["cash_usd"].sum() == pytest.approx(-2.4 * 400 - 8.0)
    first = partial_views.positions.sort("date").row(0, named=True)
    assert first["contracts"] == 4
    assert first["pnl_usd"] == pytest.approx((first["mark_price"] - 2.4) * 400 - 8.0)


def test_a_position_missing_at_the_broker_ends_without_a_fill(run, ledger, views):
    open_now = next(p for p in ledger.positions if p.closed_on is None)
    days = views.positions.filter(position_id=open_now.position_id)["date"].sort().to_list()
    missing_position = replace(open_now, closed_contracts=open_now.contracts, closed_on=days[-1],
                   exit_price=0.35, exit_reason="GONE_AT_BROKER")  # fmt: skip
    entry = next(o for o in ledger.orders if o.position_id == missing_position.position_id)
    part = replace(ledger, orders=(entry,), positions=(missing_position,))
    last = make_portfolio(part, run.market, run.rules).positions.sort("date").row(-1, named=True)
    assert (last["date"], last["contracts"], last["value_usd"]) == (days[-1], 0, 0.0)
    assert last["exit_reason"] == "GONE_AT_BROKER"
    assert last["pnl_usd"] == pytest.approx(missing_position.profit_usd)


def test_spreads_that_go_missing_after_a_partial_exit_account_for_the_rest_of_the_exit_price(
    run, ledger, views
):
    """4 bought at 2.00; 1 sold at 2.50, 3 missing, booked at 1.10: 1.45 on average."""
    last = ledger.marks["session"].max()
    entry = next(o for o in ledger.orders if o.purpose == "entry" and o.filled_qty)
    opened_position = next(p for p in ledger.positions if p.position_id == entry.position_id)
    entry = replace(entry, contracts=4, filled_qty=4, avg_price=2.0, fees_usd=8.0)
    sold = replace(entry, client_order_id="sold", purpose="exit", contracts=4, filled_qty=1,
                   avg_price=-2.5, fees_usd=2.0, status="canceled")  # fmt: skip
    missing_position = replace(opened_position, contracts=4, closed_contracts=4, closed_on=last,
                               entry_price=2.0, exit_price=1.45, exit_reason="GONE_AT_BROKER",
                               fees_usd=10.0)  # fmt: skip
    part = replace(ledger, orders=(entry, sold), positions=(missing_position,),
                   order_events=ledger.order_events.clear())  # fmt: skip
    last_row = (
        make_portfolio(part, run.market, run.rules).positions.sort("date").row(-1, named=True)
    )
    assert last_row["pnl_usd"] == pytest.approx(50.0 - 3 * 90.0 - 10.0)
    assert last_row["pnl_usd"] == pytest.approx(missing_position.profit_usd)


def filled_after(ledger, days):
    """The ledger with one more position, filled `days` sessions after the newest mark."""
    opened = shift(ledger.marks["session"].max(), days)
    entry = next(o for o in ledger.orders if o.purpose == "entry" and o.filled_qty)
    opened_position = next(p for p in ledger.positions if p.position_id == entry.position_id)
    order = replace(entry, client_order_id="new", position_id="new", plan_id="new-plan",
                    session=shift(opened, -1))  # fmt: skip
    new = replace(opened_position, position_id="new", opened_on=opened, closed_on=None,
                  closed_contracts=0, exit_price=None, exit_reason=None,
                  marked_on=opened)  # fmt: skip
    return replace(ledger, orders=(*ledger.orders, order), positions=(*ledger.positions, new))


def test_a_fill_after_the_newest_close_is_shown_before_its_position_has_rows(run, ledger, views):
    assert views.without_rows == []
    new_views = make_portfolio(filled_after(ledger, 1), run.market, run.rules)
    assert new_views.without_rows == ["new"]
    assert new_views.fills.height == views.fills.height + 1
    assert new_views.positions.equals(views.positions)
    assert new_views.portfolio.equals(views.portfolio)
    assert all(rule.find(new_views).passed for rule in PORTFOLIO_RULES)


def test_the_very_first_fill_may_be_after_the_newest_close(run, ledger):
    later = filled_after(ledger, 1)
    first = replace(later, orders=later.orders[-1:], positions=later.positions[-1:])
    new_views = make_portfolio(first, run.market, run.rules)
    assert (new_views.fills.height, new_views.positions.height) == (1, 0)
    assert new_views.portfolio.height == ledger.marks.height


def test_a_market_without_a_session_marked_in_the_ledger_is_refused(run, ledger):
    opened = max(position.opened_on for position in ledger.positions)
    count = run.market.sessions.index(opened)
    with pytest.raises(IncompleteDataError, match="options-platform backfill"):
        make_portfolio(ledger, replace(run.market, sessions=run.market.sessions[:count]), run.rules)


def test_a_halt_is_shown_from_its_evening_until_it_is_lifted(run, ledger):
    days = ledger.marks["session"].to_list()
    at = [datetime(day.year, day.month, day.day, 23, tzinfo=UTC) for day in (days[3], days[6])]
    events = pl.DataFrame(
        {"number": [1, 2], "recorded_at": [moment.replace(tzinfo=None) for moment in at],
         "kind": ["halted", "resumed"], "detail": ["DRAWDOWN", "by hand"]}
    )  # fmt: skip
    halted_views = make_portfolio(replace(ledger, account_events=events), run.market, run.rules)
    halted = halted_views.portfolio.filter("halted")["date"].to_list()
    assert halted == days[3:6]


def test_an_empty_ledger_gives_no_rows(run, ledger):
    nothing = replace(ledger, orders=(), positions=(), marks=ledger.marks.clear())
    empty_views = make_portfolio(nothing, None, BacktestRules())
    assert [
        empty_views.fills.height,
        empty_views.positions.height,
        empty_views.portfolio.height,
    ] == [0, 0, 0]


def test_a_market_that_begins_after_an_entry_is_refused(run, ledger):
    late = replace(run.market, sessions=run.market.sessions[20:])
    with pytest.raises(IncompleteDataError, match="options-platform backfill"):
        make_portfolio(ledger, late, run.rules)


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
def test_each_rule_detects_one_wrong_number(views, rule, table, column):
    wrong = replace(views, **{table: raised(getattr(views, table), column)})
    finding = RULES[rule].find(wrong)
    assert not finding.passed
    assert finding.examples


def test_closing_more_contracts_than_were_opened_is_detected(views):
    fills = views.fills.with_columns(
        contracts=pl.when(pl.col("purpose") == "exit")
        .then(pl.col("contracts") + 1)
        .otherwise("contracts")
    )
    finding = RULES["within_entries"].find(Portfolio(fills, views.positions, views.portfolio))
    assert finding.broken == views.fills.filter(purpose="exit")["position_id"].n_unique()
