"""The second thousand of the random sequences, in a separate file for another test worker."""

import pytest

from options_platform_tests.faults.sequences.run import failures
from options_platform_tests.faults.sequences.test_random_sequences import ALL, BLOCK


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("first", range(ALL // 2, ALL, BLOCK))
def test_all_promises_are_kept_in_the_second_thousand_sequences(first):
    assert failures(range(first, first + BLOCK)) == {}
