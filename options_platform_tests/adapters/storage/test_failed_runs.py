"""Runs that failed are found in the database that Dagster itself writes."""

import pytest
from dagster import DagsterInstance, DagsterRunStatus, asset, materialize
from dagster._core.test_utils import create_run_for_test

from options_platform.adapters.storage.failed_runs import failed_runs
from options_platform.errors import DamagedError


@pytest.fixture
def instance(tmp_path):
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


def run(instance, job, status):
    return create_run_for_test(instance, job_name=job, status=status).run_id


def test_only_a_job_whose_newest_ended_run_failed_is_named(instance, tmp_path):
    run(instance, "daily", DagsterRunStatus.SUCCESS)
    failed = run(instance, "daily", DagsterRunStatus.FAILURE)
    run(instance, "daily", DagsterRunStatus.STARTED)
    run(instance, "reports", DagsterRunStatus.FAILURE)
    run(instance, "reports", DagsterRunStatus.SUCCESS)
    assert [(one.job, one.run_id) for one in failed_runs(tmp_path)] == [("daily", failed)]


def test_a_home_without_runs_has_none(tmp_path):
    assert failed_runs(tmp_path) == []


def test_a_database_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "history" / "runs.db"
    path.parent.mkdir()
    path.write_bytes(b"garbage " * 1000)
    with pytest.raises(DamagedError, match=r"runs\.db is damaged"):
        failed_runs(tmp_path)


def test_a_failed_backfill_is_named_as_the_command_that_started_it(instance, tmp_path):
    tags = {"options_platform/backfill": "true"}
    create_run_for_test(instance, job_name="daily", status=DagsterRunStatus.FAILURE, tags=tags)
    assert [one.job for one in failed_runs(tmp_path)] == ["backfill"]


def test_the_cause_is_the_failed_step_and_the_first_line_of_its_error(instance, tmp_path):
    @asset
    def raw_ohlcv():
        raise ValueError("no bar of SPY on 2024-01-02\nand more")

    assert not materialize([raw_ohlcv], instance=instance, raise_on_error=False).success
    (failed,) = failed_runs(tmp_path)
    assert failed.cause == "raw_ohlcv: ValueError: no bar of SPY on 2024-01-02"


@pytest.mark.parametrize("content", [b"", b"garbage " * 1000])
def test_a_run_whose_events_say_nothing_has_no_cause(instance, tmp_path, content):
    run_id = run(instance, "daily", DagsterRunStatus.FAILURE)
    (tmp_path / "history" / "runs" / f"{run_id}.db").write_bytes(content)
    assert [(one.run_id, one.cause) for one in failed_runs(tmp_path)] == [(run_id, None)]
