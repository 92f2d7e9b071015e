"""A restore neither loses links of the forward record nor forks it silently."""

import pytest

from options_platform.domain.forward.verification import read_chain
from options_platform_tests.adapters.storage.backups.small_home import (
    make_archive,
    make_home,
    restore,
)
from options_platform_tests.forward_links import chain_bytes, chained_anew

NAME = "forward_record.chain"
SHORT, LONG = chain_bytes(1), chain_bytes(2)
BROKEN = LONG[:-20] + LONG[-10:]
OTHER = chained_anew(LONG, 2, lambda link: link.update(digest="ba9876543210"))


def restored_over(tmp_path, *, archived, present, only=()):
    """The record after a restore, and what is said of it."""
    home = make_home(tmp_path / "home")
    if archived is not None:
        (home / NAME).write_bytes(archived)
    archive = make_archive(home)
    (home / NAME).unlink(missing_ok=True)
    if present is not None:
        (home / NAME).write_bytes(present)
    note = restore(archive, home, only).forward_note
    path = home / NAME
    return (path.read_bytes() if path.exists() else None), note


@pytest.mark.parametrize(
    ("archived", "present", "expected", "said"),
    [
        (SHORT, LONG, LONG, "2 links more than the archive's"),
        (None, LONG, LONG, "4 links more"),
        pytest.param(LONG, SHORT, LONG, "which continues the home's", marks=pytest.mark.long),
        pytest.param(LONG, LONG, LONG, None, marks=pytest.mark.long),
        pytest.param(LONG, None, LONG, None, marks=pytest.mark.long),
        (LONG, OTHER, LONG, "neither continues the other"),
        (SHORT, BROKEN, SHORT, "did not verify (link 4 "),
        (BROKEN, SHORT, SHORT, "the archive's does not verify (link 4 "),
        pytest.param(None, None, None, None, marks=pytest.mark.long),
    ],
)
def test_the_longer_record_stays_and_a_fork_is_said(tmp_path, archived, present, expected, said):
    data, note = restored_over(tmp_path, archived=archived, present=present)
    assert data == expected
    assert note is said if said is None else said in note
    assert data is None or read_chain(data).fault is None


def test_a_restore_of_the_warehouse_alone_does_not_touch_the_record(tmp_path):
    data, note = restored_over(
        tmp_path, archived=SHORT, present=OTHER, only=("warehouse.duckdb",)
    )  # fmt: skip
    assert (data, note) == (OTHER, None)
