"""Two rule sets in one account keep every promise: none uncovers the other, none nets the other."""

import pytest

from options_platform.services.trading.entries.checks import EntryChecks
from options_platform_tests.faults.sequences.run import failures

FEW, MANY = 3, 60


def test_two_sets_keep_all_promises_in_a_few_sequences():
    assert failures(range(FEW), overlaid=True) == {}


@pytest.mark.long
def test_sequences_show_sets_that_hold_opposite_sides(monkeypatch):
    monkeypatch.setattr(EntryChecks, "netted", lambda *_: [])
    assert failures([2], overlaid=True)[2].startswith("NETTED")


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_two_sets_keep_all_promises_in_many_sequences():
    assert failures(range(FEW, MANY), overlaid=True) == {}
