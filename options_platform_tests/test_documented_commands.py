"""Commands of the pages, run word for word."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def commands_of(page, section):
    """The first block of commands of a section."""
    text = (DOCS / page).read_text(encoding="utf-8").split(f"\n## {section}\n")[1]
    return text.split("```sh\n")[1].split("```")[0]


@pytest.mark.long
def test_trading_is_tried_out_without_an_account(tmp_path):
    script = commands_of("trading.md", "Trying it without an account")
    # Beside it lies what `make demo` has installed.
    (tmp_path / ".venv").symlink_to(sys.prefix)
    shell = subprocess.Popen(
        ["bash", "-e"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.startswith("OPTIONS_")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        shown, _ = shell.communicate(script, timeout=280)
    finally:
        if shell.poll() is None:
            os.killpg(shell.pid, signal.SIGKILL)
    assert shell.returncode == 0, shown
    assert "A fake Alpaca serves at http://127.0.0.1:8765" in shown
    assert " done in " in shown
    assert shown.rstrip().endswith("Ledger and broker agree.")
    assert (tmp_path / ".options-fake" / "ledger.duckdb").is_file()
