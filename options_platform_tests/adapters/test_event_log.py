"""The platform's event storage beside Dagster's: the same run, the same answers to every reader."""

import inspect
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import dagster as dg
import pytest
from dagster import DagsterEventType
from dagster._core.instance import types
from dagster._core.instance.methods import event_methods
from dagster._serdes import deserialize_value

from options_platform.adapters.event_frames import MARK, SEPARATOR, whole_text
from options_platform.adapters.event_json import EventTexts
from options_platform.adapters.event_log import FALLBACK, TESTED, is_tested, quiet_fallback
from options_platform.defs.shared import range_events
from options_platform.defs.shared.range_events import materialise_range

OURS = "options_platform.adapters.batched_event_log", "BatchedEventLogStorage"
NAMED = "options_platform.adapters.event_log", "BatchedSqliteEventLogStorage"
STOCK = "dagster._core.storage.event_log", "SqliteEventLogStorage"
DAYS = ["2024-01-02", "2024-01-03", "2024-01-04"]
TICKERS = ["AAA", "BBB"]
PARTITIONS = dg.MultiPartitionsDefinition(
    {
        "date": dg.StaticPartitionsDefinition(DAYS),
        "ticker": dg.StaticPartitionsDefinition(TICKERS),
    }
)
TAGS = {
    "dagster/asset_partition_range_start": f"{DAYS[0]}|AAA",
    "dagster/asset_partition_range_end": f"{DAYS[-1]}|BBB",
}


def instance_at(folder, storage):
    module, name = storage
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dagster.yaml").write_text(
        "telemetry: {enabled: false}\npython_logs: {python_log_level: CRITICAL}\n"
        f"event_log_storage: {{module: {module}, class: {name}, "
        f"config: {{base_dir: {folder / 'events'}}}}}\n"
    )
    return dg.DagsterInstance.from_config(str(folder))


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def make_job():
    policy = dg.BackfillPolicy.single_run()

    @dg.asset(partitions_def=PARTITIONS, backfill_policy=policy)
    def first(context):
        told = {f"{DAYS[-1]}|BBB": {"rows": 6}}
        stored = materialise_range(context, told, {"by": "a range"}, TICKERS)
        if stored is None:
            for key, metadata in told.items():
                context.add_asset_metadata(metadata, partition_key=key)
        return stored or dg.MaterializeResult(metadata={"by": "a range"})

    @dg.asset_check(asset="first")
    def passes():
        return dg.AssetCheckResult(passed=True)

    @dg.asset_check(asset="first")
    def fails():
        return dg.AssetCheckResult(passed=False, severity=dg.AssetCheckSeverity.WARN)

    @dg.asset(partitions_def=PARTITIONS, backfill_policy=policy, deps=["first"])
    def broken():
        raise ValueError("on purpose")

    @dg.asset
    def plain():
        return None

    definitions = dg.Definitions(
        assets=[first, broken, plain],
        asset_checks=[passes, fails],
        jobs=[
            dg.define_asset_job("ranged", ["first", "broken"], executor_def=dg.in_process_executor),
            dg.define_asset_job("plain", ["plain"], executor_def=dg.in_process_executor),
        ],
    )
    return definitions.resolve_job_def("ranged"), definitions.resolve_job_def("plain")


ANSWERS = {}


def what_readers_see(folder, storage):
    if storage in ANSWERS:
        return ANSWERS[storage]
    ranged, plain = make_job()
    with instance_at(folder, storage) as instance:
        assert type(instance.event_log_storage).__name__ == storage[1]
        run = ranged.execute_in_process(instance=instance, tags=TAGS, raise_on_error=False)
        plain.execute_in_process(instance=instance)
        log = instance.event_log_storage
        first, broken = dg.AssetKey("first"), dg.AssetKey("broken")
        events = [
            e.dagster_event_type.value for e in instance.all_logs(run.run_id) if e.is_dagster_event
        ]
        planned = DagsterEventType.ASSET_MATERIALIZATION_PLANNED.value
        newest = log.get_latest_materialization_events([first])[first]
        found = instance.fetch_materializations(first, limit=100).records
        checks = {
            name: [
                (r.status.value, r.event.dagster_event_type.value if r.event else None)
                for r in log.get_asset_check_execution_history(dg.AssetCheckKey(first, name), 5)
            ]
            for name in ("passes", "fails")
        }
        ANSWERS[storage] = {
            # A range is planned by one event an asset here, by one a partition there.
            "events": sorted(kind for kind in events if kind != planned),
            "order": [kind for kind in events if kind != planned],
            "told": {
                record.partition_key: (
                    dict(record.asset_materialization.metadata),
                    set(record.asset_materialization.tags),
                    record.asset_materialization.tags["dagster/partition/ticker"],
                )
                for record in found
            },
            "planned": {e for e in events if e == planned},
            "materialised": log.get_materialized_partitions(first),
            "nothing": log.get_materialized_partitions(broken),
            "pending": {
                key: set(
                    log.get_latest_asset_partition_materialization_attempts_without_materializations(
                        key
                    )
                )
                for key in (first, broken)
            },
            "latest": newest.dagster_event.partition,
            "metadata": newest.dagster_event.step_materialization_data.materialization.metadata,
            "records": sorted(r.partition_key for r in found),
            "checks": checks,
            "tags": len(log.get_event_tags_for_asset(first)),
            "asset_keys": sorted(k.to_user_string() for k in log.all_asset_keys()),
            "last_run": len({r.asset_entry.last_run_id for r in log.get_asset_records([first])}),
            "latest_ids": sorted(
                log.get_latest_storage_id_by_partition(
                    first, DagsterEventType.ASSET_MATERIALIZATION
                )
            ),
            "planned_info": log.get_latest_planned_materialization_info(
                broken, f"{DAYS[1]}|AAA"
            ).run_id
            == run.run_id,
            "no_plan": log.get_latest_planned_materialization_info(broken, "2024-01-02|ZZZ"),
            "stats": log.get_stats_for_run(run.run_id).materializations,
        }
        log.wipe_asset(first)
        ANSWERS[storage]["wiped"] = log.get_materialized_partitions(first)
    return ANSWERS[storage]


@pytest.fixture(params=["events", "range"])
def by_frames(request, monkeypatch):
    """A few events are stored as thousands are: one after the other, or all of a range at once."""
    if request.param == "range":
        monkeypatch.setattr("options_platform.defs.shared.range_events.LONG_RANGE", 2)
    monkeypatch.setattr("options_platform.adapters.batched_event_log.LONG_BATCH", 2)
    ANSWERS.pop(OURS, None)
    yield
    ANSWERS.pop(OURS, None)


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_every_reader_sees_the_same_of_a_long_batch(tmp_path, by_frames):
    test_every_reader_sees_what_the_stock_storage_would_show(tmp_path)
    test_the_newest_session_is_shown_as_the_assets_newest(tmp_path)
    with closing(sqlite3.connect(tmp_path / "ours" / "events" / "index.db")) as index:
        assert index.execute("SELECT count(*) FROM event_frames").fetchone()[0] >= 1


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_an_untested_release_reads_long_batches_too(tmp_path, by_frames, monkeypatch):
    ranged, _ = make_job()
    first = dg.AssetKey("first")
    with instance_at(tmp_path, NAMED) as instance:
        earlier = ranged.execute_in_process(instance=instance, tags=TAGS, raise_on_error=False)
        made = instance.fetch_materializations(first, limit=100).records
        assert len({(record.partition_key, str(record.timestamp > 0)) for record in made}) == 6
        log = instance.all_logs(earlier.run_id)
    monkeypatch.setattr(dg, "__version__", "1.99.0")
    with pytest.warns(UserWarning, match="none of the releases"):
        instance = instance_at(tmp_path, NAMED)
    with instance:
        assert type(instance.event_log_storage).__name__ == STOCK[1]
        assert instance.fetch_materializations(first, limit=100).records == made
        assert instance.all_logs(earlier.run_id) == log
    monkeypatch.undo()
    with instance_at(tmp_path, NAMED) as instance:
        assert instance.fetch_materializations(first, limit=100).records == made


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_every_reader_sees_what_the_stock_storage_would_show(tmp_path):
    ours = what_readers_see(tmp_path / "ours", OURS)
    stock = what_readers_see(tmp_path / "stock", STOCK)
    # The stock storage shows whichever partition came last out of a set.
    newest = ["latest", "metadata"]
    if len(ours["materialised"]) > range_events.LONG_RANGE:
        newest.append("order")  # A range is stored before the step's own events.
    assert {k: v for k, v in ours.items() if k not in newest} == {
        k: v for k, v in stock.items() if k not in newest
    }
    assert len(ours["materialised"]) == 6
    assert len(ours["pending"][dg.AssetKey("broken")]) == 6


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_the_newest_session_is_shown_as_the_assets_newest(tmp_path):
    ours = what_readers_see(tmp_path / "ours", OURS)
    assert ours["latest"] == f"{DAYS[-1]}|BBB"
    assert ours["metadata"]["rows"].value == 6


def test_the_status_of_partitions_is_that_of_the_stock_storage(tmp_path):
    from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value

    shown = []
    for storage in (OURS, STOCK):
        with pytest.warns(dg.BetaWarning):
            ranged, _ = make_job()
        with instance_at(tmp_path / storage[1], storage) as instance:
            ranged.execute_in_process(instance=instance, tags=TAGS, raise_on_error=False)
            status = {}
            for name in ("first", "broken"):
                value = get_and_update_asset_status_cache_value(
                    instance, dg.AssetKey(name), PARTITIONS
                )
                failed = value.deserialize_failed_partition_subsets(PARTITIONS)
                done = value.deserialize_materialized_partition_subsets(PARTITIONS)
                status[name] = (
                    sorted(done.get_partition_keys()),
                    sorted(failed.get_partition_keys()),
                )
        shown.append(status)
    assert shown[0] == shown[1]
    assert len(shown[0]["broken"][1]) == 6


CHILD = """
    import os, sys
    import dagster as dg
    from dagster._core.events import DagsterEvent, StepMaterializationData
    from dagster._core.events.log import EventLogEntry
    from options_platform.adapters.batched_event_log import BatchedEventLogStorage
    storage = BatchedEventLogStorage(sys.argv[1])
    run = sys.argv[2]
    def event(partition):
        return EventLogEntry(
            error_info=None, level=10, user_message="", run_id=run, timestamp=1.0,
            dagster_event=DagsterEvent(
                event_type_value="ASSET_MATERIALIZATION", job_name="job",
                event_specific_data=StepMaterializationData(
                    dg.AssetMaterialization("a", partition=partition)),
            ),
        )
    batch = 0
    print("ready", flush=True)
    while True:
        storage.store_event_batch([event(f"{run}-{batch}-{n}") for n in range(300)])
        batch += 1
        if batch == int(sys.argv[3]):
            break
"""


def child(folder, run, batches):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(folder), run, str(batches)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def stored(folder):
    from options_platform.adapters.batched_event_log import BatchedEventLogStorage

    log = BatchedEventLogStorage(str(folder))
    return log.get_materialized_partitions(dg.AssetKey("a"))


def test_a_killed_writer_leaves_whole_batches(tmp_path):
    process = child(tmp_path, "run1", 10**9)
    process.stdout.readline()
    while not (tmp_path / "run1.db").exists():
        pass
    try:
        process.wait(timeout=1.0)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = stored(tmp_path)
    assert found
    batches = {}
    for partition in found:
        batches.setdefault(partition.split("-")[1], []).append(partition)
    assert {len(rows) for rows in batches.values()} == {300}


def test_two_processes_write_at_once(tmp_path):
    stored(tmp_path)
    writers = [child(tmp_path, f"run{n}", 10) for n in (1, 2)]
    for writer in writers:
        assert writer.wait(timeout=60) == 0
        writer.stdout.close()
    assert len(stored(tmp_path)) == 2 * 10 * 300


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
def test_a_materialisation_reads_back_as_dagster_wrote_it(tmp_path):
    metadata = {
        "a text": 'with "quotes", \\ and Ü',
        "link": dg.MetadataValue.url("http://127.0.0.1/<partition>"),
        "rows": 6,
        "nested": {"tags": {"partition": "<partition>"}, "timestamp": -1.0},
    }

    @dg.asset(partitions_def=PARTITIONS, backfill_policy=dg.BackfillPolicy.single_run())
    def told(context):
        for partition in context.partition_keys:
            context.add_asset_metadata({**metadata, "key": partition}, partition_key=partition)
        return dg.MaterializeResult(tags={"own": "tag"})

    job = dg.define_asset_job("ranged", ["told"], executor_def=dg.in_process_executor)
    job = dg.Definitions(assets=[told], jobs=[job]).resolve_job_def("ranged")
    with instance_at(tmp_path, OURS) as instance:
        run = job.execute_in_process(instance=instance, tags=TAGS)
        events = [e for e in run.all_events if e.is_step_materialization]
        stored = {
            record.partition_key: record.event_log_entry.get_dagster_event()
            for record in instance.fetch_materializations(dg.AssetKey("told"), limit=100).records
        }
        texts, emitted = EventTexts(), instance.all_logs(run.run_id)
    assert len(events) == len(stored) == 6
    for event in events:
        read = stored[event.partition]
        assert read.event_specific_data == event.event_specific_data
        assert read.message == event.message
    made = [e for e in emitted if e.is_dagster_event and e.get_dagster_event().asset_key]
    assert {deserialize_value(texts.whole(e)) == e for e in made} == {True}
    short = [(texts.short(e), texts.short(e, bare=True)) for e in made]
    frames = {name: text.split(SEPARATOR) for name, text in texts.frames.items()}
    whole = [tuple(whole_text(t, frames) if t[0] == MARK else t for t in each) for each in short]
    assert [deserialize_value(text) for text, _ in whole] == made
    assert len(frames) == 2
    logged = [deserialize_value(text).get_dagster_event() for _, text in whole]
    assert {e.partition for e in logged if e.is_step_materialization} == set(stored)
    whole = [e.step_materialization_data for e in logged if e.is_step_materialization]
    assert not any(data.materialization.metadata for data in whole)


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning")
@pytest.mark.parametrize(("before", "after"), [(OURS, STOCK), (STOCK, OURS)], ids=["out", "in"])
def test_a_home_goes_from_either_storage_to_the_other(tmp_path, before, after):
    ranged, _ = make_job()
    first = dg.AssetKey("first")
    with instance_at(tmp_path, before) as instance:
        earlier = ranged.execute_in_process(instance=instance, tags=TAGS, raise_on_error=False)
        log = instance.all_logs(earlier.run_id)
    with instance_at(tmp_path, after) as instance:
        assert len(instance.get_materialized_partitions(first)) == 6
        assert instance.all_logs(earlier.run_id) == log
        ranged.execute_in_process(instance=instance, tags=TAGS, raise_on_error=False)
        assert len(instance.fetch_materializations(first, limit=100).records) == 12


def test_an_untested_release_of_dagster_gets_the_stock_storage_and_a_warning(tmp_path, monkeypatch):
    assert all(is_tested(release) for release in TESTED)
    assert not any(is_tested(release) for release in ("1.12.22", "1.14.0rc1", "2.0.0"))
    monkeypatch.setattr(dg, "__version__", "1.99.0")
    with (
        pytest.warns(UserWarning, match=r"Dagster 1\.99\.0 is none of the releases"),
        instance_at(tmp_path, NAMED) as instance,
    ):
        assert type(instance.event_log_storage).__name__ == STOCK[1]


def test_dagsters_messages_about_a_failed_batch_do_not_reach_the_console(capsys):
    for words in FALLBACK:
        assert words in inspect.getsource(event_methods) + inspect.getsource(types)
    with quiet_fallback():
        for words in FALLBACK:
            sys.stderr.write(f"{words} no space is left on the disk\n")
        print("the run's own error", file=sys.stderr)
    assert capsys.readouterr().err == "the run's own error\n"
