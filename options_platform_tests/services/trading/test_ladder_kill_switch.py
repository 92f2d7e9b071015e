"""The losses of a ladder's rungs count together: one gap trips the kill switch once."""

import polars as pl
import pytest

from options_platform.contracts.regimes import REGIMES
from options_platform.domain.backtest import run_backtest
from options_platform.domain.planning.plan import build_plans
from options_platform.testing.market import NOW
from options_platform.testing.plan_rows import one
from options_platform_tests.alpaca_market import rules_of_a_paper_account
from options_platform_tests.domain.backtest import small
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    WIDE_RISK,
    market,
    service,
)

RUNGS, GAP_ON = 5, 6
# A little lower each day, so that every entry fills.
CLOSES = [250.0 - 1.0 * n for n in range(GAP_ON)] + [222.0] * 3
RULES = {
    "plan": {"selection": {"strategy": "bull_put_spread", "veto_credit_above": 1.0},
             "strikes": {"short_delta": dict.fromkeys(REGIMES, 0.2)}},
    "risk": {**WIDE_RISK, "max_positions": 9, "max_positions_per_ticker": 9,
             "kill_switch": {"max_daily_loss_pct": 0.03, "max_drawdown_pct": 0.15}},
}  # fmt: skip


@pytest.mark.long
def test_rungs_that_are_lost_together_halt_entries_once_live_and_in_a_backtest(tmp_path):
    made = service(tmp_path, **RULES)
    days = [n for n in range(len(CLOSES)) if n < RUNGS or n >= GAP_ON]
    rows = [one(close=CLOSES[n]).with_columns(date=pl.lit(DAYS[n])) for n in days]
    plans, legs = build_plans(pl.concat(rows), made.settings.plan)
    for n in range(len(CLOSES)):
        today = plans.filter(pl.col("date") == DAYS[n])
        made.run_session(DAYS[n], today, legs, market(CLOSES), NOW)
    result = run_backtest(
        plans,
        legs,
        small.market({"SPY": CLOSES}, index=18.0, days=DAYS),
        rules_of_a_paper_account(made.settings),
    )
    equity = made.ledger.table("marks").sort("session")["equity_usd"]
    assert result.equity["equity_usd"].to_list() == [round(each, 2) for each in equity]
    limit = 0.03 * equity[GAP_ON - 1]
    lost = [p.max_loss_usd for p in made.ledger.positions() if p.opened_on < DAYS[GAP_ON]]
    assert len(lost) == RUNGS
    assert max(lost) < limit < equity[GAP_ON - 1] - equity[GAP_ON]

    events = made.ledger.table("account_events").filter(pl.col("kind") == "halted")
    assert events.height == 1
    assert made.ledger.halted().startswith("DAILY_LOSS: ")
    halted = {o.session for o in made.ledger.orders() if o.reason == "HALTED"}
    refused = result.refusals.filter(pl.col("rule") == "HALTED")
    assert halted == {*refused["session"]} == {*DAYS[GAP_ON : len(CLOSES)]}
    # Every rung is still closed; those without time value were assigned before their stop filled.
    reasons = [p.exit_reason for p in made.ledger.positions()]
    assert reasons == result.trades["exit_reason"].to_list()
    assert reasons == ["ASSIGNED"] * (RUNGS - 1) + ["STOP_LOSS"]
