"""The plan keeps clear of reports; each refusal has its report, its status and what it needs."""

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from options_platform.domain.calendar.sessions import sessions, shift
from options_platform.domain.earnings.blackout import Known, ReportAhead, window_of
from options_platform.domain.earnings.rules import BlackoutRules
from options_platform.domain.planning.conditions.blackout import (
    REPORT_INPUTS,
    refused_entry,
    report_columns,
)
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.rule_trace import rule_trace
from options_platform.testing.plan_rows import BATCH, one

FUNDS = ("SPY",)
PLANNED = date(2015, 1, 2)
UNDATED = Known(None, is_dated=False)


def known_of(day, status="confirmed"):
    return Known(ReportAhead(day, status, day), is_dated=True)


def rows_of(known, ticker="AAPL", **inputs):
    return one().with_columns(
        pl.lit(ticker).alias("ticker"), **report_columns([known]),
        **{name: pl.lit(value) for name, value in inputs.items()},
    )  # fmt: skip


def plan(known, ticker="AAPL", rules=None, **inputs):
    made = PlanRules(blackout=rules or BlackoutRules())
    return build_plans(rows_of(known, ticker, **inputs), made)[0].row(0, named=True)


def first_reason(*args, **changes):
    return plan(*args, **changes)["reasons"][0]


EXPIRY = plan(known_of(date(2015, 4, 30)))["expiry"]


def test_an_entry_is_refused_whose_exit_before_the_report_comes_too_soon():
    # The entry works on the 5th, so the 12th is the fifth session after it.
    assert first_reason(known_of(date(2015, 1, 12))) == "REGIME_LOW_VOL"
    refused = plan(known_of(date(2015, 1, 9)))
    assert refused["reasons"] == ["EARNINGS_BLACKOUT"]
    assert "the report of 2015-01-09, confirmed" in refused["needs"]
    assert first_reason(known_of(date(2015, 1, 9)), rules=BlackoutRules(min_hold=4)) != (
        "EARNINGS_BLACKOUT"
    )


def test_without_an_exit_every_expiry_beyond_the_report_is_refused():
    stays = BlackoutRules(exit_before=0)
    assert first_reason(known_of(shift(EXPIRY, -1)), rules=stays) == "EARNINGS_BLACKOUT"
    assert first_reason(known_of(EXPIRY), rules=stays) == "REGIME_LOW_VOL"


def test_a_report_of_the_evening_of_the_plan_is_known_to_its_entry():
    assert first_reason(known_of(PLANNED)) == "REGIME_LOW_VOL"
    assert first_reason(known_of(PLANNED, "estimated")) == "EARNINGS_BLACKOUT"


def test_an_unsure_date_is_kept_clear_of_by_its_buffer():
    assert first_reason(known_of(date(2015, 1, 13), "estimated")) == "EARNINGS_BLACKOUT"
    assert first_reason(known_of(date(2015, 1, 14), "estimated")) == "REGIME_LOW_VOL"
    assert first_reason(known_of(date(2015, 1, 16), "projected")) == "EARNINGS_BLACKOUT"
    assert first_reason(known_of(date(2015, 1, 20), "projected")) == "REGIME_LOW_VOL"


def test_a_window_refuses_the_sessions_up_to_the_report_and_no_others():
    window = BlackoutRules(mode="window", days_before=3)
    assert first_reason(known_of(date(2015, 1, 7)), rules=window) == "EARNINGS_BLACKOUT"
    assert first_reason(known_of(date(2015, 1, 8)), rules=window) == "REGIME_LOW_VOL"


def test_off_refuses_nothing():
    off = BlackoutRules(mode="off")
    assert first_reason(known_of(date(2015, 1, 6)), rules=off) == "REGIME_LOW_VOL"
    assert first_reason(UNDATED, rules=off) == "REGIME_LOW_VOL"


def test_a_stock_whose_next_date_nobody_knows_is_refused_and_traded_in_backtests():
    assert first_reason(UNDATED) == "EARNINGS_UNKNOWN"
    assert first_reason(UNDATED, is_backtest=True) == "REGIME_LOW_VOL"
    strict = BlackoutRules(unknown_in_backtests="refuse")
    assert first_reason(UNDATED, rules=strict, is_backtest=True) == "EARNINGS_UNKNOWN"
    assert first_reason(UNDATED, rules=BlackoutRules(unknown="allow")) == "REGIME_LOW_VOL"


def test_a_fund_and_inputs_that_nobody_asked_about_are_not_affected():
    assert first_reason(UNDATED, "SPY") == "REGIME_LOW_VOL"
    rows = BATCH.with_columns(**report_columns([UNDATED] * BATCH.height))
    for mode in ("life", "window", "off"):
        rules = PlanRules(blackout=BlackoutRules(mode=mode))
        for given_rows in (BATCH, rows):
            for ours, before in zip(
                build_plans(given_rows, rules), build_plans(BATCH, PlanRules()), strict=True
            ):
                assert_frame_equal(ours, before)


def test_the_ledger_of_decisions_holds_the_report_its_status_and_the_threshold():
    inputs = rows_of(known_of(date(2015, 1, 9)))
    plans, _ = build_plans(inputs, PlanRules())
    asked = (
        rule_trace(inputs, plans, PlanRules()).filter(rule="EARNINGS_BLACKOUT").row(0, named=True)
    )
    assert (asked["value"], asked["outcome"]) == ("2015-01-09, confirmed", "refused")
    assert asked["threshold"] == (
        "an expiry before the report, or 5 sessions from the entry to the exit before it"
    )


def test_a_row_is_planned_the_same_alone_and_among_others():
    days = sessions(BATCH["date"].min(), BATCH["date"].max())
    known = [known_of(shift(day, n % 40), ("confirmed", "estimated", "projected")[n % 3])
             for n, day in enumerate(BATCH["date"])]  # fmt: skip
    rows = BATCH.with_columns(pl.lit("AAPL").alias("ticker"), **report_columns(known))
    together, _ = build_plans(rows, PlanRules())
    refused = together.filter(pl.col("reasons").list.contains("EARNINGS_BLACKOUT"))
    assert 20 < refused.height < len(days)
    for at in range(0, rows.height, 37):
        alone, _ = build_plans(rows[at : at + 1], PlanRules())
        same = together.join(alone, on=("date", "ticker"), how="semi")
        assert_frame_equal(alone, same)


@given(
    planned=st.sampled_from(sessions(date(2015, 1, 2), date(2015, 3, 2))),
    ahead=st.integers(0, 60),
    dte=st.integers(3, 60),
    status=st.sampled_from(["confirmed", "estimated", "projected"]),
    rules=st.builds(
        BlackoutRules,
        mode=st.sampled_from(["life", "window", "off"]),
        days_before=st.integers(0, 8),
        exit_before=st.integers(0, 3),
        min_hold=st.integers(0, 8),
    ),
)
def test_what_is_let_through_leaves_before_any_day_that_the_report_may_be(
    planned, ahead, dte, status, rules
):
    report = ReportAhead(day := shift(planned, ahead), status, day)
    expiry = planned + timedelta(days=dte)
    refused = refused_entry(Known(report, True), "AAPL", planned, expiry, rules, FUNDS)
    window, entry = window_of(report, rules), shift(planned, 1)
    is_ahead, meets = entry <= window.last, expiry > window.first
    if rules.mode == "off":
        wanted = False
    elif rules.mode == "window":
        wanted = (
            is_ahead and entry >= shift(window.first, 1 - rules.days_before)
            if (rules.days_before)
            else is_ahead and entry > window.first
        )
    else:
        has_room = window.leave_in is not None and shift(entry, rules.min_hold) <= window.leave_in
        wanted = is_ahead and meets and not has_room
    assert (refused is not None) == wanted
    if refused is not None:
        assert (refused.code, refused.report) == ("EARNINGS_BLACKOUT", f"{report.day}, {status}")


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("days_before", -1, "0 to 63"), ("exit_before", 21, "0 to 20"), ("min_hold", 64, "0 to 63")],
)
def test_settings_out_of_range_are_refused(name, value, said):
    with pytest.raises(ValueError, match=f"{name} is {said}, not {value}"):
        BlackoutRules(**{name: value})


def test_inputs_of_a_plan_have_every_column_of_a_report():
    assert {*report_columns([UNDATED]), "is_backtest"} == {*REPORT_INPUTS}
    assert replace(BlackoutRules(), mode="off").closes is False
