"""What is said of a condition, to whom, and how often; whatever dies meanwhile."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from options_platform.adapters.storage.outbox.outbox import KEPT, Outbox
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.domain.trading.alerts import Alert
from options_platform.errors import DamagedError
from options_platform.services.alerting.conditions import outbox_of
from options_platform.settings import make_settings

RULES = AlertRules(same_within_minutes=0.0)
NOON = datetime(2024, 7, 5, 12, tzinfo=UTC)
HALTED = Alert("halted", "paper: new entries are halted", "by hand")
PAUSED = Alert("paused", "paper: new entries are paused", "a loss")


@pytest.fixture
def outbox(tmp_path):
    return Outbox(tmp_path / "alerts.db")


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Makes an outbox for each example."""
    folder, made = tmp_path_factory.mktemp("outboxes"), iter(range(10_000))
    return lambda: Outbox(folder / f"{next(made)}.db")


def take(outbox, *addresses, now=NOON, delivered=True):
    """Deliver what waits; the messages."""
    messages = outbox.undelivered(addresses or None)
    for message in messages:
        outbox.note_attempt(message, now, delivered=delivered)
    return messages


def texts(messages):
    return [message.text for message in messages]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sets(st.sampled_from("abcd")), max_size=6))
def test_each_spell_of_a_condition_is_told_once(fresh, spells):
    outbox, before = fresh(), set()
    for holding in spells:
        outbox.record([Alert(key, "", "") for key in sorted(holding)], ["x"], NOON, RULES)
        assert {message.key for message in take(outbox)} == holding - before
        before = holding


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(5.0, 1e6), min_size=1, max_size=8))
def test_a_difference_in_cash_is_told_again_each_time_it_has_doubled(fresh, amounts):
    outbox, rung = fresh(), []
    for amount in amounts:
        alert = Alert("difference CASH cash", "", str(amount), amount)
        outbox.record([alert], ["x"], NOON, RULES)
        rung += [float(text) for text in texts(take(outbox))]
        assert max(amounts[: amounts.index(amount) + 1]) < 2 * rung[-1]
    assert rung[0] == amounts[0]
    assert all(later >= 2 * earlier for earlier, later in pairwise(rung))


def test_cents_do_not_ring_and_a_difference_that_grew_does(outbox):
    for amount, count in ((100.0, 1), (100.04, 0), (199.99, 0), (5_100.0, 1), (40.0, 0)):
        outbox.record([Alert("difference CASH cash", "", "", amount)], ["x"], NOON, RULES)
        assert len(take(outbox)) == count, amount


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=8))
def test_what_was_not_delivered_is_tried_again_until_it_is(fresh, delivered):
    outbox, count = fresh(), 0
    for works in delivered:
        outbox.record([HALTED], ["x"], NOON, RULES)
        count += len(take(outbox, delivered=works)) if works else 0
        take(outbox, delivered=False)
    assert count == (1 if any(delivered) else 0)


def test_what_ended_before_it_was_delivered_is_told_with_its_end(outbox):
    outbox.record([PAUSED], ["x"], NOON, RULES)
    take(outbox, delivered=False)
    outbox.record([], ["x"], NOON + timedelta(hours=1), RULES)
    outbox.record([], ["x"], NOON + timedelta(hours=2), RULES)
    assert texts(take(outbox)) == ["a loss\nIt ended by 2024-07-05 13:00 UTC."]
    assert outbox.lasting() == []


def test_what_comes_back_as_it_was_within_the_half_hour_is_not_told_again(outbox):
    rules = AlertRules()
    for minutes, holds, told in (
        (0, True, 1), (1, False, 0), (5, True, 0), (6, False, 0), (20, True, 0), (21, False, 0),
        (60, True, 1),
    ):  # fmt: skip
        now = NOON + timedelta(minutes=minutes)
        outbox.record([PAUSED] if holds else [], ["x"], now, rules)
        assert len(take(outbox, now=now)) == told, minutes
    outbox.record([], ["x"], NOON + timedelta(minutes=61), rules)
    other = Alert(PAUSED.key, PAUSED.title, "another loss")
    outbox.record([other], ["x"], NOON + timedelta(minutes=62), rules)
    assert texts(take(outbox)) == ["another loss"]


def test_conditions_that_were_not_looked_at_have_not_ended(outbox):
    outbox.record([HALTED, PAUSED], ["x"], NOON, RULES)
    outbox.record([HALTED], ["x"], NOON, RULES, are_all=False)
    assert [alert.key for alert in outbox.lasting()] == ["halted", "paused"]


def test_a_new_address_hears_what_lasts_and_no_history(outbox):
    outbox.record([HALTED, PAUSED], ["x"], NOON, RULES)
    outbox.record_events([Alert("run 1", "run of daily failed", "no source")], ["x"], NOON)
    outbox.record([HALTED], ["x"], NOON, RULES)
    take(outbox)
    outbox.record([HALTED], ["x", "y"], NOON, RULES)
    outbox.record_events([Alert("run 1", "run of daily failed", "no source")], ["x", "y"], NOON)
    assert [(one.address, one.key) for one in outbox.undelivered()] == [("y", "halted")]


def test_an_unacknowledged_critical_alert_escalates_each_hour_at_most_three_times(outbox):
    told = {}
    for minutes in range(0, 600, 10):
        now = NOON + timedelta(minutes=minutes)
        outbox.record([HALTED, PAUSED], ["x"], now, RULES)
        outbox.escalate(["boss"], now, RULES)
        told[minutes] = [(one.address, one.key) for one in take(outbox, now=now)]
    assert told.pop(0) == [("x", "halted"), ("x", "paused")]
    rung = {minutes: each for minutes, each in told.items() if each}
    assert rung == {minutes: [("boss", "halted")] for minutes in (60, 120, 180)}


def test_a_long_silence_is_one_escalation_and_names_how_to_end_it(outbox):
    outbox.record([HALTED], ["x"], NOON, RULES)
    take(outbox)
    outbox.escalate(["x"], NOON + timedelta(minutes=150), RULES)
    (message,) = take(outbox)
    assert message.title == "NOT ACKNOWLEDGED for 2.5 hours: paper: new entries are halted"
    assert message.text == f"by hand\nTo stop: options-platform alerts --acknowledge {HALTED.id}"
    outbox.escalate(["x"], NOON + timedelta(minutes=179), RULES)
    assert take(outbox) == []
    outbox.escalate(["x"], NOON + timedelta(minutes=180), RULES)
    assert len(take(outbox)) == 1


def test_an_acknowledged_alert_is_silent_until_it_has_grown(outbox):
    small, large = (Alert("difference CASH cash", "differ", "", size) for size in (5.0, 50.0))
    outbox.record([small], ["x"], NOON, RULES)
    take(outbox)
    outbox.escalate(["x"], NOON + timedelta(hours=1), RULES)
    (seen,) = outbox.acknowledge(small.id, "Ada", NOON + timedelta(hours=1))
    assert (seen.acknowledged_by, seen.acknowledged_at) == ("Ada", NOON + timedelta(hours=1))
    # An escalation that had not left does not leave any more.
    assert take(outbox) == []
    (again,) = outbox.acknowledge(small.id, "Bob", NOON + timedelta(hours=2))
    assert again.acknowledged_by == "Ada"
    outbox.escalate(["x"], NOON + timedelta(hours=9), RULES)
    assert take(outbox) == []
    outbox.record([large], ["x"], NOON + timedelta(hours=10), RULES)
    outbox.escalate(["x"], NOON + timedelta(hours=10), RULES)
    assert len(take(outbox)) == 1
    outbox.escalate(["x"], NOON + timedelta(hours=11), RULES)
    assert len(take(outbox)) == 1
    assert outbox.acknowledge("ffffff", "Ada", NOON) == []


def test_what_ended_long_ago_is_forgotten_and_a_head_that_left_is_not(outbox):
    head = Alert(f"forward head 1 {'a' * 64}", "forward record", "")
    outbox.record([HALTED], ["x"], NOON, RULES)
    outbox.record_events([head, Alert("run 1", "", "")], ["x"], NOON)
    take(outbox)
    outbox.record([], ["x"], NOON, RULES)
    outbox.forget_ended(NOON + KEPT + timedelta(days=1))
    assert outbox.delivered_keys("") == [head.key]


def test_a_file_that_is_no_database_is_named(outbox):
    outbox.path.write_bytes(b"not a database" * 100)
    with pytest.raises(DamagedError, match=r"alerts\.db"):
        outbox.lasting()


WRITES = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from options_platform.adapters.storage.outbox import Outbox
from options_platform.domain.trading.alert_rules import AlertRules
from options_platform.domain.trading.alerts import Alert

outbox, now = Outbox(Path(sys.argv[1])), datetime(2024, 7, 5, 12, tzinfo=UTC)
for number in range(100_000):
    outbox.record_events([Alert(f"run {number}", "failed", str(number))], ["x", "y"], now)
    for message in outbox.undelivered(["x"]):
        print(message.text, flush=True)
        outbox.note_attempt(message, now, delivered=True)
"""


def test_a_process_killed_while_it_delivers_loses_no_message_and_repeats_at_most_one(outbox):
    child = subprocess.Popen(
        [sys.executable, "-c", WRITES, outbox.path], stdout=subprocess.PIPE, text=True
    )
    told = [child.stdout.readline() for _ in range(20)]
    child.send_signal(signal.SIGKILL)
    told = [int(line) for line in [*told, *child.stdout.read().splitlines()] if line.strip()]
    child.wait()
    child.stdout.close()
    waiting = [int(text) for text in texts(outbox.undelivered(["x"]))]
    known = [int(text) for text in texts(outbox.undelivered(["y"]))]
    assert sorted({*told, *waiting}) == known == list(range(len(known)))
    assert len({*told} & {*waiting}) <= 1
    assert len(told) == len({*told})


def test_the_outbox_is_in_the_home(tmp_path):
    of_home = make_settings({"home": tmp_path, "source": "simulated"})
    outbox_of(of_home).record([HALTED], [], NOON, RULES)
    (tmp_path / "alerts.db").write_bytes(b"not a database" * 100)
    # A damaged one stops no alert: it is set aside, and what lasts is told again.
    outbox_of(of_home).record([HALTED], ["x"], NOON, RULES)
    assert len(outbox_of(of_home).undelivered()) == 1
    assert list(tmp_path.glob("alerts.db.damaged-*"))
