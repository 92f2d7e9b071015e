import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from options_platform.serving.instance import DEFINITIONS, HomeInstance
from options_platform_tests.conftest import pytest_collection_modifyitems
from options_platform_tests.longest import LONGEST

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-run.lock"])
def test_locks_hold_hashes_and_no_addresses(lock):
    text = (ROOT / lock).read_text()
    assert "://" not in text
    assert "--index-url" not in text
    pinned = re.findall(r"^[a-zA-Z0-9][^\s=]*==[^\s;]+", text, flags=re.MULTILINE)
    assert len(pinned) > 100
    blocks = re.split(r"^(?=[a-zA-Z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)


def test_every_way_to_load_the_definitions_gives_one_code_location():
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    (workspace,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    project = tool["dg"]["project"]
    modules = {
        tool["dagster"]["module_name"],
        project["code_location_target_module"],
        workspace["python_module"]["module_name"],
    }
    # Switched schedules are kept by location; the web UI of `options-platform ui` names the module.
    names = {
        tool["dagster"]["code_location_name"],
        project["code_location_name"],
        workspace["python_module"]["location_name"],
    }
    assert modules == names == {DEFINITIONS}
    ours = yaml.safe_load((ROOT / "dagster.yaml").read_text())["instance_class"]
    assert ours == {"module": HomeInstance.__module__, "class": HomeInstance.__name__}


def test_the_compose_file_parses_and_shares_one_home():
    compose = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())
    services = compose["services"]
    assert {"webserver", "daemon"} <= set(services)
    homes = {
        str(volume).split(":")[0]
        for name in ("webserver", "daemon")
        for volume in services[name]["volumes"]
    }
    assert homes & set(compose["volumes"])


def test_the_image_runs_as_nobody_special():
    lines = (ROOT / "docker" / "Dockerfile").read_text().splitlines()
    commands = [line.split(maxsplit=1) for line in lines if re.match(r"[A-Z]+ ", line)]
    assert commands[0][0] in ("FROM", "ARG")
    users = [rest for name, rest in commands if name == "USER"]
    assert users
    assert users[-1] not in ("root", "0")
    assert not [rest for name, rest in commands if name == "ADD"]


def test_an_unsupported_python_is_refused_with_a_sentence(tmp_path):
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        fake = tmp_path / name
        fake.write_text(
            '#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.14.0" && exit 0\nexit 1\n'
        )
        fake.chmod(0o755)
    for tool in ("bash", "sed", "grep", "touch", "env", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool))
    done = subprocess.run(
        [str(tmp_path / "bash"), str(ROOT / "tools" / "install.sh"), str(tmp_path / "v"), "x"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "needs Python 3.11, 3.12 or 3.13, and found Python 3.14.0" in done.stderr


def test_the_supported_versions_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["requires-python"] == ">=3.11,<3.14"


def test_no_committed_file_names_a_machine_path():
    if not (ROOT / ".git").exists():
        pytest.skip("no git checkout here")
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    foreign = re.compile(r"(?<![\w.])/(?:work|root|home)/\w")
    found = [
        name
        for name in names
        if (ROOT / name).is_file()
        and (ROOT / name).suffix not in (".png", ".lock")
        and name not in ("docker/Dockerfile", "docker/compose.yaml", ".dockerignore")
        and foreign.search((ROOT / name).read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_files_that_take_longest_come_first_and_the_rest_as_collected():
    tests = Path(__file__).parent
    assert [name for name in LONGEST if not (tests / name).is_file()] == []
    assert len(set(LONGEST)) == len(LONGEST)
    names = ["test_docs.py", *reversed(LONGEST), "test_runs.py"]
    items = [SimpleNamespace(path=tests / name) for name in names]
    pytest_collection_modifyitems(items)
    ordered = [item.path.relative_to(tests).as_posix() for item in items]
    assert ordered == [*LONGEST, "test_docs.py", "test_runs.py"]


@pytest.mark.parametrize(
    ("has_settings", "given", "source"),
    [(False, {}, "sample"), (True, {}, "none"), (True, {"OPTIONS_SOURCE": "csv"}, "csv")],
)
def test_make_ui_serves_the_sample_only_without_settings(tmp_path, has_settings, given, source):
    command = tmp_path / "venv" / "bin" / "options-platform"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho "$1 of ${OPTIONS_SOURCE:-none}"\n')
    command.chmod(0o755)
    if has_settings:
        (tmp_path / "options.toml").write_text('source = "yahoo"\n')
    installed = tmp_path / "venv" / ".installed"
    make = ["make", "-f", str(ROOT / "Makefile"), f"VENV={installed.parent}", "-o", str(installed)]
    done = subprocess.run(
        [*make, "--no-print-directory", "ui"],
        cwd=tmp_path, env=os.environ | given, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"ui of {source}\n"
