"""`rehearse`: its exit codes, its page and what it prints."""

import json
from dataclasses import replace

import pytest

from options_platform.cli import main
from options_platform.commands import rehearse as command
from options_platform.services.rehearsal.data import RehearsalData
from options_platform.services.rehearsal.result import Breach
from options_platform.services.rehearsal.run import rehearse
from options_platform_tests.printed import flat
from options_platform_tests.services.rehearsal.small_month import crash_month

TEXT = "3 sold contracts of SPY160415P00080000 without cover after a fill of order X"


@pytest.fixture(scope="module")
def month() -> RehearsalData:
    return crash_month(warm_up=2, sessions=2)


@pytest.fixture(scope="module")
def once():
    """Runs a rehearsal, and gives the same one again."""
    runs = []

    def run(*args, **options):
        if not runs:
            runs.append(rehearse(*args, **options))
        return runs[0]

    return run


@pytest.fixture
def home(tmp_path, monkeypatch, month, once):
    """A home whose stored month is a made-up one."""
    for name, value in {"HOME": str(tmp_path / "home"), "SOURCE": "simulated"}.items():
        monkeypatch.setenv(f"OPTIONS_{name}", value)
    monkeypatch.setenv("APCA_API_KEY_ID", "AKLIVE")
    monkeypatch.setattr(command, "load_month", lambda *_: month)
    monkeypatch.setattr(command, "run_rehearsal", once)
    return tmp_path / "home"


@pytest.mark.long
def test_a_rehearsal_whose_checks_hold_ends_with_0_and_a_page(home, capsys):
    assert main(["rehearse", "2016-03", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["holds"] is True
    assert [check["holds"] for check in shown["checks"]] == [True] * 8
    assert (shown["seed"], shown["intensity"]["name"]) == (1, "stressed")
    page = (home / "reports" / "rehearsal-2016-03-plan.html").read_text()
    assert "All 8 checks hold." in page
    assert "no track record" in page
    # Nothing but the page, and no ledger of the user's.
    assert not list(home.glob("*.duckdb"))


def test_a_broken_check_ends_with_1_and_says_what_broke(home, monkeypatch, capsys, once):
    def broken(*args, **options):
        made = once(*args, **options)
        first, *others = made.verdicts
        breach = Breach(first.name, made.events[0].at, TEXT)
        return replace(made, verdicts=(replace(first, breaches=(breach,)), *others))

    monkeypatch.setattr(command, "run_rehearsal", broken)
    assert main(["rehearse", "2016-03"]) == 1
    out = flat(capsys.readouterr().out)
    assert "BROKEN uncovered" in out
    assert TEXT in out
    page = (home / "reports" / "rehearsal-2016-03-plan.html").read_text()
    assert "1 of 8 checks are BROKEN." in page
    assert TEXT in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2020-3",), "is no month such as 2020-03"),
        (("2020-03",), "no bars to rehearse with"),
        (("2020-03", "--intensity", "mild"), "only real, stressed, severe"),
        (("2020-03", "--rule-set", "premum_ladder"), "did you mean premium_ladder?"),
    ],
)
def test_what_cannot_be_rehearsed_ends_with_2(tmp_path, monkeypatch, capsys, arguments, said):
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "empty"))
    assert main(["rehearse", *arguments]) == 2
    assert said in capsys.readouterr().err
