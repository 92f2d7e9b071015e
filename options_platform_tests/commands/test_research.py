"""`research` separates the years that choose from those that score."""

import argparse
from datetime import date

import polars as pl
import pytest

from options_platform.cli import build_parser, main
from options_platform.commands.research import _range, _require_one_look
from options_platform.errors import UsageError

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
