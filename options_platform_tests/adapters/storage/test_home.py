import json
import os
import tempfile
from pathlib import Path

import pytest
import yaml

from options_platform.adapters.storage.home import DAGSTER_YAML, LAYOUT, enter_home, prepare_home
from options_platform.errors import HomeError
from options_platform.settings import make_settings

NOBODY = 65534


def home_at(path, **changes):
    return make_settings({"home": str(path), "source": "sample", **changes})


def dagster_yaml(settings):
    return settings.dagster_home / "dagster.yaml"


def test_a_home_is_created_with_all_its_folders(tmp_path):
    settings = home_at(tmp_path / "deep" / "home")
    prepare_home(settings)
    assert settings.reports_path.is_dir()
    assert settings.logs_path.is_dir()
    assert {p.name for p in settings.home.iterdir()} == {"dagster", "home.json", "logs", "reports"}


def test_a_home_of_a_newer_version_is_refused_in_one_line_and_left_as_it_is(tmp_path):
    settings = home_at(tmp_path / "home")
    settings.home.mkdir()
    noted = settings.home / "home.json"
    noted.write_text('{"layout": 99, "version": "9.1"}')
    with pytest.raises(HomeError, match=r"written by options-platform 9.1.* set OPTIONS_HOME") as e:
        prepare_home(settings)
    assert "\n" not in str(e.value)
    assert [path.name for path in settings.home.iterdir()] == ["home.json"]


@pytest.mark.parametrize("text", ["", "[]", '{"layout": 0, "version": "0.0.1"}'])
def test_an_older_or_unreadable_note_is_written_anew(tmp_path, text):
    settings = home_at(tmp_path / "home")
    settings.home.mkdir()
    (settings.home / "home.json").write_text(text)
    prepare_home(settings)
    assert json.loads((settings.home / "home.json").read_text())["layout"] == LAYOUT


@pytest.mark.parametrize("name", ["home", "with space", "a: b {c}", 'it\'s "quoted"'])
def test_dagster_is_configured_to_batch_its_events_in_the_home(tmp_path, name):
    settings = home_at(tmp_path / name, workers=3)
    prepare_home(settings)
    config = yaml.safe_load(dagster_yaml(settings).read_text())
    storage = config["event_log_storage"]
    assert storage["class"] == "BatchedSqliteEventLogStorage"
    assert storage["config"]["base_dir"] == str(settings.dagster_home / "history" / "runs")
    assert config["run_coordinator"]["config"]["max_concurrent_runs"] == 4
    assert config["telemetry"] == {"enabled": False}


def test_dagster_itself_accepts_the_file(tmp_path):
    import dagster as dg

    from options_platform.adapters.batched_event_log import BatchedEventLogStorage

    settings = home_at(tmp_path / "a: b")
    prepare_home(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert isinstance(instance.event_log_storage, BatchedEventLogStorage)


def test_a_second_preparation_changes_nothing_but_applies_a_new_setting(tmp_path):
    settings = home_at(tmp_path / "home")
    prepare_home(settings)
    before = dagster_yaml(settings).stat()
    prepare_home(settings)
    assert dagster_yaml(settings).stat().st_mtime_ns == before.st_mtime_ns
    prepare_home(home_at(tmp_path / "home", workers=7))
    assert "max_concurrent_runs: 8" in dagster_yaml(settings).read_text()


def test_a_configuration_that_the_user_edits_is_kept(tmp_path):
    settings = home_at(tmp_path / "home")
    prepare_home(settings)
    own = dagster_yaml(settings).read_text().removeprefix(DAGSTER_YAML.splitlines()[0])
    dagster_yaml(settings).write_text(own)
    prepare_home(home_at(tmp_path / "home", workers=9))
    assert dagster_yaml(settings).read_text() == own


def test_a_home_whose_configuration_an_earlier_version_wrote_still_opens(tmp_path):
    import dagster as dg

    settings = home_at(tmp_path / "home")
    prepare_home(settings)
    dagster_yaml(settings).write_text(
        "event_log_storage:\n"
        "  module: options_platform.adapters.event_log\n"
        "  class: BatchedSqliteEventLogStorage\n"
        f"  config: {{base_dir: {settings.dagster_home / 'history' / 'runs'}}}\n"
    )
    prepare_home(settings)
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert type(instance.event_log_storage).__name__ == "BatchedEventLogStorage"


def test_the_write_test_leaves_no_file(tmp_path):
    settings = home_at(tmp_path / "home")
    prepare_home(settings)
    assert [p.name for p in settings.dagster_home.iterdir()] == ["dagster.yaml"]


def refused(settings):
    with pytest.raises(HomeError, match="OPTIONS_HOME") as error:
        prepare_home(settings)
    assert str(settings.home) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("in_the_way", ["home", "home/dagster", "home/dagster/dagster.yaml"])
def test_a_file_in_place_of_the_home_is_reported_in_one_line(tmp_path, in_the_way):
    path = tmp_path / in_the_way
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        path.mkdir()
    else:
        path.write_text("a file")
    refused(home_at(tmp_path / "home"))


def test_a_place_without_files_is_reported_in_one_line():
    # Not even root can create files in /proc.
    refused(home_at("/proc/options-home"))


def test_a_home_without_write_permission_is_reported_in_one_line():
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        home = Path(folder) / "home"
        prepare_home(home_at(home))
        for path in (home, *home.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        was_root = os.geteuid() == 0
        try:
            # The mode forbids root nothing, so root steps down.
            if was_root:
                os.seteuid(NOBODY)
            refused(home_at(home))
        finally:
            if was_root:
                os.seteuid(0)
            for path in (home, *home.rglob("*")):
                path.chmod(0o755)


def test_entering_a_home_sets_it_for_dagster_and_child_processes(tmp_path):
    settings = home_at(tmp_path / "home")
    environment = {"DAGSTER_EVENT_BATCH_SIZE": "5"}
    enter_home(settings, environment)
    assert environment["DAGSTER_HOME"] == str(settings.dagster_home)
    assert environment["OPTIONS_HOME"] == str(settings.home)
    assert environment["DAGSTER_DISABLE_TELEMETRY"] == "yes"
    assert environment["DAGSTER_EVENT_BATCH_SIZE"] == "5"


def modes(folder):
    return {path.stat().st_mode & 0o777 for path in (folder, *folder.rglob("*"))}


def test_a_home_and_what_is_created_in_it_later_are_private(tmp_path, open_umask):
    settings = home_at(tmp_path / "home")
    prepare_home(settings)
    (settings.home / "chains").mkdir()
    (settings.home / "ledger.duckdb").write_text("")
    assert modes(settings.home) == {0o700, 0o600}


def test_a_home_that_others_could_read_is_closed_to_them(tmp_path, open_umask):
    settings = home_at(tmp_path / "home")
    runs = settings.dagster_home / "history" / "runs"
    runs.mkdir(parents=True)
    (runs / "index.db").write_text("")
    (settings.home / "ledger.duckdb").write_text("")
    (settings.home / "ledger.duckdb").chmod(0o640)
    prepare_home(settings)
    assert modes(settings.home) == {0o700, 0o600}


def test_foreign_files_in_the_homes_folder_keep_their_permissions(tmp_path, open_umask):
    tmp_path.chmod(0o755)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "warehouse.duckdb").write_text("")
    prepare_home(home_at(tmp_path))
    assert tmp_path.stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "notes.txt").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "warehouse.duckdb").stat().st_mode & 0o777 == 0o600


@pytest.fixture
def open_umask():
    """The umask of most machines, which lets others read."""
    before = os.umask(0o022)
    yield
    os.umask(before)
