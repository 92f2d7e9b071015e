"""A package from a template is installed, passes its contract suite, and is used."""

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from options_platform.cli import main
from options_platform.services.extending.package import KINDS, write_package

ROOT = Path(__file__).parents[3]
NAMES = {kind: f"my_{kind}" for kind in KINDS}
BROKEN = """
import no_such_module
"""
USE = """
import sys
from options_platform.api import open_home
from options_platform.domain.features.registry import FEATURES
from options_platform.models.selection.candidates import CANDIDATES

home = open_home(sys.argv[1], settings={
    "source": "simulated", "tickers": "SPY,QQQ", "start": "2015-01-02", "end": "2017-03-31",
    "account_value_usd": 1_000_000,
})
tested = home.backtest({"plan.selection.strategy": "my_strategy"}, record=False)
print(set(tested.trades["strategy"]), tested.trades.height > 0)
print([feature.name for feature in FEATURES if feature.family == "my_feature"])
print("my_model" in [each.model.name for each in CANDIDATES["direction"]])
print(home.frame("features", columns=["my_feature_range"])["my_feature_range"].null_count() > 0)
"""


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_python_and_declare_the_member(tmp_path, kind):
    files = write_package(kind, NAMES[kind], tmp_path / "own")
    for file in files:
        if file.suffix == ".py":
            ast.parse(file.read_text())
        assert "{{" not in file.read_text()
    project = tomllib.loads((tmp_path / "own" / "pyproject.toml").read_text())["project"]
    ((group, points),) = project["entry-points"].items()
    assert group == f"options_platform.{KINDS[kind]}"
    ((name, value),) = points.items()
    module, _, attribute = value.partition(":")
    assert name == NAMES[kind]
    source = tmp_path / "own" / f"{module.replace('.', '/')}.py"
    assigned = [
        target.id
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
    ]
    assert attribute in assigned


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("strategy", "my-strategy", "'my-strategy' is no name for a package"),
        ("strategy", "class", "is no name for a package"),
        ("source", "class", "since it is a word of Python"),
        ("feature", "rsi_14", "there is a feature rsi_14 already"),
        ("feature", "9lives", "is no name for a package"),
        ("feature", "../x", "is no name for a package"),
        ("strategy", "MyStrategy", "write the name in lower case"),
        ("strategy", "iron_condor", "there is a strategy iron_condor already"),
        ("source", "yahoo", "there is a source yahoo already"),
        ("model", "logit", "there is a model logit already"),
        ("feature", "polars", "a module polars is installed already"),
        ("strategie", "mine", "unknown kind 'strategie'; did you mean strategy?"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_in_one_line(tmp_path, capsys, kind, name, message):
    assert main(["new", kind, name]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("options-platform: ")
    assert message in shown.err
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_files_is_left_as_it_is(tmp_path, capsys):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("kept")
    assert main(["new", "strategy", "mine"]) == 2
    assert "mine exists already; choose another folder with --to" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["notes.txt"]
    assert main(["new", "strategy", "mine", "--to", "other"]) == 0
    assert "python -m pip install --editable other" in capsys.readouterr().out


@pytest.mark.long
def test_installed_packages_pass_their_contract_suites_and_are_used(simulated_home, tmp_path):
    folders = []
    for kind, name in NAMES.items():
        write_package(kind, name, tmp_path / name)
        folders.append(str(tmp_path / name))
    # A package that fails to import disturbs none of the others.
    write_package("strategy", "my_broken", tmp_path / "my_broken")
    (tmp_path / "my_broken" / "my_broken" / "strategy.py").write_text(BROKEN)
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps",
         "--no-build-isolation", "--python", sys.executable, "--target", str(site),
         *folders, str(tmp_path / "my_broken")],
        check=True,
    )  # fmt: skip
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, check=False,
            capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    tests = [f"{folder}/tests" for folder in folders]
    passed = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), *tests)
    assert " passed" in passed.stdout
    assert "skipped" not in passed.stdout

    used = run("-c", USE, str(simulated_home.home))
    assert used.stdout.splitlines() == [
        "{'my_strategy'} True", "['my_feature_range', 'my_feature_range_20']", "True", "True",
    ]  # fmt: skip
    (line,) = used.stderr.strip().splitlines()
    assert line.startswith("my_broken (options_platform.strategies of the package my-broken, ")
    assert line.endswith("is left out: ModuleNotFoundError: No module named 'no_such_module'")
