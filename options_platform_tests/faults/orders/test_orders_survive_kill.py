"""The second promise: after kill -9 at any step and a repeated run there is one order."""

import os
import signal
import subprocess
import sys
import textwrap

import pytest

from options_platform.testing.market import NOW
from options_platform_tests.services.trading.simulated_account import DAYS, market, planned, service

CHILD = """
    import os, signal, sys
    from dataclasses import replace
    from pathlib import Path
    from options_platform_tests.services.trading.simulated_account import (
        DAYS, market, planned, service
    )
    from options_platform.testing.market import NOW

    def crash(step):
        if step == sys.argv[2]:
            os.kill(os.getpid(), signal.SIGKILL)

    made = replace(service(Path(sys.argv[1])), at=crash)
    plans, legs = planned(DAYS[0])
    made.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
"""


def child(tmp_path, step):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path), step],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


@pytest.mark.parametrize("step", ["intent recorded", "submitted", "recorded"])
def test_a_killed_sender_that_runs_again_leaves_one_order(tmp_path, step):
    assert child(tmp_path, step).wait(timeout=120) == -signal.SIGKILL
    made = service(tmp_path)
    plans, legs = planned(DAYS[0])
    made.run_session(DAYS[0], plans, legs, market([250.0]), NOW)
    assert len(made.broker.working()) == 1
    assert [order.status for order in made.ledger.orders()] == ["submitted"]


def test_two_senders_at_once_leave_one_order(tmp_path):
    senders = [child(tmp_path, "never") for _ in range(2)]
    codes = [sender.wait(timeout=120) for sender in senders]
    assert 0 in codes
    made = service(tmp_path)
    assert len(made.broker.working()) == 1
    assert len(made.ledger.orders()) == 1
