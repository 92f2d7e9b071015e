from hypothesis import given
from hypothesis import strategies as st

from options_platform.domain.risk import KillSwitch, KillSwitchRules

RULES = KillSwitchRules(max_daily_loss_pct=0.03, max_drawdown_pct=0.10)
NEW = KillSwitch(peak_usd=100_000.0, previous_usd=100_000.0)


def test_a_daily_loss_beyond_its_limit_trips_the_switch():
    assert not NEW.after(97_000.0, RULES).halted
    tripped = NEW.after(96_999.0, RULES).tripped
    assert (tripped.code, tripped.value, tripped.threshold) == ("DAILY_LOSS", 3_001.0, 3_000.0)


def test_many_small_losses_trip_the_switch_by_drawdown():
    switch = NEW
    for equity in (104_000.0, 102_000.0, 100_000.0, 98_000.0, 96_000.0, 94_000.0):
        switch = switch.after(equity, RULES)
        assert not switch.halted
    assert switch.after(93_500.0, RULES).tripped.code == "DRAWDOWN"


def test_after_a_reset_losses_count_from_the_current_equity():
    switch = NEW.after(89_000.0, RULES).reset()
    assert not switch.halted
    assert not switch.after(87_000.0, RULES).halted


@given(st.lists(st.floats(1_000.0, 200_000.0), min_size=1, max_size=60))
def test_a_tripped_switch_stays_tripped_whatever_the_equity_does(equities):
    switch, tripped = NEW, False
    for equity in equities:
        switch = switch.after(equity, RULES)
        assert switch.halted >= tripped
        tripped = switch.halted
