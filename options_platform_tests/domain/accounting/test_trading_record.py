from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from options_platform.domain.accounting.trading_record import (
    DIFFERS,
    DRIFT_SCHEMA,
    ONLY_BACKTEST,
    ONLY_PAPER,
    SAME,
    drift_of,
    fills_against_model,
    make_record,
    targets_of,
)
from options_platform.domain.calendar.sessions import shift
from options_platform.domain.trading.fill_prices import FillRules
from options_platform.services.accounting.portfolio_views import ledger_snapshot
from options_platform_tests.domain.accounting.test_portfolio import filled_after
from options_platform_tests.paper_run import paper_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return paper_run(tmp_path_factory.mktemp("record"))


@pytest.fixture(scope="module")
def ledger(run):
    return ledger_snapshot(run.ledger)


@pytest.fixture(scope="module")
def record(run, ledger):
    return make_record(ledger, run.plans, run.legs, run.market, run.rules)


@pytest.mark.long
def test_paper_trading_at_the_fill_models_prices_does_not_drift_from_the_backtest(record, ledger):
    assert record.drift["state"].to_list() == [SAME] * len(ledger.positions)
    assert record.drift.schema == DRIFT_SCHEMA
    assert record.drift["pnl_difference_usd"].abs().max() < 0.01


def test_the_journal_lists_the_positions_of_the_ledger(record, ledger):
    by_id = {p.position_id: p for p in ledger.positions}
    assert record.journal.height == len(by_id)
    for row in record.journal.iter_rows(named=True):
        position = by_id[row["position_id"]]
        assert row["pnl_usd"] == position.profit_usd
        assert row["slippage_usd"] == pytest.approx(
            (position.entry_price - row["planned_price"]) * 100 * position.contracts
        )
        # A limit order never pays more than its limit.
        assert row["slippage_usd"] <= 0.5 * position.units / 100


def test_the_simulated_broker_fills_at_the_fill_models_prices(record):
    assert record.journal["against_model_usd"].abs().max() == pytest.approx(0.0, abs=1e-9)


def test_fills_are_worse_than_the_mid_model_and_better_than_the_worst_model(run, ledger):
    by = {
        name: fills_against_model(ledger, run.market, replace(run.rules, fills=FillRules(name)))
        for name in ("mid", "worst")
    }
    assert (by["mid"]["against_model_usd"] > 0).all()
    assert (by["worst"]["against_model_usd"] < 0).all()


def test_an_untraded_session_and_a_manual_trade_are_drift(run, ledger):
    first, *later_positions = ledger.positions
    missing_ids = {o.client_order_id for o in ledger.orders if o.position_id == first.position_id}
    fewer = replace(
        ledger,
        positions=tuple(later_positions),
        orders=tuple(o for o in ledger.orders if o.client_order_id not in missing_ids),
    )
    drift = make_record(fewer, run.plans, run.legs, run.market, run.rules).drift
    assert drift["state"].to_list() == [ONLY_BACKTEST] + [SAME] * len(later_positions)
    # The last plan: without an earlier one, the account has room for more of a later one.
    without = run.plans.filter(pl.col("plan_id") != drift["plan_id"][-1])
    drift = make_record(ledger, without, run.legs, run.market, run.rules).drift
    assert drift["state"].value_counts().sort("state").rows()[0] == (ONLY_PAPER, 1)


def test_fills_after_the_newest_mark_are_not_compared_yet(run, ledger, record):
    """One position opens and another closes after the newest mark, where the backtest ends."""
    later = filled_after(ledger, 1)
    opened = next(p for p in ledger.positions if p.closed_on is None)
    entry = next(o for o in ledger.orders if o.position_id == opened.position_id)
    after = later.positions[-1].opened_on
    out = replace(entry, client_order_id="out", purpose="exit", session=shift(after, -1))
    closed = replace(opened, closed_on=after, exit_price=0.1, exit_reason="STOP_LOSS",
                     closed_contracts=opened.contracts)  # fmt: skip
    positions = tuple(closed if p is opened else p for p in later.positions)
    moved = replace(later, orders=(*later.orders, out), positions=positions)
    moved_record = make_record(moved, run.plans, run.legs, run.market, run.rules)
    assert (record.later, moved_record.later) == (0, 2)
    assert moved_record.drift["state"].to_list() == [SAME] * (len(ledger.positions) - 1)
    rows = {row["position_id"]: row for row in moved_record.journal.iter_rows(named=True)}
    assert rows["new"]["against_model_usd"] is None
    assert rows[closed.position_id]["pnl_usd"] == closed.profit_usd


def test_trades_with_another_price_day_or_exit_reason_differ(record, run):
    for change in (
        {"entry_price": pl.col("entry_price") + 0.01},
        {"closed_on": pl.col("closed_on").dt.offset_by("1d")},
        {"exit_reason": pl.lit("BY_HAND")},
    ):
        closed = record.closed
        drift = drift_of(closed.with_columns(**change), run.backtest.trades.drop_nulls("closed_on"))
        assert set(drift["state"]) == {DIFFERS}
    assert drift.height == closed.height


def test_targets_are_not_judged_before_thirty_trades():
    few = targets_of(np.array([100.0] * 20 + [-10.0] * 9))
    assert few["state"].to_list() == ["too few"] * 3
    assert few["value"].to_list() == pytest.approx([29, 20 / 29, 2000 / 90])


def test_a_target_is_met_or_missed_only_if_the_whole_interval_is_on_one_side():
    """Of 40 trades, 34 wins are 85%, 24 are 60% and 8 are 20%; targets are 55% and 1.3."""
    for won, state in ((34, "met"), (24, "open"), (8, "missed")):
        profit = np.random.default_rng(0).permutation([100.0] * won + [-100.0] * (40 - won))
        targets = targets_of(profit)
        assert targets["state"].to_list() == ["met", state, state], won
        for row in targets[1:].iter_rows(named=True):
            assert row["low"] < row["value"] < row["high"]
            assert (row["low"] > row["target"]) == (state == "met")
            assert (row["high"] <= row["target"]) == (state == "missed")


def test_a_record_without_a_loss_meets_any_profit_factor():
    targets = targets_of(np.array([10.0] * 30))
    assert targets["state"].to_list() == ["met", "met", "met"]
    assert targets["value"].to_list() == [30.0, 1.0, None]


def test_without_trades_the_rates_are_null():
    nothing = targets_of(np.array([]))
    assert nothing["value"].to_list() == [0.0, None, None]
    assert nothing["state"].to_list() == ["too few"] * 3
