"""The summary of an account that the simulated broker has traded."""

import pytest

from options_platform.domain.trading.positions import mark_account
from options_platform.services.trading.replay import POSITIONS, SHARES, account_words, side_by_side
from options_platform.services.trading.summary import trading_summary
from options_platform.settings import make_settings
from options_platform_tests.services.trading.simulated_account import (
    DAYS,
    market,
    service,
    trade,
)

RISING = [250.0, 250.0, 251.0, 252.0, 257.0, 262.0, 262.0, 262.0]


def summary_of(made, days):
    return trading_summary(made.settings, made.ledger, market(RISING[:days]))


def test_nothing_is_summed_up_before_the_first_mark(tmp_path):
    assert summary_of(service(tmp_path), 1) is None


def test_an_open_position_is_shown_with_its_plan_then_its_exit_with_the_reason(tmp_path):
    made = service(tmp_path)
    trade(made, RISING, until=3)
    shown = summary_of(made, 3)
    (plan,) = shown.open
    assert shown.exits == []
    assert (shown.first, shown.last) == (DAYS[0], DAYS[2])
    assert plan.time_on > DAYS[2]
    assert 0.0 < plan.probability < 1.0

    trade(made, RISING)
    shown = summary_of(made, 8)
    (closed,) = shown.exits
    assert shown.open == []
    assert closed["exit_reason"] == "TAKE_PROFIT"
    assert closed["decided_on"] < closed["closed_on"]
    (row,) = shown.by_strategy
    assert (row["trades"], row["open"], row["won"], row["win_rate"]) == (1, 0, 1, 1.0)
    assert (shown.trades, shown.won) == (1, 1)
    # What the trades made is what the account has gained.
    made_usd = shown.equity_usd - shown.start_usd
    assert row["pnl_usd"] == closed["pnl_usd"] == pytest.approx(made_usd)
    last = mark_account(shown.last, shown.start_usd, made.ledger.positions())
    assert last.equity_usd == shown.equity_usd


def test_all_shipped_sets_are_replayed_unless_sets_are_chosen(tmp_path):
    plain = make_settings({"home": tmp_path, "source": "sample"})
    both = side_by_side(plain)
    assert both.budgets == SHARES
    assert both.risk.max_positions == POSITIONS
    assert both.risk.max_total_risk_pct == plain.risk.max_total_risk_pct
    assert "plan 60%, premium_ladder 40%" in account_words(both)
    chosen = make_settings({"home": tmp_path, "source": "sample", "rule_set": "premium_ladder"})
    assert side_by_side(chosen) is chosen
    assert account_words(chosen) == ""
