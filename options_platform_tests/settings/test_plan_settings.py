"""Settings of the plan that are off by default: how files and variables give them."""

import re
import tomllib

import pytest

from options_platform.domain.planning.conditions.votes import VoteRules
from options_platform.errors import SettingsError
from options_platform.settings import load_settings
from tools.votes_page import VOTES_EXAMPLE

VOTES = "[plan.selection.votes]\nneeded = 2\nbelow = { vix = 20, iv_rank = 0.5 }\n"


def load(tmp_path, toml="", **environment):
    (tmp_path / "options.toml").write_text(toml)
    return load_settings(tmp_path, {f"OPTIONS_{k.upper()}": v for k, v in environment.items()})


def test_votes_and_cadence_are_off_by_default(tmp_path):
    selection = load(tmp_path).plan.selection
    assert selection.votes == VoteRules()
    assert not selection.votes.asked
    assert selection.cadence == "session"
    assert load(tmp_path).plan.sizing.by_votes == {}


def test_the_example_of_the_docs_is_a_file_of_settings(tmp_path):
    toml = re.sub("```(toml)?", "", VOTES_EXAMPLE)
    assert tomllib.loads(toml)
    selection = load(tmp_path, toml).plan.selection
    assert selection.cadence == "week"
    assert selection.votes == VoteRules(
        needed=2,
        below={"vix_to_mean_10": 1.0, "har_rv_rank": 0.5},
        above={"vrp_percentile": 0.5},
        otherwise="bull_call_spread",
    )


def test_a_file_gives_the_whole_list_of_votes_and_a_variable_one_of_them(tmp_path):
    toml = "[plan.selection.votes]\nneeded = 1\nbelow = { vix_to_mean_10 = 1.0 }\n"
    toml += "[plan.sizing.by_votes]\n1 = 0.5\n2 = 1.0\n"
    plan = load(tmp_path, toml, plan__selection__votes__above__vrp_percentile="0.4").plan
    assert plan.selection.votes.below == {"vix_to_mean_10": 1.0}
    assert plan.selection.votes.above == {"vrp_percentile": 0.4}
    assert plan.sizing.by_votes == {1: 0.5, 2: 1.0}


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("[plan.selection.votes]\nbelow = { vrp_rank = 1 }\n", "vrp_rank is none of"),
        ("[plan.selection.votes]\nneeded = 2\n", "0 to 0 votes can be needed"),
        ('[plan.selection]\ncadence = "day"\n', "cadence is one of session, week, month"),
        ("[plan.sizing.by_votes]\n2 = 1.5\n", "shares of the budget, 0 to 1"),
        ("[plan.sizing.by_votes]\n2 = 0.5\n", "takes plan.selection.votes.needed above 0"),
        ("[plan.selection.votes]\nneeded = 1\nbelow = { vix = nan }\n", "are finite numbers"),
        (
            f"{VOTES}otherwise = 'bull_call_spread'\n[plan.sizing.by_votes]\n2 = 0.5\n",
            "traded with fewer than 2 votes, for which plan.sizing.by_votes has no share",
        ),
        (
            f"{VOTES}otherwise = 'short_straddle'\n",
            "short_straddle takes plan.allow_undefined_risk",
        ),
        ("plan = 5\n", "plan is a table"),
        ("[plan]\nselection = 5\n", "plan.selection is a table, written .plan.selection., not 5"),
        (f"workers = {'9' * 5000}\n", "options.toml cannot be read as TOML"),
    ],
)
def test_a_setting_that_cannot_hold_is_refused_with_its_name(tmp_path, toml, message):
    with pytest.raises(SettingsError, match=message):
        load(tmp_path, toml)
