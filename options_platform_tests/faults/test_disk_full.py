"""A disk that is full in earnest: whatever of an order could be written, there is one order.

The home lies on a small tmpfs, filled up to a few kilobytes and freed afterwards.
"""

import os
import subprocess
from contextlib import contextmanager

import pytest

from options_platform_tests.faults.world import (
    POST,
    assert_full_disk_lost_nothing,
    assert_sound,
    ended,
    server,
    start,
    statuses,
    trade,
    trader,
)

SIZE_KB = 4096


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={SIZE_KB}k", "tmpfs", str(folder)]
    try:
        subprocess.run(["mount", *options], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.CalledProcessError) as cause:
        pytest.skip(f"no tmpfs can be mounted here, which takes root: {cause}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


@contextmanager
def full_but_for(folder, kilobytes):
    """Fill the disk until so much is free."""
    filler = folder / "filler"
    free = os.statvfs(folder)
    filler.write_bytes(bytes(free.f_bavail * free.f_frsize - kilobytes * 1024))
    left = os.statvfs(folder)
    assert left.f_bavail * left.f_frsize <= kilobytes * 1024 + 4096
    try:
        yield
    finally:
        filler.unlink()


@pytest.mark.parametrize("kilobytes", [0, 8, 64, 280, 540, 1100])
def test_an_order_on_a_full_disk_is_neither_lost_nor_doubled(disk, kilobytes):
    with server() as fake:
        with full_but_for(disk, kilobytes):
            code, said = ended(start(disk, fake.address))
            assert (code, "Traceback" in said) in ((0, False), (1, False)), said
            if code:
                (line,) = (text for text in said.splitlines() if text.startswith("refused: "))
                assert "no new order is sent" in line or "nothing was sent" in line
            if kilobytes == 0:
                assert code == 1
                assert fake.count(POST) == 0
        assert_full_disk_lost_nothing(disk, fake)


@pytest.mark.parametrize("kilobytes", [0, 4, 16, 64])
def test_a_disk_that_fills_up_between_two_sessions_orders_keeps_the_first(disk, kilobytes):
    with server() as fake:
        made = trader(disk, fake.address)
        trade(made)
        with full_but_for(disk, kilobytes):
            code, said = ended(start(disk, fake.address, tickers=("SPY", "QQQ")))
            assert (code, "Traceback" in said) in ((0, False), (1, False)), said
        trade(made, ("SPY", "QQQ"))
        assert statuses(fake) == ["filled", "filled"]
        assert fake.count(POST) == 2
        assert_sound(made, fake)
