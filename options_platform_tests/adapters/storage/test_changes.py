"""The mark of a store that is being changed: it lasts until the change is published, or the end."""

import pytest

from options_platform.adapters.storage.changes import (
    HOME_FILE,
    begin_change,
    changed_here,
    end_change,
    is_marked,
    state_of,
)
from options_platform_tests.adapters.storage.published.published_home import another_process

CHANGE = """
import sys
from pathlib import Path
from options_platform.adapters.storage.changes import begin_change
begin_change(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path):
    (tmp_path / HOME_FILE).write_text("{}")
    return tmp_path / "warehouse.duckdb"


def test_a_store_is_marked_from_its_first_change_until_that_is_published(store):
    assert not is_marked(store)
    begin_change(store)
    begin_change(store)
    assert is_marked(store)
    assert changed_here(store.parent) == [store]
    end_change(store)
    assert not is_marked(store)
    assert changed_here(store.parent) == []


def test_the_mark_of_a_killed_process_ends_with_it(store):
    with another_process(CHANGE, store) as changing:
        assert is_marked(store)
        changing.kill()
        changing.wait()
        assert not is_marked(store)


def test_a_database_outside_of_a_home_is_not_marked(tmp_path):
    begin_change(tmp_path / "other.duckdb")
    assert changed_here(tmp_path) == []
    assert not (tmp_path / "locks").exists()


def test_the_state_of_a_store_changes_with_its_file_and_with_its_log(store):
    states = [state_of(store)]
    store.write_bytes(b"1")
    states.append(state_of(store))
    store.with_name("warehouse.duckdb.wal").write_bytes(b"2")
    states.append(state_of(store))
    assert len({str(state) for state in states}) == 3
    assert state_of(store) == states[-1]
