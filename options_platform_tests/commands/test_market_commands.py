"""`quarantine` and `bars` as a user runs them."""

import json
from datetime import UTC, date, datetime

import pytest

from options_platform.contracts import QUARANTINE, RAW_OHLCV, REVISIONS
from options_platform_tests.commands.test_cli import HEADER, Shell
from options_platform_tests.scripted import calm_bars

SPIKE = date(2024, 3, 14)


def lines(**changes):
    frame = calm_bars(end=date(2024, 3, 28)).filter(calm_bars()["date"] >= date(2024, 1, 2))
    rows = []
    for given in frame.iter_rows(named=True):
        row = given | (changes if given["date"] == SPIKE else {})
        names = ("date", "open", "high", "low", "close", "adj_close", "volume")
        rows.append(",".join(str(row[name]) for name in names))
    return rows


@pytest.fixture(scope="module")
def shell(tmp_path_factory):
    shell = Shell(tmp_path_factory.mktemp("market"))
    shell.write(lines(high=150.0), HEADER)
    done = shell.run("backfill", "--select", "raw_ohlcv,vix")
    assert done.returncode == 0, done.stderr
    assert "bad_bars" in done.stdout
    return shell


@pytest.mark.long
def test_a_row_set_aside_is_listed_accepted_and_then_in_the_data(shell):
    before = datetime.now(UTC)
    listed = json.loads(shell.run("quarantine", "--json").stdout)
    assert [(row["date"], row["ticker"], row["rule"], row["status"]) for row in listed] == [
        (SPIKE.isoformat(), "SPY", "spike", "open")
    ]
    assert json.loads(listed[0]["value"])["high"] == 150.0

    missing = shell.run("quarantine", "accept", "SPY", "2024-03-15")
    assert missing.returncode == 2
    assert "no such row in the quarantine" in missing.stderr
    nameless = shell.run("quarantine", "reject")
    assert "needs a ticker and a date" in nameless.stderr

    done = shell.run("quarantine", "accept", "SPY", SPIKE.isoformat(), "--note", "seen on tape")
    assert done.returncode == 0, done.stderr
    assert "accepted" in done.stdout
    assert shell.table().filter(shell.table()["date"] == SPIKE)["high"].item() is None

    done = shell.run("backfill", "--start", "2024-03-28", "--select", "raw_ohlcv")
    assert done.returncode == 0, done.stderr
    assert shell.table().filter(shell.table()["date"] == SPIKE)["high"].item() == 150.0
    assert shell.table(QUARANTINE)["note"].to_list() == ["seen on tape"]
    assert set(shell.table(REVISIONS)["cause"]) == {"accepted"}

    span = ("bars", "SPY", "--start", SPIKE.isoformat(), "--end", SPIKE.isoformat(), "--json")
    now = json.loads(shell.run(*span).stdout)
    then = json.loads(shell.run(*span, "--as-of", before.isoformat()).stdout)
    assert [row["high"] for row in now] == [150.0]
    assert [(row["high"], row["bad_reason"]) for row in then] == [(None, "spike")]
    long_ago = json.loads(shell.run(*span, "--as-of", "2024-01-05T12:00Z").stdout)
    assert long_ago == []
    assert RAW_OHLCV.name == "raw_ohlcv"


def test_a_wrong_time_is_refused(shell):
    done = shell.run("bars", "SPY", "--as-of", "yesterday")
    assert done.returncode == 2
    assert "is not a time like" in done.stderr
