"""The notebooks run from their first cell to their last, and are committed without outputs."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
# What a notebook does with the value of a cell's last line: it is shown, a plot as PNG.
SHOW = """
import ast
def run(source, names):
    cell = ast.parse(source)
    last = cell.body.pop() if isinstance(cell.body[-1], ast.Expr) else None
    exec(compile(cell, "cell", "exec"), names)
    if last is not None:
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        as_png = getattr(value, "_repr_png_", None)
        print(as_png()[:4] if as_png else value)
"""


def code_of(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_there_are_notebooks_for_a_model_and_for_a_strategy():
    assert [file.stem for file in NOTEBOOKS] == ["own_features_and_model", "own_strategy_and_exits"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_is_committed_without_outputs(notebook):
    for cell in code_of(notebook):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@pytest.mark.long
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_a_notebook_runs_to_its_end(simulated_home, notebook, tmp_path):
    # Jupyter runs a notebook in its own folder.
    (tmp_path / "notebooks").mkdir()
    shutil.copytree(simulated_home.home, tmp_path / ".options")
    first, *others = ["".join(cell["source"]) for cell in code_of(notebook)]
    sources = [first.replace('{"source": "sample"}', '{"source": "simulated"}'), *others]
    program = f"{SHOW}\nnames = {{}}\nfor source in {sources!r}:\n    run(source, names)\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "notebooks",
        env=os.environ
        | {
            "OPTIONS_TICKERS": "SPY,QQQ",
            "OPTIONS_START": str(simulated_home.start),
            "OPTIONS_END": str(simulated_home.end),
            "OPTIONS_ACCOUNT_VALUE_USD": "1000000",
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert r"b'\x89PNG'" in done.stdout
    assert "Traceback" not in done.stderr
