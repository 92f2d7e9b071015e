"""The file of the forward record under killed, simultaneous, repeated and late runs."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest

from options_platform.adapters.storage.forward_record import ForwardRecord, WatchedRecord
from options_platform.domain.calendar.sessions import shift
from options_platform.errors import ForwardRecordError
from options_platform_tests.forward_links import FIRST, content, night, too_late

NEXT = shift(FIRST, 1)

CHILD = """
import os, signal, sys
from datetime import date, datetime
from pathlib import Path
from options_platform.adapters.storage.forward_record import ForwardRecord
from options_platform.domain.forward.links import Content

path, step, names, session, moment = sys.argv[1:]

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def now():
    # Asked under the lock: the plans are made, nothing is written.
    if step == "planned":
        die()
    return datetime.fromisoformat(moment)

if step == "written":
    os.fsync = die
if step == "named":
    Path.replace = die
contents = [
    Content(date.fromisoformat(session), name, 1, "0123456789ab", {}, [{"contracts": 1}])
    for name in names.split(",")
]
print(len(ForwardRecord(Path(path)).append(contents, now)))
"""


@pytest.fixture
def record(tmp_path):
    return ForwardRecord(tmp_path / "forward_record.chain", wait_seconds=30.0)


def at(session):
    return lambda: night(session)


def child(record, step, names="plan"):
    about = [str(record.path), step, names, NEXT.isoformat(), night(NEXT).isoformat()]
    command = [sys.executable, "-c", CHILD, *about]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_the_record_is_lengthened_session_by_session(record):
    assert record.read().head is None
    added = record.append([content(), content(rule_set="mine")], at(FIRST))
    before = record.path.read_bytes()
    assert [link.number for link in added] == [1, 2]
    assert record.append([content(NEXT)], at(NEXT))[0].former == added[1].hash
    assert record.path.read_bytes().startswith(before)
    assert record.path.stat().st_mode & 0o077 == 0
    assert record.read().head.session == NEXT


def test_the_same_evening_again_leaves_the_file_as_it_is(record):
    record.append([content()], at(FIRST))
    before = record.path.read_bytes()
    assert record.append([content()], at(FIRST)) == []
    assert record.path.read_bytes() == before


def test_what_comes_after_the_next_open_or_before_the_head_is_left_out(record):
    assert record.append([content()], lambda: too_late(FIRST)) == []
    assert not record.path.exists()
    record.append([content(NEXT)], at(NEXT))
    assert record.append([content()], at(FIRST)) == []
    assert record.append([content()], lambda: night(NEXT)) == []
    # The clock is asked when the plans are ready, not when the run began.
    moments = iter([too_late(NEXT) - timedelta(seconds=1), too_late(NEXT)])
    assert len(record.append([content(NEXT, "mine")], moments.__next__)) == 1
    assert record.append([content(NEXT, "other")], moments.__next__) == []


def test_a_watched_record_is_read_again_once_it_changes_whatever_its_time_says(record):
    watched = WatchedRecord(record)
    assert watched.read() == record.read()
    added = record.append([content()], at(FIRST))
    first = watched.read()
    assert [link.hash for link in first.links] == [link.hash for link in added]
    assert first.links[0].content.plans == ()
    assert watched.read() is first
    seen = record.path.stat()
    with record.path.open("r+b") as file:
        file.seek(100)
        file.write(b"~")
    os.utime(record.path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert (record.path.stat().st_size, record.path.stat().st_mtime_ns) == (
        seen.st_size,
        seen.st_mtime_ns,
    )
    assert watched.read().fault.number == 1
    record.path.unlink()
    assert watched.read().links == ()


def test_nothing_is_added_to_a_record_that_was_altered(record):
    record.append([content()], at(FIRST))
    altered = record.path.read_bytes().replace(b'"contracts":', b'"contractS":', 1)
    record.path.write_bytes(altered)
    with pytest.raises(ForwardRecordError, match=r"link 1 \(session 2015-01-02, rule set plan\)"):
        record.append([content(NEXT)], at(NEXT))
    assert record.path.read_bytes() == altered


@pytest.mark.parametrize(
    "step",
    ["planned", *(pytest.param(step, marks=pytest.mark.long) for step in ("written", "named"))],
)
def test_a_run_that_is_killed_leaves_the_record_as_it_was_and_the_next_one_adds_it(record, step):
    record.append([content()], at(FIRST))
    before = record.path.read_bytes()
    process = child(record, step)
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert record.path.read_bytes() == before
    assert [link.number for link in record.append([content(NEXT)], at(NEXT))] == [2]
    assert record.read().fault is None
    left = sorted(path.name for path in record.path.parent.iterdir())
    assert left == [record.path.name, f"{record.path.name}.lock"]


def test_two_processes_at_once_add_each_plan_once_to_one_chain(record):
    record.append([content()], at(FIRST))
    names = "a,b,c,d"
    processes = [child(record, "none", names) for _ in range(2)]
    counts = sorted(int(process.communicate(timeout=120)[0]) for process in processes)
    assert counts == [0, 4]
    chain = record.read()
    assert chain.fault is None
    assert [link.rule_set for link in chain.links] == ["plan", "a", "b", "c", "d"]
