"""`options-platform mlflow` opens on the newest scores, in a browser that was never there."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from options_platform.commands.ui import require_free
from options_platform.errors import UsageError
from options_platform_tests.web_ui import free_port


@pytest.fixture
def address(simulated_home):
    port = free_port()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
    command = [sys.executable, "-m", "options_platform", "mlflow", "--port", str(port)]
    own = {"OPTIONS_HOME": str(simulated_home.home), "OPTIONS_SOURCE": "simulated"}
    server = subprocess.Popen(
        command, env=kept | own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 120
        while not answers(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None
            assert time.monotonic() < until, "the server did not start"
            time.sleep(1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=40)


def answers(address):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


@pytest.mark.browser
def test_the_first_page_has_the_scores_of_both_models_beside_the_naive_ones(address):
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address)
        # What was folded is shown, and so are the plots.
        page.get_by_text("Show less").wait_for(timeout=60_000)
        for text in ("Direction of the next 5 sessions", "IV rank in 5 sessions", "95% interval"):
            page.get_by_text(text).first.wait_for(timeout=60_000)
        page.wait_for_function(
            "[...document.images].filter(i => i.src.includes('skill.png') && i.naturalWidth > 300)"
            ".length === 2"
        )
        # The tools for language models are not shown, here or on a page without the choice.
        page.goto(f"{address}/#/experiments")
        page.get_by_text("Model registry").first.wait_for(timeout=60_000)
        page.get_by_text("Begin here").first.wait_for(timeout=60_000)
        browser.close()


def test_a_port_that_is_taken_is_refused():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port} .* --port {port + 1}"):
            require_free(port)
