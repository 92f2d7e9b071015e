"""The cells of the strategy matrix: traded, always refused, never called, never occurs."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.planning.cells import CELLS, cell_text, confident_calls, matrix_cells
from options_platform.domain.planning.plan import PlanRules, build_plans
from options_platform.domain.planning.selection import SelectionRules
from options_platform.testing.plan_rows import BATCH, one

RULES = PlanRules(selection=SelectionRules(iron_condor_enabled=True))
LONG_AGO = date(2000, 1, 3)


def rows_of(*changes):
    """One row for each of `changes`, on consecutive sessions."""
    frames = [one(**change) for change in changes]
    days = BATCH["date"].head(len(frames))
    return pl.concat(frames).with_columns(date=days)


def cells_of(inputs, rules=RULES, since=LONG_AGO, entered=None):
    """The cells by key; `entered` are the sessions whose plans were opened (default: all)."""
    plans, _ = build_plans(inputs, rules)
    opened = plans.filter(pl.col("decision") == "trade")
    if entered is not None:
        opened = opened.filter(pl.col("date").is_in(entered))
    trades = opened.select("ticker", planned_on="date")
    cells = matrix_cells(inputs, plans, trades, rules.selection, since)
    assert cells.schema == CELLS
    return {(r["regime"], r["direction"], r["strategy"]): r for r in cells.to_dicts()}


def test_a_frame_with_every_state():
    veto = {"regime": "iv_expansion", "iv_rank_change_pred": -0.2}
    cells = cells_of(
        rows_of(
            {"regime": "low_vol"},
            {"regime": "low_vol", "direction": "neutral"},
            veto, veto, {**veto, "bad_reason": "BAD"}, {**veto, "direction": "neutral"},
        ),
        PlanRules(selection=SelectionRules(veto_debit_regimes=REGIMES)),
    )  # fmt: skip
    traded = cells["low_vol", "bullish", "bull_call_spread"]
    assert (traded["state"], traded["rows"], traded["called"], traded["trades"]) == (
        "traded", 2, 1, 1,
    )  # fmt: skip
    assert traded["refusal"] is traded["refused"] is None
    refused = cells["iv_expansion", "bullish", "bull_call_spread"]
    assert (refused["state"], refused["rows"], refused["called"]) == ("always refused", 4, 3)
    assert (refused["refusal"], refused["refused"]) == ("VOL_VETO_DEBIT", 2)
    assert cells["low_vol", "bearish", "bear_put_spread"]["state"] == "never called"
    assert cells["high_vol", "neutral", "iron_condor"]["state"] == "never occurs"
    assert cell_text(refused) == (
        "iv_expansion bullish (bull call spread): always refused, 3 calls, 2 of them by "
        "VOL_VETO_DEBIT"
    )
    assert cell_text(cells["low_vol", "bearish", "bear_put_spread"]) == (
        "low_vol bearish (bear put spread): never called in 2 plans of low_vol"
    )


def test_plans_that_the_account_keeps_out_are_planned_and_not_entered():
    rows = rows_of(*3 * [{"regime": "low_vol"}])
    key = ("low_vol", "bullish", "bull_call_spread")
    some = cells_of(rows, entered=rows["date"].to_list()[:1])[key]
    assert (some["called"], some["trades"], some["entered"], some["state"]) == (3, 3, 1, "traded")
    assert cell_text(some).endswith(": 3 of 3 calls planned, 1 entered")
    none = cells_of(rows, entered=[])[key]
    assert (none["trades"], none["entered"], none["state"]) == (3, 0, "never entered")
    assert cell_text(none).endswith(": 3 of 3 calls planned, none entered")


def test_of_the_neutral_regimes_directions_those_in_the_upper_third_are_confident():
    sure = {"regime": "neutral", "call_rank": 0.7, "earlier_calls": 60}
    rows = rows_of(
        sure, {**sure, "call_rank": 0.6}, {**sure, "earlier_calls": 59},
        {**sure, "direction": "neutral"}, {**sure, "regime": "low_vol"},
    )  # fmt: skip
    assert confident_calls(rows, RULES.selection) == (3, 1)
    assert confident_calls(rows, SelectionRules(strategy="iron_condor")) == (0, 0)


def test_there_are_fourteen_cells_and_none_without_a_strategy():
    cells = cells_of(BATCH)
    assert len(cells) == 14
    assert {name for *_, name in cells} == {
        "bull_call_spread", "bear_put_spread", "bull_put_spread", "bear_call_spread", "iron_condor",
    }  # fmt: skip
    # Calls that the matrix has no strategy for are in no cell.
    assert sum(cell["called"] for cell in cells.values()) < BATCH.height


def test_the_neutral_regime_has_a_debit_and_a_credit_cell_by_iv_rank():
    cells = cells_of(
        rows_of(
            {"regime": "neutral", "iv_rank": 0.2}, {"regime": "neutral", "iv_rank": 0.3},
            {"regime": "neutral", "iv_rank": 0.8},
        )
    )  # fmt: skip
    assert cells["neutral", "bullish", "bull_call_spread"]["called"] == 2
    assert cells["neutral", "bullish", "bull_put_spread"]["called"] == 1
    assert cells["neutral", "bearish", "bear_call_spread"]["state"] == "never called"


def test_the_trades_of_the_cells_are_the_trades_of_the_plans():
    plans, _ = build_plans(BATCH, RULES)
    cells = cells_of(BATCH)
    assert (
        sum(cell["trades"] for cell in cells.values())
        == plans.filter(pl.col("decision") == "trade").height
        > 50
    )


def test_sessions_before_the_first_that_counts_change_nothing():
    since = BATCH["date"][300]
    assert cells_of(BATCH, since=since) == cells_of(BATCH.filter(pl.col("date") >= since))


@pytest.mark.parametrize("name", ["iron_condor", "bull_put_spread"])
def test_rules_with_one_strategy_have_no_cells(name):
    rules = replace(RULES, selection=SelectionRules(strategy=name))
    assert cells_of(BATCH, rules) == {}
