"""An import survives being killed at any time, and works within a limit of memory."""

import json
import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from benchmarks.option_import import generate
from options_platform.adapters.sources.files.bulk.importing import RECORDS
from options_platform_tests.adapters.sources.files.bulk import fixtures

MEMORY = 700 * 1_048_576
# The largest memory of the process itself: what getrusage reports for a child includes that of the
# process which started it, and of all other children.
MEASURED = """
import re, sys
from pathlib import Path
from options_platform.cli import main
code = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""
SLOW = """
import sys, time
from pathlib import Path
from options_platform.adapters.sources.files.bulk import batches, importing, months
from options_platform.adapters.sources.files.bulk.head import chain_head
batches.BLOCK_BYTES = 500_000
write = months._write
months._write = lambda *arguments: (write(*arguments), time.sleep(0.3))
head = chain_head(Path(sys.argv[1]))
importing.import_chains(
    head, Path(sys.argv[2]), importing.ChainRequest(ticker="SPY"), lambda rows: time.sleep(0.02)
)
"""


def months(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "options").glob("*.parquet"))}


def rows(folder):
    return {name: pl.read_parquet(content).rows() for name, content in months(folder).items()}


def progress(folder):
    records = list((folder / "options" / RECORDS).glob("*/progress.json"))
    return json.loads(records[0].read_text()) if records else {"chunks": [], "months": {}}


def killed_when(file, folder, condition):
    """Start the import and kill it when the condition on its progress holds."""
    command = [sys.executable, "-c", SLOW, str(file), str(folder / "options")]
    process = subprocess.Popen(command, env=os.environ | {"POLARS_MAX_THREADS": "1"})
    deadline = time.monotonic() + 60
    while not condition(progress(folder)):
        assert time.monotonic() < deadline
        assert process.poll() is None, "the import ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    path = tmp_path_factory.mktemp("generated") / "SPY_2010.csv"
    generate(path, 250_000, "table")
    # A row in the middle that is refused.
    text = path.read_text().replace(",put,", ",both,", 1)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def uninterrupted(generated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    fixtures.run(generated, folder, ticker="SPY")
    return folder


@pytest.mark.parametrize("chunks", [1, 20])
def test_a_killed_import_continues_and_gives_the_files_of_one_that_was_not(
    generated, uninterrupted, tmp_path, chunks
):
    killed_when(generated, tmp_path, lambda state: len(state["chunks"]) >= chunks)
    done = progress(tmp_path)
    assert done["read"] < 250_000
    assert not months(tmp_path)
    result = fixtures.run(generated, tmp_path, ticker="SPY")
    assert (result.read, result.written, result.refused) == (250_000, 249_999, 1)
    assert progress(tmp_path)["chunks"][:chunks] == done["chunks"][:chunks]
    assert rows(tmp_path) == rows(uninterrupted)
    refusals = [folder / "options" / result.refusals.name for folder in (tmp_path, uninterrupted)]
    assert refusals[0].read_text() == refusals[1].read_text()


@pytest.mark.long
def test_an_import_killed_while_it_writes_months_continues(generated, uninterrupted, tmp_path):
    # The second month is written and not yet recorded.
    killed_when(generated, tmp_path, lambda state: len(months(tmp_path)) == 2)
    assert len(progress(tmp_path)["months"]) == 1
    result = fixtures.run(generated, tmp_path, ticker="SPY")
    assert (result.written, result.refused, result.was_done) == (249_999, 1, False)
    assert rows(tmp_path) == rows(uninterrupted)


def test_a_spool_that_lost_a_chunk_begins_anew(generated, uninterrupted, tmp_path):
    killed_when(generated, tmp_path, lambda state: len(state["chunks"]) >= 3)
    (record,) = (tmp_path / "options" / RECORDS).iterdir()
    (record / "000001.arrow").write_bytes(b"")
    result = fixtures.run(generated, tmp_path, ticker="SPY")
    assert result.written == 249_999
    assert rows(tmp_path) == rows(uninterrupted)


def test_a_million_quotes_are_imported_within_a_limit_of_memory(tmp_path):
    file = tmp_path / "SPY_2010.csv"
    generate(file, 1_000_000, "table")
    process = subprocess.run(
        [sys.executable, "-c", MEASURED, "import", str(file), "--to", str(tmp_path), "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    (result,) = json.loads(process.stdout)
    assert (result["quotes"], result["written"], result["refused"]) == (1_000_000, 1_000_000, 0)
    assert int(process.stderr) * 1024 < MEMORY
