"""The alert sensors, with a real ledger, Dagster instance and receiver."""

import json
from dataclasses import replace
from datetime import datetime

import dagster as dg
import pytest

from options_platform.adapters.notifier import VARIABLE, open_notifier
from options_platform.adapters.storage.ledger import open_ledger
from options_platform.definitions import build_defs
from options_platform.defs.alerts.failed_runs import Recorded, read_cursor
from options_platform.defs.alerts.sensors import make_alert_sensors
from options_platform.domain.calendar.sessions import NEW_YORK, newest_session, shift
from options_platform.domain.forward.verification import read_chain
from options_platform.domain.trading.positions import AccountMark
from options_platform.domain.trading.reconciliation.differences import Difference
from options_platform.settings import make_settings
from options_platform_tests.domain.trading.test_alerts import FRIDAY, ORDER
from options_platform_tests.fakes.receiver import receiver
from options_platform_tests.forward_links import chain_bytes, chained_anew

NOW = datetime(2024, 7, 6, 12, tzinfo=NEW_YORK)
NEWEST = newest_session(NOW)


@pytest.fixture
def there():
    with receiver() as found:
        yield found


@pytest.fixture
def urls(there):
    """The addresses for alerts; a test may add others."""
    return [there.url]


@pytest.fixture
def broken(urls):
    """A second address that refuses everything."""
    with receiver() as found:
        found.status = 503
        urls.append(found.url)
        yield found


@pytest.fixture
def settings(tmp_path):
    made = make_settings({"home": tmp_path / "home", "source": "simulated"})
    made.home.mkdir()
    return made


@pytest.fixture
def ledger(settings):
    return open_ledger(settings)


@pytest.fixture
def tick(settings, urls):
    """Evaluates the sensor on the account, with the cursor of the tick before."""
    definitions = build_defs(settings, now=lambda: NOW)
    _, sensor = make_alert_sensors(settings, lambda: open_notifier({VARIABLE: " ".join(urls)}))
    cursor = None

    def run():
        nonlocal cursor
        context = dg.build_sensor_context(
            cursor=cursor, resources=definitions.resources, sensor_name=sensor.name
        )
        with context:
            found = sensor.evaluate_tick(context)
        cursor = found.cursor
        return found.skip_message

    return run


def titles(there):
    return [title for title, _ in there.got]


def test_a_home_without_a_ledger_has_no_alerts(tick, there):
    assert tick().startswith("no alerts;")
    assert there.got == []


def test_a_halt_is_reported_once_and_again_after_it_was_lifted(tick, there, ledger):
    ledger.halt("DAILY_LOSS: 4,000 USD lost", NOW)
    for _ in range(3):
        tick()
    assert there.got == [("paper: new entries are halted", "DAILY_LOSS: 4,000 USD lost")]
    ledger.resume("looked", NOW)
    tick()
    ledger.halt("by hand", NOW)
    tick()
    assert [text for _, text in there.got] == ["DAILY_LOSS: 4,000 USD lost", "by hand"]


def test_differences_rejections_and_a_drawdown_are_reported(tick, there, ledger):
    ledger.record_differences([Difference("CASH", "cash", "5 USD less")], NOW)
    intent = replace(ORDER, status="intent", reason=None)
    ledger.record_intent(intent, NOW)
    ledger.record(intent.to("unknown"), NOW)
    ledger.record(ORDER, NOW)
    for day, equity in ((3, 100_000.0), (5, 94_000.0)):
        mark = AccountMark(FRIDAY.replace(day=day), equity, 0.0, equity, 0.0, 0.0, 0)
        ledger.record_marks([], mark)
    tick()
    tick()
    assert titles(there) == [
        "paper: ledger and broker differ",
        "paper: the broker rejected an order",
        "paper: drawdown",
    ]


def test_a_difference_in_cash_that_has_grown_is_reported_again(tick, there, ledger):
    for amount in (100.0, 100.05, 5_100.0, 5_099.0):
        ledger.record_differences([Difference("CASH", "cash", f"{amount} less", -amount)], NOW)
        tick()
        tick()
    assert [text for _, text in there.got] == ["CASH: 100.0 less", "CASH: 5100.0 less"]


def test_the_head_of_the_forward_record_leaves_once_for_each_night(tick, there, settings):
    data = chain_bytes(2, first=shift(NEWEST, -1))
    lines = data.splitlines(keepends=True)
    settings.forward_record_path.write_bytes(b"".join(lines[:2]))
    there.status = 503
    tick()
    there.status = 200
    tick()
    tick()
    settings.forward_record_path.write_bytes(data)
    tick()
    tick()
    links = read_chain(data).links
    assert titles(there) == [f"forward record: {shift(NEWEST, -1)}", f"forward record: {NEWEST}"]
    for link, (_, text) in zip((links[1], links[3]), there.got, strict=True):
        assert f"link {link.number}, head {link.hash}" in text


def test_an_altered_forward_record_is_reported_and_its_head_is_not_sent(tick, there, settings):
    data = chain_bytes(1, first=NEWEST)
    settings.forward_record_path.write_bytes(data.replace(b'"votes"', b'"Votes"', 1))
    tick()
    ((title, text),) = there.got
    assert title == "CRITICAL: the forward record was altered"
    assert f"link 1 (session {NEWEST}, rule set plan)" in text


def test_a_record_without_a_head_that_had_left_is_reported_once(tick, there, settings):
    path, data = settings.forward_record_path, chain_bytes(1, first=NEWEST)
    anew = chained_anew(data, 2, lambda link: link.update(digest="ba9876543210"))
    path.write_bytes(data)
    tick()
    # Altered first: the head is remembered meanwhile.
    path.write_bytes(data[:-9] + data[-8:])
    tick()
    path.write_bytes(anew)
    there.status = 503
    tick()
    there.status = 200
    tick()
    tick()
    lost = "CRITICAL: the forward record has lost a head that had left"
    head = read_chain(data).links[1]
    assert titles(there).count(lost) == 1
    text = dict(there.got)[lost]
    assert f"link {head.number}, head {head.hash}, was sent and is not in the record" in text
    path.unlink()
    tick()
    tick()
    assert titles(there).count(lost) == 2


def test_an_undelivered_alert_is_sent_by_a_later_tick(tick, there, ledger):
    ledger.halt("by hand", NOW)
    there.status = 503
    assert "1 not delivered" in tick()
    there.status = 200
    tick()
    tick()
    assert titles(there) == ["paper: new entries are halted"]


def test_a_failing_address_does_not_repeat_alerts_at_the_others(broken, tick, there, ledger):
    ledger.halt("by hand", NOW)
    assert tick() == "1 alert; 1 message sent, 1 not delivered"
    assert tick() == "1 alert; no messages sent, 1 not delivered"
    broken.status = 200
    tick()
    tick()
    assert titles(there) == titles(broken) == ["paper: new entries are halted"]


def test_an_unusable_ledger_is_reported(tick, there, settings):
    settings.ledger_path.write_bytes(b"not a database" * 100)
    tick()
    tick()
    assert titles(there) == ["paper: the ledger cannot be used"]


@dg.op
def breaks():
    raise ValueError("the source gave nothing")


@dg.job(name="daily")
def failing():
    breaks()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def look(settings, urls, instance):
    """Evaluates the sensor on failed runs, with the cursor of the tick before."""
    sensor, _ = make_alert_sensors(settings, lambda: open_notifier({VARIABLE: " ".join(urls)}))
    cursor = None

    def run():
        nonlocal cursor
        with dg.build_sensor_context(
            instance=instance, cursor=cursor, sensor_name=sensor.name
        ) as context:
            found = sensor.evaluate_tick(context)
        cursor = found.cursor
        return found.skip_message

    return run


def fail(instance):
    outcome = failing.execute_in_process(instance=instance, raise_on_error=False)
    assert not outcome.success
    return outcome.run_id


def test_a_failed_run_is_reported_once_with_its_step_and_cause(look, there, instance):
    fail(instance)
    # What failed before anyone was to be told is history.
    assert look() == "no runs failed; no messages sent, 0 not delivered"
    run_id = fail(instance)
    for _ in range(3):
        look()
    ((title, text),) = there.got
    assert title == "run of daily failed"
    assert text.startswith("breaks: ValueError: the source gave nothing")
    assert run_id in text


def test_an_undelivered_failed_run_is_sent_later_and_none_is_lost(look, there, instance):
    look()
    there.status = 503
    runs = [fail(instance)]
    assert look() == "1 run failed; no messages sent, 1 not delivered"
    runs.append(fail(instance))
    assert look() == "2 runs failed; no messages sent, 2 not delivered"
    there.status = 200
    assert look() == "2 runs failed; 2 messages sent, 0 not delivered"
    look()
    assert [text[-37:-1] for _, text in there.got] == runs


def test_a_failed_run_is_sent_once_to_each_address_however_late_one_accepts_it(
    broken, look, there, instance
):
    look()
    fail(instance)
    assert look() == "1 run failed; 1 message sent, 1 not delivered"
    assert look() == "1 run failed; no messages sent, 1 not delivered"
    broken.status = 200
    look()
    look()
    assert titles(there) == titles(broken) == ["run of daily failed"]


def test_more_failures_than_are_sent_at_once_are_all_sent(look, there, instance, monkeypatch):
    monkeypatch.setattr("options_platform.defs.alerts.sensors.MOST_AT_ONCE", 2)
    look()
    runs = [fail(instance) for _ in range(5)]
    for _ in range(4):
        look()
    assert [text[-37:-1] for _, text in there.got] == runs


def test_what_an_earlier_version_has_delivered_is_not_sent_again(settings, urls, there, ledger):
    """Its memory was the sensors' cursors: keys with sizes for each address, or keys alone."""
    ledger.halt("by hand", NOW)
    head = read_chain(chain_bytes(1, first=NEWEST)).links[-1]
    settings.forward_record_path.write_bytes(chain_bytes(1, first=NEWEST))
    key = f"forward head {head.number} {head.hash}"
    definitions = build_defs(settings, now=lambda: NOW)
    _, sensor = make_alert_sensors(settings, lambda: open_notifier({VARIABLE: " ".join(urls)}))
    cursor = json.dumps({"1": {"halted": 0.0, key: 0.0}})
    for _ in range(2):
        context = dg.build_sensor_context(
            cursor=cursor, resources=definitions.resources, sensor_name=sensor.name
        )
        with context:
            cursor = sensor.evaluate_tick(context).cursor
    assert there.got == []
    old = {"1": {"since": 5.0, "run_ids": ["a", "b"]}, "2": {"since": 4.0, "run_ids": ["b"]}}
    assert read_cursor(json.dumps(old), NOW) == Recorded(4.0, ("b",))
    assert read_cursor("2024-07-05", NOW) == read_cursor(None, NOW) == Recorded(NOW.timestamp())


@pytest.mark.parametrize(("urls", "state"), [("", "STOPPED"), ("json://127.0.0.1/", "RUNNING")])
def test_sensors_run_by_default_if_an_address_is_set(settings, monkeypatch, urls, state):
    monkeypatch.setenv(VARIABLE, urls)
    assert {s.default_status.value for s in make_alert_sensors(settings)} == {state}
