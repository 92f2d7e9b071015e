"""The morning brief: account, decisions, what needs attention, and the next step."""

from dataclasses import replace
from datetime import date, datetime

import polars as pl
import pytest

from options_platform.adapters.storage.ledger import open_ledger
from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import (
    MODEL_PREDICTIONS,
    PAPER_ORDERS,
    TRADE_PLAN,
    TRADE_PLAN_LEGS,
    VIX,
)
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform.domain.planning.decision_words import decision_words
from options_platform.domain.trading.positions import AccountMark
from options_platform.services.trading.morning_brief import (
    AccountBrief,
    Problem,
    account_brief,
    decisions_in_words,
    next_step,
    order_words,
    problems_of,
    without_prediction,
)
from options_platform.settings import make_settings
from options_platform.testing.market import NOW, random_market
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    planned,
    service,
)

SATURDAY_NOON = datetime(2024, 7, 6, 12, tzinfo=NEW_YORK)
WEDNESDAY, FRIDAY = date(2024, 7, 3), date(2024, 7, 5)


@pytest.fixture
def settings(tmp_path):
    return make_settings({"home": tmp_path, "source": "simulated"})


def mark(settings, day, equity_usd):
    account = AccountMark(day, equity_usd, 0.0, equity_usd, equity_usd - 100_000.0, 0.0, 0)
    open_ledger(settings).record_marks([], account)


def problems(settings, **changes):
    asked = {"newest": FRIDAY, "planned": FRIDAY, "entries": (0, 0)} | changes
    return problems_of(settings, open_ledger(settings), SATURDAY_NOON, **asked)


def test_an_account_without_a_mark_has_no_brief(settings):
    assert account_brief(settings, open_ledger(settings), []) is None


def test_the_profit_of_the_day_is_the_change_since_the_close_before(settings):
    mark(settings, WEDNESDAY, 101_000.0)
    mark(settings, FRIDAY, 100_500.0)
    brief = account_brief(settings, open_ledger(settings), [])
    assert (brief.session, brief.equity_usd, brief.profit_day_usd) == (FRIDAY, 100_500.0, -500.0)
    assert brief.below_peak == pytest.approx(500.0 / 101_000.0)
    # 10% of the configured account, which the equity exceeds.
    assert brief.limit_usd == pytest.approx(10_000.0)
    assert brief.in_words()[0] == (
        "Equity 100,500 USD at the close of 2024-07-05, -500.00 USD on the day, 0.5% below its "
        "peak."
    )


def test_the_first_day_is_measured_from_the_start(settings):
    mark(settings, WEDNESDAY, 99_400.0)
    assert account_brief(settings, open_ledger(settings), []).profit_day_usd == -600.0


def test_working_entries_count_as_risk_beside_open_positions(tmp_path):
    made = service(tmp_path)
    plans, legs = planned(DAYS[0])
    made.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
    brief = account_brief(made.settings, made.ledger, [])
    assert (brief.open_positions, brief.working_entries) == (0, 1)
    assert brief.working_risk_usd == pytest.approx(plans["max_loss_usd"].item())
    made.run_session(DAYS[1], plans.clear(), legs.clear(), market([250.0, 249.5]), NOW)
    positions = made.ledger.positions(only_open=True)
    brief = account_brief(made.settings, made.ledger, positions)
    assert (brief.open_positions, brief.working_entries) == (1, 0)
    assert brief.open_risk_usd == pytest.approx(positions[0].risk_usd)


def test_risk_is_stated_against_its_limits():
    brief = AccountBrief(FRIDAY, 1e5, 0.0, 0.0, 2, 1_500.0, 1, 500.0, 10_000.0, 6)
    assert brief.in_words()[1] == (
        "Open risk 2,000 USD of 10,000 USD allowed (20%): 2 of at most 6 positions open, "
        "1 working entry."
    )


def test_a_decision_is_told_with_what_became_of_its_order(settings):
    plans, legs = planned(FRIDAY)
    order = {"date": FRIDAY, "ticker": "SPY", "plan_id": plans["plan_id"][0],
             "client_order_id": "id-1", "status": "not_sent", "reason": "MAX_POSITIONS",
             "contracts": 1, "filled_qty": 0, "avg_price": None, "broker": "simulated",
             "updated_at": SATURDAY_NOON, "rule_set": "plan"}  # fmt: skip
    orders = pl.DataFrame([order]).cast(dict(PAPER_ORDERS.schema))
    warehouse = Warehouse(settings.warehouse_path)
    warehouse.write([(TRADE_PLAN, plans), (TRADE_PLAN_LEGS, legs), (PAPER_ORDERS, orders)])
    told = decision_words(plans.row(0, named=True), legs.sort("leg").to_dicts())
    expected = [f"SPY: {told} The order is not sent (MAX_POSITIONS)."]
    assert decisions_in_words(settings, warehouse, FRIDAY) == expected
    assert decisions_in_words(settings, warehouse, WEDNESDAY) == []


def test_an_order_that_came_too_late_says_so():
    assert order_words({"status": "expired", "reason": "NEVER_SENT"}) == (
        " The order is expired: its session closed before it could be sent (NEVER_SENT)."
    )


def test_a_quiet_home_waits_for_the_next_session(settings):
    assert problems(settings) == []
    assert next_step([], FRIDAY, goes_on=True) == (
        "nothing; the session 2024-07-08 is run from 00:00 New York on 2024-07-09 on: "
        "options-platform daily"
    )
    assert "options-platform report" in next_step([], FRIDAY, goes_on=False)


def test_what_is_most_pressing_gives_the_next_step(settings):
    mark(settings, WEDNESDAY, 1e5)
    open_ledger(settings).halt("storm", SATURDAY_NOON)
    found = problems(settings, planned=WEDNESDAY, entries=(1, 2))
    assert [problem.text.partition(":")[0] for problem in found] == [
        "new entries are halted",
        "the daily run of 2024-07-05 is missing",
        "Plans end at 2024-07-03, 1 session before 2024-07-05, the newest",
        "Open in the quarantine",
    ]
    assert found[-1].text.endswith("1 row set aside, 2 warnings")
    assert next_step(found, FRIDAY, goes_on=True).startswith("options-platform resume --reason")


def test_a_problem_without_a_step_does_not_hide_the_next_one():
    found = [Problem("it is raining"), Problem("late", "options-platform daily")]
    assert next_step(found, FRIDAY, goes_on=True) == "options-platform daily"


def test_a_database_of_runs_that_is_damaged_is_a_problem_of_the_home(settings):
    path = settings.dagster_home / "history" / "runs.db"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"garbage " * 1000)
    (problem,) = problems(settings)
    assert "is damaged" in problem.text
    assert problem.step == "options-platform doctor"


def test_the_decisions_of_several_sets_name_them(settings):
    shared = replace(settings, budgets={"plan": 0.5, "premium_ladder": 0.5})
    plans, legs = planned(FRIDAY)
    warehouse = Warehouse(settings.warehouse_path)
    warehouse.write([(TRADE_PLAN, plans), (TRADE_PLAN_LEGS, legs)])
    (line,) = decisions_in_words(shared, warehouse, FRIDAY)
    assert line.startswith("SPY (plan): ")


def test_a_source_of_files_is_brought_up_to_date_before_the_next_daily_run(tmp_path):
    settings = make_settings({"home": tmp_path, "source": "csv", "csv_dir": str(tmp_path)})
    step = next_step(problems(settings, planned=WEDNESDAY), FRIDAY, goes_on=True)
    assert step == (
        "bring the files up to 2024-07-05, or set end to their last session; then: "
        "options-platform daily"
    )


def test_a_probability_stands_beside_the_share_of_its_direction_so_far(settings):
    plans, legs = planned(FRIDAY)
    naive = {"date": FRIDAY, "ticker": "SPY", "model": "prior", "target": "direction",
             "p_bearish": 0.25, "p_neutral": 0.25, "p_bullish": 0.5}  # fmt: skip
    shares = pl.DataFrame([naive | dict.fromkeys(("iv_rank_pred", "fold", "model_id"))])
    shares = shares.cast(dict(MODEL_PREDICTIONS.schema))
    warehouse = Warehouse(settings.warehouse_path)
    warehouse.write([(TRADE_PLAN, plans), (TRADE_PLAN_LEGS, legs), (MODEL_PREDICTIONS, shares)])
    (told,) = decisions_in_words(settings, warehouse, FRIDAY)
    share = naive[f"p_{plans['direction'].item()}"]
    assert f"likely ({share:.0%} of the sessions so far were)" in told


def test_without_a_prediction_the_next_step_is_a_longer_history(settings):
    warehouse = Warehouse(settings.warehouse_path)
    _, index = random_market(("SPY",), WEDNESDAY, FRIDAY)
    warehouse.write([(VIX, index)])
    plan = {"date": FRIDAY, "ticker": "SPY", "reasons": ["NO_PREDICTION"]}
    found = without_prediction(warehouse, [plan])
    assert "no prediction for SPY" in found.text
    assert found.text.endswith("2 are stored")
    assert next_step([found], FRIDAY, goes_on=False) == (
        "set start to 2022-02-11 or earlier in options.toml; then: options-platform backfill"
    )
    assert without_prediction(warehouse, [plan | {"reasons": ["NO_EDGE"]}]) is None
