"""The program on the page of the forward record checks one without the platform."""

import re
import sys
from pathlib import Path

import pytest

from options_platform.domain.forward.verification import read_chain
from options_platform_tests.forward_links import chain_bytes, chained_anew

PAGE = Path(__file__).parents[3] / "docs" / "forward-record.md"
PROGRAM = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)[0]
DATA = chain_bytes()
LINES = DATA.splitlines(keepends=True)
HEAD = read_chain(DATA).links[-1].hash


@pytest.fixture
def check(tmp_path, monkeypatch, capsys):
    """What the program prints of a record; SystemExit if it refuses it."""

    def run(data, *heads):
        path = tmp_path / "record.chain"
        path.write_bytes(data)
        monkeypatch.setattr(sys, "argv", ["check.py", str(path), *heads])
        exec(compile(PROGRAM, "check.py", "exec"), {})
        return capsys.readouterr().out

    return run


def test_the_program_has_twenty_lines_and_finds_the_head(check):
    assert len([line for line in PROGRAM.splitlines() if line.strip()]) <= 20
    assert check(DATA, HEAD) == f"6 links, head {HEAD}\n"


@pytest.mark.parametrize(
    ("data", "heads", "said"),
    [
        (DATA.replace(b'"votes"', b'"Votes"', 1), (), "link 1 was altered"),
        (b"".join(LINES[:2] + LINES[3:]), (), r"link 3 \(2015-01-05\) does not follow"),
        (DATA[:-1], (), "link 6 was altered"),
        (chained_anew(DATA, 2, lambda link: link.update(version=2)), (HEAD,), "is not in this"),
        (b"".join(LINES[:4]), (HEAD,), "is not in this record"),
    ],
)
def test_the_program_refuses_what_the_platform_refuses(check, data, heads, said):
    with pytest.raises(SystemExit, match=said):
        check(data, *heads)
