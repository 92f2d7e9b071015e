import json
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from options_platform.adapters.sources.http.pace import MINUTE_SECONDS, Pace


class Clock:
    def __init__(self, now=1e9):
        self.now = now

    def sleep(self, seconds):
        self.now += seconds


def sent(path, per_minute, gaps):
    """The times at which requests after these pauses are sent."""
    clock = Clock()
    pace = Pace(path, per_minute, sleep=clock.sleep, clock=lambda: clock.now)
    times = []
    for gap in gaps:
        clock.now += gap
        pace.wait()
        times.append(clock.now)
    return times


@given(per_minute=st.integers(1, 8), gaps=st.lists(st.floats(0, 30), min_size=1, max_size=30))
def test_no_minute_has_more_requests_than_allowed(tmp_path_factory, per_minute, gaps):
    times = sent(tmp_path_factory.mktemp("pace") / "requests.json", per_minute, gaps)
    for at, later in zip(times, times[per_minute:], strict=False):
        assert later - at >= MINUTE_SECONDS - 1e-6


def test_a_source_may_count_by_the_second(tmp_path):
    clock = Clock()
    given = {"sleep": clock.sleep, "clock": lambda: clock.now, "window_seconds": 1.0}
    pace = Pace(tmp_path / "requests.json", 8, **given)
    for _ in range(24):
        pace.wait()
    assert clock.now == 1e9 + 2.0


def test_requests_within_the_limit_do_not_wait(tmp_path):
    assert sent(tmp_path / "requests.json", 5, [0.0] * 5) == [1e9] * 5


def test_time_spent_waiting_for_the_rate_limit_counts_against_no_deadline(tmp_path):
    clock = Clock()
    pace = Pace(tmp_path / "requests.json", 1, sleep=clock.sleep, clock=lambda: clock.now)
    before = pace.working_seconds()
    for _ in range(4):
        pace.wait()
    assert clock.now == 1e9 + 3 * MINUTE_SECONDS
    assert pace.working_seconds() - before < -2 * MINUTE_SECONDS


@pytest.mark.parametrize("text", ["", "{", "null", '["soon"]', json.dumps([9e9] * 5)])
def test_a_damaged_file_or_a_clock_set_back_blocks_no_request(tmp_path, text):
    path = tmp_path / "requests.json"
    path.write_text(text)
    assert sent(path, 5, [0.0]) == [1e9]


RESERVE = """
import sys
from pathlib import Path
from options_platform.adapters.sources.http.pace import Pace
waits = []
pace = Pace(Path(sys.argv[1]), 20, sleep=waits.append)
for _ in range(10):
    pace.wait()
print(len(waits))
"""


def test_eight_processes_share_one_limit(tmp_path):
    path = tmp_path / "requests.json"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RESERVE, str(path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(8)
    ]
    waited = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert all(process.returncode == 0 for process in processes)
    # 80 requests at 20 a minute: the first 20 go at once, all others have to wait.
    assert sum(waited) == 60
    stamps = json.loads(path.read_text())
    assert len(stamps) == 20
    assert min(stamps) >= time.time() + 2 * MINUTE_SECONDS
