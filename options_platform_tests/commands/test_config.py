import json

import pytest

from options_platform.cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "options.toml").write_text('source = "sample"\n[exits]\nexit_dte = 14\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPTIONS_HOME", raising=False)
    monkeypatch.setenv("OPTIONS_RISK__MAX_POSITIONS", "8")
    return tmp_path


def shown(capsys, *arguments):
    assert main(["config", "show", *arguments]) == 0
    return capsys.readouterr().out


def test_what_was_changed_is_shown_with_its_place(capsys):
    rows = [line.split() for line in shown(capsys, "--changed").splitlines()]
    assert ["exits.exit_dte", "14", "options.toml"] in rows
    assert ["risk.max_positions", "8", "OPTIONS_RISK__MAX_POSITIONS"] in rows
    assert not any("default" in row for row in rows)
    assert "All of these are defaults." in shown(capsys, "fills", "--changed")


def test_names_may_stand_before_or_after_the_options(capsys):
    wanted = shown(capsys, "exits", "risk", "--changed", "--json")
    assert len(json.loads(wanted)) == 2
    assert shown(capsys, "--changed", "exits", "risk", "--json") == wanted
    assert shown(capsys, "exits", "--json", "risk", "--changed") == wanted


def test_every_line_fits_and_every_setting_is_there(capsys):
    text = shown(capsys)
    assert all(len(line) <= 100 for line in text.splitlines())
    for name in ("plan.chain.surface.smiles", "alpaca.live", "home"):
        assert f"\n{name} " in text


def test_programs_get_values_of_their_own_type(capsys, folder):
    rows = {row["name"]: row for row in json.loads(shown(capsys, "--json"))}
    assert rows["exits.exit_dte"] == {
        "name": "exits.exit_dte", "value": 14, "from": "options.toml",
    }  # fmt: skip
    assert rows["risk.gap.moves"]["value"] == [-0.2, -0.105, 0.07]
    assert rows["home"]["value"] == str(folder / ".options")
    assert rows["start"] == {"name": "start", "value": "2010-01-04", "from": "source sample"}
