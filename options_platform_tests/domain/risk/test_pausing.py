from datetime import UTC, datetime, timedelta

import pytest

from options_platform.domain.risk import KillSwitchRules, after_look

RULES = KillSwitchRules(max_daily_loss_pct=0.03, max_drawdown_pct=0.15)
AT = datetime(2024, 7, 2, 14, 0, tzinfo=UTC)
LONG_AGO, JUST_NOW = AT - timedelta(seconds=60), AT - timedelta(seconds=59)
WELL, LOSS = 99_000.0, 96_000.0


@pytest.mark.parametrize(
    ("equity", "sure", "since", "step"),
    [
        (WELL, WELL, None, "none"),
        (WELL, LOSS, None, "none"),
        (LOSS, WELL, None, "pause"),
        (LOSS, LOSS, None, "pause"),
        (WELL, LOSS, LONG_AGO, "lift"),
        (LOSS, WELL, LONG_AGO, "stay"),
        (LOSS, LOSS, JUST_NOW, "stay"),
        (LOSS, LOSS, LONG_AGO, "halt"),
    ],
)
def test_the_pause_table_line_by_line(equity, sure, since, step):
    pausing = after_look([100_000.0], equity, sure, since, AT, 60.0, RULES)
    assert pausing.step == step
    assert (pausing.lost is None) is (equity == WELL)


def test_an_intraday_drawdown_from_the_peak_close_counts_too():
    closes = [120_000.0, 117_000.0, 114_000.0, 111_000.0, 108_000.0, 105_000.0, 103_000.0]
    pausing = after_look(closes, 101_900.0, 101_900.0, LONG_AGO, AT, 60.0, RULES)
    assert (pausing.step, pausing.lost.code) == ("halt", "DRAWDOWN")


def test_an_account_without_marks_has_no_loss():
    assert after_look([], 50_000.0, 50_000.0, None, AT, 60.0, RULES).step == "none"
