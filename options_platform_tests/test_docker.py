"""The image and the compose file, judged by linters that need no Docker engine."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
SCRIPTS = Path(sys.executable).parent


def lint(tool, *arguments):
    program = SCRIPTS / tool
    if not program.exists():
        pytest.skip(f"{tool} is not installed here")
    return subprocess.run(
        [str(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"NO_COLOR": "1"},
    )


def test_hadolint_finds_nothing_in_the_dockerfile():
    done = lint("hadolint", "--no-color", DOCKER / "Dockerfile")
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


def test_hadolint_would_find_something(tmp_path):
    bad = (DOCKER / "Dockerfile").read_text().replace("FROM ${PYTHON}", "FROM python")
    (tmp_path / "Dockerfile").write_text(bad + "USER root\n")
    done = lint("hadolint", "--no-color", "--format", "json", tmp_path / "Dockerfile")
    assert done.returncode == 1
    assert {"DL3006", "DL3002"} <= {found["code"] for found in json.loads(done.stdout)}


def test_every_image_that_is_built_on_is_pinned_by_digest():
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    values = dict(line.split()[1].split("=", 1) for line in lines if line.startswith("ARG "))
    bases = [line.split()[1] for line in lines if line.startswith("FROM ")]
    assert len(bases) == 2
    for base in bases:
        image = values.get(base.strip("${}"), base)
        assert re.fullmatch(r"python:3\.12\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", image)


def test_compose_lint_finds_no_danger_in_the_compose_file():
    """Without a digest for an image that is built here, and without limits of memory and CPU."""
    done = lint("compose-lint", "--format", "json", DOCKER / "compose.yaml")
    assert done.returncode == 0, done.stdout
    assert set(codes(done.stdout)) == {"CL-0019", "CL-0026"}


def test_compose_lint_would_find_something(tmp_path):
    compose = yaml.safe_load((DOCKER / "compose.yaml").read_text())
    compose["services"]["webserver"] |= {"privileged": True, "ports": ["3000:3000"]}
    (tmp_path / "compose.yaml").write_text(yaml.safe_dump(compose))
    done = lint("compose-lint", "--format", "json", tmp_path / "compose.yaml")
    assert done.returncode != 0
    assert len(set(codes(done.stdout))) > 2


@pytest.mark.parametrize(
    ("service", "program"), [("webserver", "dagster-webserver"), ("daemon", "dagster-daemon")]
)
def test_what_a_service_creates_in_the_home_is_private(tmp_path, service, program):
    """The entrypoint is run as it stands, with a program in Dagster's place that creates a file."""
    entry = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"][service]
    created = tmp_path / "created"
    fake = tmp_path / program
    fake.write_text(f'#!/bin/sh\necho "$@" > {created}\n')
    fake.chmod(0o755)
    # Compose writes one dollar sign for two.
    words = [word.replace("$$", "$") for word in (*entry["entrypoint"], *entry["command"])]
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(words, check=True, env={"PATH": path}, umask=0o022)
    assert created.stat().st_mode & 0o777 == 0o600
    assert created.read_text().split() == entry["command"]


def codes(text):
    """The rule of each finding, wherever the report keeps it."""
    found, waiting = [], [json.loads(text)]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found += [v for k, v in part.items() if k in ("rule", "rule_id") and isinstance(v, str)]
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


def test_what_the_dockerfile_copies_exists_and_is_not_ignored():
    lines = (DOCKER / "Dockerfile").read_text().splitlines()
    copies = [line.split()[1:] for line in lines if line.startswith("COPY ")]
    sources = [s for copy in copies if not copy[0].startswith("--from") for s in copy[:-1]]
    assert len(sources) >= 5
    ignored = (ROOT / ".dockerignore").read_text().split()
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source not in ignored
        assert f"{source}/" not in ignored
