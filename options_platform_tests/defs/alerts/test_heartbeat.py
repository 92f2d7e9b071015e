"""The heartbeat: a real watcher is asked once for each daily run that succeeded."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from options_platform.adapters.heartbeat import ask, heartbeat_url
from options_platform.defs.alerts.heartbeat import make_heartbeat_sensor
from options_platform.defs.market_data.answers import ANSWERS_STEP
from options_platform.defs.shared.partitions import BACKFILL_TAG
from options_platform.errors import FailedTickersError, NotifyError, SettingsError
from options_platform.settings import HEARTBEAT_URL, make_settings
from options_platform_tests.fakes.receiver import receiver


@pytest.fixture
def there():
    with receiver() as found:
        yield found


@dg.op(config_schema={"works": bool})
def works_or_not(context):
    if not context.op_config["works"]:
        raise ValueError("the source gave nothing")


@dg.job(name="daily")
def daily():
    works_or_not()


@dg.op(name=ANSWERS_STEP)
def answers():
    raise FailedTickersError("QQQ failed: no answer")


@dg.job(name="daily")
def daily_without_a_ticker():
    answers()


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def run(instance):
    def execute(*, works=True, tags=None):
        config = {"ops": {"works_or_not": {"config": {"works": works}}}}
        daily.execute_in_process(config, instance=instance, raise_on_error=False, tags=tags)

    return execute


@pytest.fixture
def look(tmp_path, there, instance):
    settings = make_settings({"home": tmp_path, "source": "simulated"})

    def tick(later=timedelta(0)):
        url = heartbeat_url({HEARTBEAT_URL: there.watcher})
        sensor = make_heartbeat_sensor(settings, lambda: url, lambda: datetime.now(UTC) + later)
        with dg.build_sensor_context(instance=instance, sensor_name=sensor.name) as context:
            return sensor.evaluate_tick(context).skip_message

    return tick


def test_the_watcher_is_asked_once_for_each_daily_run_that_succeeded(look, run, there):
    assert look() == "nothing to report"
    run(works=False)
    run(tags={BACKFILL_TAG: "yes"})
    look()
    assert there.asked == []
    for number in (1, 2):
        run()
        assert look() == "the watcher has answered"
        assert look() == "nothing to report"
        assert there.asked == [f"/ping/{there.password}"] * number


def test_a_run_that_only_left_out_a_ticker_is_a_sign_of_life(look, instance, there):
    daily_without_a_ticker.execute_in_process(instance=instance, raise_on_error=False)
    assert look() == "the watcher has answered"
    assert len(there.asked) == 1


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_heartbeat_is_repeated_until_it_is_answered_or_no_news(look, run, there, status):
    run()
    there.status = status
    for _ in range(2):
        assert look() == f"the watcher of OPTIONS_HEARTBEAT_URL answered with status {status}"
    assert look(timedelta(hours=13)) == "the newest run is no news any more"
    there.status = 200
    assert look() == "the watcher has answered"
    assert len(there.asked) == 3


def test_no_error_shows_the_address_of_the_watcher(there):
    with receiver() as closed:
        url = closed.watcher
    with pytest.raises(NotifyError, match="did not answer") as caught:
        ask(url)
    assert caught.value.__cause__ is None
    assert there.password not in str(caught.value)
    for wrong in (
        "ftp://canary/",
        "canary",
        "http://",
        "https://canary https://b",
        "http://[canary",
    ):
        with pytest.raises(SettingsError, match=HEARTBEAT_URL) as caught:
            heartbeat_url({HEARTBEAT_URL: wrong})
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(("url", "state"), [("", "STOPPED"), ("http://127.0.0.1/", "RUNNING")])
def test_the_sensor_runs_by_default_if_a_watcher_is_set(tmp_path, monkeypatch, url, state):
    monkeypatch.setenv(HEARTBEAT_URL, url)
    settings = make_settings({"home": tmp_path, "source": "simulated"})
    assert make_heartbeat_sensor(settings).default_status.value == state
