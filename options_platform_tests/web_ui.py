"""The web UI as a user starts it, in processes of its own, and a browser that reads its pages."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Of Dagster's own bundle: Apollo says so of queries of the pages.
KNOWN_WARNING = "https://go.apollo.dev/c/err"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class WebUI:
    """`options-platform ui`, or with a `clone` a plain `dagster dev` in that folder."""

    def __init__(self, home, clone=None, **environment):
        port, self.reports_port = free_port(), free_port()
        self.address = f"http://127.0.0.1:{port}"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
        kept.pop("DAGSTER_HOME", None)
        kept["PYTHONPATH"] = os.pathsep.join([str(ROOT), *sys.path])
        own = {"OPTIONS_HOME": str(home), "OPTIONS_REPORTS_PORT": str(self.reports_port)}
        command = (
            ["options_platform", "ui", "--port"] if clone is None else ["dagster", "dev", "-p"]
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", *command, str(port)],
            env=kept | own | environment,
            cwd=clone,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self):
        until = time.monotonic() + 120
        while True:
            try:
                if self.ask("{ version }")["version"]:
                    return
            except OSError:
                assert time.monotonic() < until, "the web UI did not start"
                assert self.process.poll() is None
                time.sleep(1)

    def ask(self, query, **variables):
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(
            f"{self.address}/graphql", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return found["data"]

    def stop(self):
        os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def as_a_clone(folder):
    """What a clone of the repository has for `dagster dev`."""
    folder.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


@contextmanager
def browser_page(**options):
    """A page of a headless Chromium and the errors of its console, which end the test."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    errors = []
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(**options)
        # Of the page and of those that a click opens.
        context.on("weberror", lambda found: errors.append(str(found.error)))
        context.on("console", lambda message: errors.extend(_errors(message)))
        page = context.new_page()
        page.set_default_timeout(90_000)
        yield page
        browser.close()
    assert errors == []


def _errors(message):
    known = KNOWN_WARNING in message.text
    return [message.text] if message.type == "error" and not known else []
