"""The completion scripts are those of a shell, and complete what the parser has."""

import os
import pty
import select
import shutil
import subprocess
import time

import pytest

from options_platform.cli import COMMANDS
from options_platform.commands.terminal.completion import completion_script

COMPLETE = """
source {script}
COMP_WORDS=({words})
COMP_CWORD={at}
function=$(complete -p options-platform | sed 's/.*-F \\([^ ]*\\).*/\\1/')
$function options-platform "{last}" "{before}"
echo "${{COMPREPLY[@]}}"
"""


def completed(tmp_path, *words):
    """What bash offers for the last of these words."""
    script = tmp_path / "completion.bash"
    script.write_text(completion_script("bash"))
    line = ["options-platform", *words]
    asked = COMPLETE.format(
        script=script,
        words=" ".join(word or "''" for word in line),
        at=len(words), last=line[-1], before=line[-2],
    )  # fmt: skip
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def needs(shell):
    return pytest.mark.skipif(shutil.which(shell) is None, reason=f"there is no {shell}")


@needs("bash")
def test_bash_completes_commands_choices_and_options(tmp_path):
    assert completed(tmp_path, "back") == {"backfill", "backtest", "backup"}
    assert completed(tmp_path, "models", "pro") == {"promote"}
    assert completed(tmp_path, "backfill", "--t") == {"--tickers"}
    assert completed(tmp_path, "completion", "") == {"bash", "zsh", "fish"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_command_is_in_the_script_of_each_shell(shell):
    script = completion_script(shell)
    assert all(name in script for name in COMMANDS)
    opened = {"bash": "complete -o", "zsh": "#compdef options-platform", "fish": "complete -c"}
    assert opened[shell] in script


@needs("fish")
def test_fish_completes_commands_choices_and_options(tmp_path):
    script = tmp_path / "completion.fish"
    script.write_text(completion_script("fish"))

    def offered(line):
        asked = f"source {script}; complete -C 'options-platform {line}'"
        done = subprocess.run(
            ["fish", "--no-config", "-c", asked],
            capture_output=True, text=True, check=True, env={**os.environ, "HOME": str(tmp_path)},
        )  # fmt: skip
        assert done.stderr == ""
        return {row.partition("\t")[0] for row in done.stdout.splitlines()}

    assert offered("back") == {"backfill", "backtest", "backup"}
    assert offered("models pro") == {"promote"}
    assert offered("backfill --t") == {"--tickers"}
    assert offered("completion ") == {"bash", "zsh", "fish"}


@needs("zsh")
def test_zsh_completes_commands_choices_and_options(tmp_path):
    (tmp_path / "_options-platform").write_text(completion_script("zsh"))
    assert zsh_shows(tmp_path, "back", "backfill", "backtest", "backup")
    assert zsh_shows(tmp_path, "models pro", "models promote ")
    assert zsh_shows(tmp_path, "backfill --t", "backfill --tickers ")
    assert zsh_shows(tmp_path, "completion ", "bash", "fish", "zsh")


def zsh_shows(folder, typed, *wanted):
    """Whether zsh shows all of these once Tab is pressed behind what was typed."""
    terminal, end = pty.openpty()
    zsh = subprocess.Popen(
        ["zsh", "-f", "-i"], stdin=end, stdout=end, stderr=end, start_new_session=True,
        env={**os.environ, "TERM": "dumb", "HOME": str(folder)},
    )  # fmt: skip
    os.close(end)
    try:
        setup = f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; print $((6*7))\n"
        os.write(terminal, setup.encode())
        assert shown(terminal, "\n42")
        os.write(terminal, f"options-platform {typed}\t".encode())
        return shown(terminal, *wanted)
    finally:
        zsh.kill()
        zsh.wait()
        os.close(terminal)


def shown(terminal, *wanted, seconds=30.0):
    text, until = "", time.monotonic() + seconds
    while time.monotonic() < until and not all(word in text for word in wanted):
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode(errors="replace")
    return all(word in text for word in wanted)
