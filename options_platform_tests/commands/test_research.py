"""`research` separates the years that choose from those that score."""

import argparse
import json
import shutil
from datetime import date

import polars as pl
import pytest

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.cli import main
from options_platform.commands import research as command
from options_platform.commands.research import _range, _require_one_look
from options_platform.commands.terminal.arguments import build_parser
from options_platform.contracts import TRIALS
from options_platform.errors import PlatformError, UsageError
from options_platform.models.selection import candidates

FEATURES = pl.DataFrame({"date": [date(2000, 1, 3), date(2024, 12, 31)]})


def asked(**given):
    values = {"final": False, "models": None, "start": None, "end": None} | given
    return argparse.Namespace(**values)


def test_candidates_are_compared_up_to_2020_after_three_years_to_learn():
    assert _range(asked(), FEATURES) == (date(2003, 1, 1), date(2020, 12, 31))
    short = pl.DataFrame({"date": [date(2010, 1, 4), date(2018, 12, 31)]})
    assert _range(asked(), short) == (date(2013, 1, 1), date(2018, 12, 31))


def test_the_chosen_candidate_is_scored_from_2021_on():
    found = _range(asked(final=True, models=("logit",)), FEATURES)
    assert found == (date(2021, 1, 1), date(2024, 12, 31))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"end": date(2021, 6, 30)}, "the years after 2020 are reserved for --final"),
        ({"final": True}, "name it with --models"),
        ({"start": date(2021, 1, 4)}, "nothing to predict"),
    ],
)
def test_reserved_years_cannot_be_used_to_choose(given, message):
    with pytest.raises(UsageError, match=message):
        _range(asked(**given), FEATURES)


def test_the_reserved_years_score_one_candidate_of_a_target():
    looks = pl.DataFrame(
        {
            "target": ["direction", "direction", "iv_rank"],
            "purpose": ["final", "choice", "final"],
            "model": ["logit", "trees", "har"],
        }
    )
    _require_one_look(looks.clear(), "direction", ["logit"])
    _require_one_look(looks, "direction", ["logit"])
    with pytest.raises(UsageError, match=r"logit was scored on them already.*--again"):
        _require_one_look(looks, "direction", ["trees"])
    with pytest.raises(UsageError, match="har was scored"):
        _require_one_look(looks, "iv_rank", ["ridge"])
    with pytest.raises(UsageError, match="name one variant"):
        _require_one_look(looks.clear(), "direction", ["logit", "trees"])
    args = build_parser().parse_args(["research", "--final", "--again", "--models", "logit"])
    assert args.again


def test_the_model_commands_parse_and_refuse_an_empty_home(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("OPTIONS_SOURCE", "simulated")
    monkeypatch.setenv("OPTIONS_HOME", str(tmp_path / "home"))
    args = build_parser().parse_args(["models", "promote", "logit", "--target", "direction"])
    assert (args.action, args.name, args.target) == ("promote", "logit", "direction")
    assert main(["research"]) == 1
    assert "there are no features yet; run: options-platform backfill" in capsys.readouterr().err
    assert main(["models", "list", "--json"]) == 0
    assert '"champion": "yes"' in capsys.readouterr().out
    assert main(["models", "rollback"]) == 2
    assert "--target direction or iv_rank" in capsys.readouterr().err


def test_levels_of_confidence_are_compared_counted_and_looked_at_once(
    simulated_home, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(simulated_home.warehouse_path, folder / "warehouse.duckdb")
    for name, value in {
        "HOME": folder, "SOURCE": "simulated", "TICKERS": "SPY,QQQ", "START": simulated_home.start,
        "END": simulated_home.end, "PLAN__SELECTION__FEWEST_CALLS": "5",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"OPTIONS_{name}", str(value))
    months = ["--start", "2016-06-01", "--end", "2017-03-31"]
    for _ in range(2):
        assert main(["research", "--confidence", *months, "--json"]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert len(shown["levels"]) == 12
        assert shown["levels"][0]["level"] == "upper_third"
        assert any(row["calls"] for row in shown["levels"])
        assert shown["chosen"] in {row["level"] for row in shown["levels"]}
    trials = Warehouse(folder / "warehouse.duckdb").read(TRIALS)
    assert trials.filter(target="confidence").height == 12
    final = ["research", "--confidence", "--final", *months]
    assert main([*final, "--models", "upper_third,upper_half"]) == 2
    assert "name one variant" in capsys.readouterr().err
    assert main([*final, "--models", "upper_third"]) == 0
    assert "By the rule" not in capsys.readouterr().out
    assert main([*final, "--models", "upper_half"]) == 2
    assert "upper_third was scored on them already" in capsys.readouterr().err
    assert main(["research", "--confidence", *months, "--models", "upper_tenth"]) == 2
    assert "no level is called upper_tenth" in capsys.readouterr().err


def test_without_the_extra_the_lstm_is_named_as_not_installed_and_the_others_are_compared(
    monkeypatch, capsys
):
    monkeypatch.setattr(candidates, "find_spec", lambda name: None)
    for target, every in candidates.CANDIDATES.items():
        compared = [each.model.name for each in command._installed(target, every)]
        assert len(compared) > 20
        assert not [name for name in compared if "lstm" in name]
        printed = capsys.readouterr()
        assert not printed.out
        assert printed.err.startswith(f"{target}: not compared, because jax, jaxlib, keras are not")
        assert "lstm" in printed.err
        assert "pip install 'options-platform[lstm]'" in printed.err
    with pytest.raises(PlatformError, match="lstm cannot be trained here"):
        command._refuse_empty(["lstm"], candidates.DIRECTION)
    with pytest.raises(UsageError, match="no candidate is called gru"):
        command._refuse_empty(["gru"], candidates.DIRECTION)
