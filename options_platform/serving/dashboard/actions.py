"""What a person may do from the dashboard: `halt`, `resume` and `flatten`, by their commands.

Each runs as a process of its own, as it would from a shell: the same checks, the same audit.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

from options_platform.settings import Settings

ACTIONS = ("halt", "resume", "flatten")
LONGEST_REASON = 300
MOST_SECONDS = 900


def refusal(action: str, form: Mapping[str, str]) -> str | None:
    """Why a form is not carried out; None if it is."""
    if form.get("confirmation", "").strip() != action:
        return f"Nothing was done: type {action} to confirm."
    if len(form.get("reason", "")) > LONGEST_REASON:
        return f"Nothing was done: the reason is longer than {LONGEST_REASON} characters."
    return None


def carry_out(settings: Settings, action: str, reason: str) -> tuple[bool, list[str]]:
    """Run the command in the settings' home; whether all of it was done, and what it printed."""
    given = ["--yes"] if action == "flatten" else []
    if reason := " ".join(reason.split()):
        # In one word: a reason that begins with a dash is no option.
        given = [*given, f"--reason={reason}"]
    command = [sys.executable, "-m", "options_platform", action, *given]
    try:
        ended = subprocess.run(  # noqa: S603 (of fixed words, and the reason as one of them)
            [*command, "--home", str(settings.home)],
            capture_output=True, text=True, timeout=MOST_SECONDS, stdin=subprocess.DEVNULL,
            check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        late = f"{action} did not end within {MOST_SECONDS} seconds. Look at the account, then run "
        return False, [f"{late}options-platform {action} again."]
    lines = [line for line in f"{ended.stdout}\n{ended.stderr}".splitlines() if line.strip()]
    return ended.returncode == 0, lines
