"""The go-live gate: each check passes with what it asks for, and says what is missing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from options_platform.domain.accounting.go_live import GoLiveFacts, go_live_checks
from options_platform.domain.trading.go_live_rules import GoLiveRules

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WEEK_AGO = NOW - timedelta(days=7)
SESSIONS = [date(2026, 1, 5) + timedelta(days=at) for at in range(20)]
READY = GoLiveFacts(
    shares=[0.2] * 27 + [-0.5] * 3,
    profits=[80.0] * 27 + [-200.0] * 3,
    sessions=SESSIONS,
    differences=[date(2026, 1, 4)],
    differs=False,
    delivered_at=WEEK_AGO,
    waiting_since=NOW - timedelta(hours=1),
    halt_tried_at=WEEK_AGO,
    restored_at=WEEK_AGO,
)


def failed(**changes):
    checks = go_live_checks(replace(READY, **changes), GoLiveRules(), NOW)
    assert all(check.todo for check in checks)
    return {check.name: check.found for check in checks if not check.passed}


def test_a_record_of_30_trades_and_all_drills_opens_it():
    assert failed() == {}
    checks = {check.name: check.found for check in go_live_checks(READY, GoLiveRules(), NOW)}
    # 27 x 0.2 - 3 x 0.5 - 1 added loss, over 31.
    assert "30 trades made +13.0% of what they risked, +9.4% with one loss" in checks["record"]
    assert checks["profit factor"].startswith("3.60 [")
    assert "win rate 90% [" in checks["profit factor"]


@pytest.mark.parametrize(
    ("changes", "missing"),
    [
        ({"shares": READY.shares[:29], "profits": READY.profits[:29]}, {"record", "profit factor"}),
        # What 30 trades made does not outweigh one loss of all that was at risk.
        ({"shares": [0.2] * 25 + [-0.9] * 5, "profits": [90.0] * 25 + [-400.0] * 5}, {"record"}),
        ({"profits": [80.0] * 20 + [-200.0] * 10}, {"profit factor"}),
        ({"differences": [SESSIONS[0]]}, {"reconciliation"}),
        ({"differs": True}, {"reconciliation"}),
        ({"sessions": SESSIONS[:19]}, {"reconciliation"}),
        ({"delivered_at": None}, {"alerts"}),
        ({"waiting_since": NOW - timedelta(days=2)}, {"alerts"}),
        ({"halt_tried_at": None}, {"kill switch"}),
        ({"halt_tried_at": NOW - timedelta(days=91)}, {"kill switch"}),
        ({"restored_at": None}, {"backup"}),
    ],
)
def test_what_is_missing_is_named(changes, missing):
    assert set(failed(**changes)) == missing


def test_a_record_is_looked_at_with_30_60_and_120_trades_only():
    # The losses after the 30th trade count from the 60th on.
    later = {"shares": [*READY.shares, *[-1.0] * 29], "profits": [*READY.profits, *[-400.0] * 29]}
    assert failed(**later) == {}
    one_more = {"shares": [*later["shares"], -1.0], "profits": [*later["profits"], -400.0]}
    assert set(failed(**one_more)) == {"record", "profit factor"}


def test_without_a_loss_the_profit_factor_is_no_obstacle():
    assert failed(shares=[0.2] * 30, profits=[80.0] * 30) == {}
