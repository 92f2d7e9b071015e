"""The command line as a user runs it: real processes, exit codes, one line for each error."""

import json
import os
import shutil
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.contracts import QUARANTINE, RAW_OHLCV
from options_platform.domain.calendar.sessions import sessions
from options_platform.domain.features.table import FEATURES_TABLE
from options_platform_tests.command_line import run_here

HEADER = "date,open,high,low,close,adj_close,volume\n"
DAYS = sessions(date(2024, 1, 2), date(2024, 3, 28))
BASE = {
    "OPTIONS_SOURCE": "csv",
    "OPTIONS_TICKERS": "SPY",
    "OPTIONS_START": "2024-01-02",
    "OPTIONS_END": "2024-03-28",
    "OPTIONS_WAREHOUSE_WAIT_SECONDS": "1",
}
DATA = "raw_ohlcv,vix"
HOLD = """
import duckdb, sys, time
connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
time.sleep(60)
"""
INTERRUPT_TURNED = """
import signal, sys, types
from options_platform import cli

def doctor(args):
    try:
        signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        raise TypeError("not a data type") from None

sys.modules["options_platform.commands.turned"] = types.SimpleNamespace(doctor=doctor)
cli.COMMANDS["doctor"] = ("turned", "doctor")
sys.exit(cli.main(["doctor"]))
"""


def rows(count=None):
    return [f"{day},100,102,99,{100 + n % 2},100,1000" for n, day in enumerate(DAYS[:count])]


class Shell:
    def __init__(self, folder):
        self.folder = folder
        self.csv = folder / "csv"
        self.csv.mkdir()
        self.home = folder / "home"
        self.write(rows())
        index = [f"{day},15,16,14,15" for day in DAYS]
        (self.csv / "VIX.csv").write_text("date,open,high,low,close\n" + "\n".join(index) + "\n")

    def write(self, lines, header=HEADER):
        (self.csv / "SPY.csv").write_text(header + "\n".join(lines) + "\n")

    def run(self, *arguments, **environment):
        return run_here(arguments, self.folder, self._with_settings(environment))

    def run_apart(self, *arguments, **environment):
        """Run a command in a process, as a user does."""
        return self._started("-m", "options_platform", *arguments, **environment)

    def python(self, code):
        return self._started("-c", code)

    def _with_settings(self, environment):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("OPTIONS_")}
        own = {"OPTIONS_HOME": str(self.home), "OPTIONS_CSV_DIR": str(self.csv)}
        return kept | BASE | own | environment

    def _started(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self._with_settings(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def table(self, table=RAW_OHLCV):
        return Warehouse(self.home / "warehouse.duckdb").read(table)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    shell = Shell(tmp_path_factory.mktemp("filled"))
    done = shell.run_apart("backfill", "--select", DATA)
    assert done.returncode == 0, done.stderr
    return shell


@pytest.fixture
def shell(filled, tmp_path):
    shutil.copytree(filled.folder, tmp_path / "copy")
    copy = object.__new__(Shell)
    copy.folder = tmp_path / "copy"
    copy.csv, copy.home = copy.folder / "csv", copy.folder / "home"
    return copy


def refused(shell, done, message):
    """One line with advice, an exit code, and unchanged tables."""
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if line.startswith("options-platform: ")]
    assert len(lines) == 1, done.stderr
    assert message in lines[0]
    assert "Traceback" not in done.stderr
    assert shell.table().height == len(DAYS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("backfill", "--tickers", "NOSUCH"), "NOSUCH is not among the tickers"),
        (("backfill", "--rebuild", "raw_ohlcv"), "only what a backfill computes is dropped"),
        (("backfill", "--rebuild", "features", "--tickers", "SPY"), "leave out --start"),
        (("backfill", "--tickers", "../x"), "no ticker"),
        (("backfill", "--tickers", "'; drop table raw_ohlcv"), "no ticker"),
        (("backfill", "--start", "2024-01-06"), "no New York session"),
        (("backfill", "--start", "2024-13-01"), "is not a date like"),
        (("backfill", "--start", "2024-03-01", "--end", "2024-02-01"), "is after"),
        (("backfill", "--start", "2019-01-02"), "before the first session"),
        (("backfill", "--start", "2024-04-01"), "after the last session, 2024-03-28"),
        (("backfill", "--end", "2024-04-01"), "OPTIONS_END (now 2024-03-28) later or to none"),
        (("daily", "--date", "2024-04-01"), "after the last session, 2024-03-28"),
        (("daily", "--date", "2024-02-19"), "no New York session"),
        (("daily", "--date", "2099-01-02"), "2099-01-02"),
        (("backfill", "--select", "raw_ohlc"), "raw_ohlcv"),
        (("bakfill",), "bakfill"),
    ],
)
def test_a_wrong_request_is_refused(filled, arguments, message):
    refused(filled, filled.run(*arguments), message)


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"OPTIONS_TICKER": "SPY"}, "did you mean tickers"),
        ({"OPTIONS_WORKERS": "two"}, "workers"),
        ({"OPTIONS_TICKERS": "../x"}, "no ticker"),
    ],
)
def test_a_wrong_setting_is_refused(filled, environment, message):
    refused(filled, filled.run("backfill", **environment), message)


@pytest.mark.parametrize(
    ("lines", "header", "message"),
    [
        ([r.rsplit(",", 1)[0] for r in rows()], HEADER.replace(",volume", ""), "volume"),
        pytest.param(
            ["02.01.24,100,102,99,101,101,1000"], HEADER, "date", marks=pytest.mark.long
        ),
        pytest.param(
            [*rows()[:-1], f"{DAYS[-1]},100,102,ninety,101,101,1000"], HEADER, "ninety",
            marks=pytest.mark.long,
        ),
        pytest.param(
            [*rows()[:-1], f"{DAYS[-1]},100,10"], HEADER, "SPY.csv", marks=pytest.mark.long
        ),
        (rows(20), HEADER, "ends"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_and_the_tables_stay(shell, lines, header, message):
    shell.write(lines, header)
    refused(shell, shell.run("backfill", "--select", DATA), message)


def test_bad_rows_are_set_aside_and_reported(shell):
    lines = rows()
    lines[10] = f"{DAYS[10]},100,102,-99,101,101,1000"
    lines.append(f"{DAYS[20]},100,102,99,101.5,101,1000")
    shell.write(lines)
    done = shell.run("backfill", "--select", DATA)
    assert done.returncode == 0, done.stderr
    assert "bad_bars" in done.stdout
    bad = shell.table().filter(pl.col("bad_reason").is_not_null())
    assert dict(bad.select("date", "bad_reason").iter_rows()) == {
        DAYS[10]: "non_positive_price",
        DAYS[20]: "duplicate_conflict",
    }
    assert shell.table(QUARANTINE).height == 3


def test_an_unwritable_home_is_named(filled, tmp_path):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    done = filled.run("status", OPTIONS_HOME=str(in_the_way / "home"))
    refused(filled, done, "set OPTIONS_HOME")


def test_another_process_in_the_warehouse_is_waited_for_and_then_named(filled):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HOLD,
            str(filled.home / "warehouse.duckdb"),
        ],
        stdout=subprocess.PIPE,
    )
    try:
        holder.stdout.readline()
        began = time.monotonic()
        done = filled.run("quarantine", "accept", "SPY", "2024-01-02")
        assert time.monotonic() - began < 30
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    refused(filled, done, "held by another process")


def test_an_interrupt_that_a_library_makes_another_error_of_is_one_still(shell):
    done = shell.python(INTERRUPT_TURNED)
    assert done.returncode == 130
    assert done.stderr.strip() == "options-platform: interrupted"


def test_status_orders_and_doctor_speak_json(filled):
    found = json.loads(filled.run("status", "--json").stdout)
    assert found["tables"][0] == {
        "table": "raw_ohlcv",
        "rows": len(DAYS),
        "tickers": ["SPY"],
        "first": "2024-01-02",
        "last": "2024-03-28",
    }
    for name in ("orders", "positions"):
        assert json.loads(filled.run(name, "--json").stdout) == {"as_of": None, name: []}
    doctor = filled.run("doctor", "--json", "--deep")
    assert doctor.returncode == 0, doctor.stdout
    rows = json.loads(doctor.stdout)
    assert all({"state", "what", "detail"} <= set(row) for row in rows)
    (pace,) = [row for row in rows if row["what"] == "pace"]
    assert (pace["state"], "options-platform backfill" in pace["detail"]) == ("note", True)


def test_halt_and_resume(shell):
    assert shell.run("halt", "--reason", "storm").returncode == 0
    assert json.loads(shell.run("status", "--json").stdout)["halted"] == "storm"
    assert shell.run("resume").returncode == 0
    assert json.loads(shell.run("status", "--json").stdout)["halted"] is None


def test_a_backup_restores_the_home_and_halts_it(shell):
    archive = shell.folder / "backup.tar.gz"
    assert shell.run("backup", str(archive)).returncode == 0
    shutil.rmtree(shell.home)
    done = shell.run("restore", str(archive))
    assert done.returncode == 0, done.stderr
    assert "halted (RESTORED from backup.tar.gz; ledger.duckdb)" in done.stdout
    assert shell.table().height == len(DAYS)
    status = json.loads(shell.run("status", "--json").stdout)
    assert status["halted"] == "RESTORED from backup.tar.gz"


def test_a_command_names_a_damaged_database_and_doctor_how_to_restore_it(shell):
    archive = shell.folder / "backup.tar.gz"
    assert shell.run("backup", str(archive)).returncode == 0
    path = shell.home / "warehouse.duckdb"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    done = shell.run("status")
    assert done.returncode == 1
    assert "warehouse.duckdb is damaged" in done.stderr
    assert "options-platform doctor" in done.stderr
    doctor = shell.run("doctor")
    assert doctor.returncode == 1
    command = f"options-platform restore {archive} --only warehouse.duckdb"
    assert command in doctor.stdout
    assert shell.run(*command.split()[1:]).returncode == 0
    assert shell.table().height == len(DAYS)
    assert shell.run("doctor").returncode == 0


@pytest.mark.parametrize(
    "name", ["history/runs.db", pytest.param("history/runs/index.db", marks=pytest.mark.long)]
)
def test_a_damaged_dagster_database_is_reported_in_one_line_too(shell, name):
    path = shell.home / "dagster" / name
    path.write_bytes(b"garbage " * 1000)
    done = shell.run("backfill", "--select", DATA)
    refused(shell, done, "is damaged")
    doctor = json.loads(shell.run("doctor", "--json").stdout)
    assert [one["what"] for one in doctor if one["state"] == "BROKEN"] == [f"dagster/{name}"]


@pytest.mark.long
def test_no_file_of_a_home_can_be_read_by_others(shell):
    shell.home.chmod(0o755)
    for path in shell.home.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert shell.run("backfill", "--select", DATA).returncode == 0
    modes = {oct(path.stat().st_mode & 0o777) for path in (shell.home, *shell.home.rglob("*"))}
    assert modes == {"0o700", "0o600"}


def test_features_are_exported_with_their_version(shell):
    done = shell.run("backfill", "--select", "features")
    assert done.returncode == 0, done.stderr
    target = shell.folder / "features.parquet"
    done = shell.run("features-export", "--to", str(target))
    assert done.returncode == 0, done.stderr
    version = shell.table(FEATURES_TABLE)["feature_version"][0]
    assert pl.read_parquet_metadata(target)["feature_version"] == version
    assert pl.read_parquet(target).height == len(DAYS)


def test_help_loads_nothing_heavy():
    heavy = {"polars", "dagster", "duckdb", "pandas", "numpy", "mlflow", "xgboost"}
    code = (
        "import sys; from options_platform.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print([m for m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not heavy & set(eval(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "words", [["status"], ["backfill", "--start", "2024-01-06"], ["daily", "--date", "2024-02-19"]]
)
def test_what_only_reads_and_what_is_refused_load_no_dagster(shell, words):
    code = (
        "import sys; from options_platform.cli import main\n"
        f"code = main({words!r})\n"
        "print(code, 'dagster' in sys.modules)"
    )
    assert shell.python(code).stdout.splitlines()[-1] in ("0 False", "2 False")


def test_logs_are_structured_lines_in_the_home(filled):
    files = list(Path(filled.home / "logs").glob("*"))
    assert files
    for line in files[0].read_text().splitlines():
        assert {"time", "level", "message"} <= set(json.loads(line))


def test_a_table_of_another_schema_is_refused_with_the_command_that_computes_it_again(shell):
    with duckdb.connect(str(shell.home / "warehouse.duckdb")) as connection:
        connection.execute("CREATE TABLE features (date DATE, ticker VARCHAR, gone DOUBLE)")
    done = shell.run("backfill", "--select", "features")
    assert done.returncode != 0
    assert "options-platform backfill --rebuild features" in done.stderr
    done = shell.run("backfill", "--rebuild", "features")
    assert done.returncode == 0, done.stderr
    assert "Dropped, to be computed again: features" in done.stdout
    assert shell.table(FEATURES_TABLE).height == len(DAYS)
