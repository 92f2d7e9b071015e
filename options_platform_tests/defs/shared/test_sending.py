"""Dagster's own retries and time limits, on a real instance that has both, and what sends orders.

What decides is Dagster's code: the daemon's question whether a failed run is to be run again.
"""

import subprocess
import sys
from datetime import date, datetime

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    MAX_RETRIES_TAG,
    RETRY_NUMBER_TAG,
    WILL_RETRY_TAG,
)
from dagster._daemon.auto_run_reexecution.auto_run_reexecution import should_retry
from dagster._daemon.monitoring.run_monitoring import check_run_timeout

from options_platform.common import PartitionRange
from options_platform.definitions import build_defs
from options_platform.defs.jobs import JOB_NAME
from options_platform.defs.shared.partitions import range_tags
from options_platform.defs.trading.intraday import INTRADAY_JOB_NAME
from options_platform.domain.calendar.sessions import NEW_YORK
from options_platform_tests.platform import END, make_platform_settings

NOW = datetime(2026, 1, 2, 12, tzinfo=NEW_YORK)
RETRIES = """
run_retries:
  enabled: true
  max_retries: 3
run_monitoring:
  enabled: true
  max_runtime_seconds: 60
"""
KILLED = 9
DIE = f"""
import os, sys
import dagster as dg
from options_platform.defs.trading import orders
from options_platform_tests.defs.shared.test_sending import materialize
from options_platform_tests.platform import make_platform_settings
orders.trade_session = lambda *_: os._exit({KILLED})
settings = make_platform_settings(sys.argv[1])
with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
    materialize(settings, instance, "paper_orders")
"""


@pytest.fixture
def settings(tmp_path):
    made = make_platform_settings(tmp_path / "home")
    path = made.dagster_home / "dagster.yaml"
    # Without its first line it is the user's own, which stays.
    path.write_text(path.read_text().split("\n", 1)[1] + RETRIES)
    return made


@pytest.fixture
def instance(settings):
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as made:
        assert made.run_retries_max_retries == 3
        yield made


def materialize(settings, instance, asset, *, day=END, tags=None):
    """As *Materialize* in the web UI: the implicit asset job, without the platform's tags."""
    definitions = build_defs(settings, now=lambda: NOW)
    selected = PartitionRange(day, day, settings.tickers)
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        asset_selection=[dg.AssetKey(asset)],
        tags=range_tags(selected) | (tags or {}),
        raise_on_error=False,
    )


def run_of(instance, done):
    return instance.get_run_by_id(done.run_id)


def failed_at(done):
    (event,) = (event for event in done.all_events if event.is_step_failure)
    return event.step_failure_data.error.cause.message


def test_a_failed_run_of_materialize_that_may_have_sent_is_not_retried(settings, instance):
    settings.ledger_path.write_text("damaged " * 1000)
    done = materialize(settings, instance, "paper_orders")
    assert "ledger" in failed_at(done)
    run = run_of(instance, done)
    assert run.tags[WILL_RETRY_TAG] == "false"
    assert not should_retry(run, instance)


def test_a_failed_run_that_sends_nothing_is_retried_as_the_instance_says(settings, instance):
    # The models' tables are missing, so the plan fails before any order.
    done = materialize(settings, instance, "direction_model")
    assert not done.success
    assert should_retry(run_of(instance, done), instance)


def test_a_run_whose_process_died_while_it_sent_is_not_retried(settings, instance):
    done = subprocess.run([sys.executable, "-c", DIE, str(settings.home)], check=False)
    assert done.returncode == KILLED
    (run,) = instance.get_runs()
    instance.report_run_failed(run, "the run's process is gone")
    assert not should_retry(instance.get_run_by_id(run.run_id), instance)


def test_an_automatic_retry_sends_nothing_and_says_what_to_do(settings, instance):
    done = materialize(settings, instance, "paper_orders", tags={RETRY_NUMBER_TAG: "1"})
    assert "run: options-platform daily" in failed_at(done)
    assert not settings.ledger_path.exists()
    assert not should_retry(run_of(instance, done), instance)


def test_a_run_of_an_earlier_session_sends_nothing_and_may_be_retried(settings, instance):
    done = materialize(settings, instance, "paper_orders", day=date(2017, 3, 30))
    assert not done.success
    assert not settings.ledger_path.exists()
    assert should_retry(run_of(instance, done), instance)


@pytest.mark.parametrize("asset", ["paper_orders", "raw_ohlcv"])
def test_a_run_that_sends_has_no_time_limit(settings, instance, asset):
    done = materialize(settings, instance, asset)
    record = instance.get_run_record_by_id(done.run_id)
    stopped = []
    monitored = _Stopping(instance, stopped)
    check_run_timeout(monitored, _long_ago(record), _Quiet(), 60.0)
    assert stopped == ([] if asset == "paper_orders" else [done.run_id])


class _Quiet:
    def info(self, _):
        pass


class _Stopping:
    """The instance, except that requests to stop a run are only recorded."""

    def __init__(self, instance, stopped):
        self._instance, self._stopped = instance, stopped
        self.run_launcher = self

    def __getattr__(self, name):
        return getattr(self._instance, name)

    def report_run_canceling(self, run, message):
        self._stopped.append(run.run_id)

    def terminate(self, run_id):
        return False


def _long_ago(record):
    return record._replace(start_time=1.0)


@pytest.mark.parametrize("job", [JOB_NAME, INTRADAY_JOB_NAME])
def test_jobs_that_send_have_their_tags_before_they_start(settings, job):
    tags = build_defs(settings).resolve_job_def(job).run_tags
    assert (tags[MAX_RETRIES_TAG], tags[dg.MAX_RUNTIME_SECONDS_TAG]) == ("0", "0")


def test_the_check_of_stops_is_not_retried_even_without_its_tags(settings, instance):
    settings.ledger_path.write_text("damaged " * 1000)
    job = build_defs(settings, now=lambda: NOW).resolve_job_def(INTRADAY_JOB_NAME)
    done = job.execute_in_process(
        instance=instance, raise_on_error=False, tags={MAX_RETRIES_TAG: "3"}
    )
    assert not done.success
    assert not should_retry(run_of(instance, done), instance)


def test_no_step_is_repeated_within_a_run(settings):
    definitions = build_defs(settings)
    for job in (JOB_NAME, INTRADAY_JOB_NAME):
        for node in definitions.resolve_job_def(job).nodes:
            assert node.definition.retry_policy is None, node.name
            assert node.retry_policy is None, node.name
