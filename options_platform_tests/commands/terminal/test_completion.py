"""The completion scripts are those of a shell, and complete what the parser has."""

import shutil
import subprocess

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


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
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
