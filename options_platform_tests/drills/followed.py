"""A section of docs/operations.md, whose commands a test runs one after the other."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "operations.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
PATIENCE_SECONDS = 240


def commands_of(heading):
    """The commands of a section of the page, those of its subsections left out."""
    text = PAGE.read_text(encoding="utf-8")
    (section,) = re.findall(
        rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, flags=re.MULTILINE | re.DOTALL
    )
    return [line for block in BLOCK.findall(section) for line in block.splitlines() if line]


class Drill:
    """Runs the commands of a section as processes in a folder, in their order and each once.

    Between two of them a test lets something happen, or goes to another folder, as to another
    machine. `settings` are variables of the environment.
    """

    def __init__(self, heading, folder, **settings):
        self.folder = folder
        self.settings = settings
        self._commands = commands_of(heading)

    def run(self, command, code=0):
        """What the next command of the page prints, its broken lines joined."""
        assert self._commands, f"the page has no command after the last one; {command} is missing"
        assert command == self._commands.pop(0)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPTIONS_", "APCA_"))}
        path = os.pathsep.join((str(self.folder), str(Path(sys.executable).parent), kept["PATH"]))
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=kept | self.settings | {"PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        printed = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == code, printed
        assert "Traceback" not in printed
        return printed

    def done(self):
        """Every command of the section was run."""
        assert self._commands == []
