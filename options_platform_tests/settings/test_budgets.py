"""Budgets: the rule sets that trade at once, each with its share of the account."""

import math

import pytest

from options_platform.domain.planning.plan import PlanRules
from options_platform.errors import SettingsError
from options_platform.settings import load_settings, make_settings

MINE = 'version = 1\ntitle = "Mine"\n'


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "rule_sets"
    folder.mkdir()
    (folder / "mine.toml").write_text(f"{MINE}[exits]\ncredit_stop = 3.0\n")
    return tmp_path


def made(home, **changes):
    return make_settings({"home": home, **changes})


def test_without_budgets_the_chosen_set_trades_with_the_whole_account(home):
    settings = made(home, rule_set="mine")
    assert settings.traded_sets == ("mine",)
    assert settings.share_of("mine") == 1.0
    assert settings.of_set("mine") is settings
    assert settings.account_rules == settings.backtest_rules


def test_with_budgets_the_largest_share_enters_first_and_sizes_count_on_the_share(home):
    settings = made(home, budgets={"mine": 0.3, "plan": 0.7}, account_value_usd=50_000)
    assert settings.traded_sets == ("plan", "mine")
    mine = settings.of_set("mine")
    assert mine.exits.credit_stop == 3.0
    assert settings.of_set("plan").exits.credit_stop == 2.0
    assert math.isclose(mine.plan.sizing.account_value_usd, 15_000)
    assert (mine.plan.rule_set, mine.plan.share) == ("mine", 0.3)
    # What a set of a set has is no share of a share.
    assert mine.of_set("mine").plan.sizing == mine.plan.sizing
    assert settings.share_of("other") == 0.0


def test_shares_come_from_the_file_or_from_variables(home):
    (home / "options.toml").write_text("[budgets]\nplan = 0.6\n")
    variables = {"OPTIONS_HOME": str(home), "OPTIONS_BUDGETS__MINE": "0.4"}
    assert load_settings(home, variables).budgets == {"plan": 0.6, "mine": 0.4}
    alone = load_settings(home, variables, rule_set="mine")
    assert (alone.budgets, alone.traded_sets) == ({}, ("mine",))


def test_a_budget_whose_set_has_gone_stops_nothing_but_what_shows_the_sets_together(home):
    (home / "options.toml").write_text("[budgets]\nplan = 0.6\nmine = 0.4\n")
    file = home / "rule_sets" / "mine.toml"
    text = file.read_text()
    variables = {"OPTIONS_HOME": str(home)}
    for broken, why in (
        (None, "there is no rule set 'mine'"),
        ("version = ", "cannot be read as TOML"),
        (f"{MINE}exit = 1\n", "unknown setting 'exit'; did you mean exits"),
        (f"{MINE}[exits]\ncredit_stop = 'much'\n", "exits.credit_stop"),
    ):
        file.unlink(missing_ok=True)
        if broken is not None:
            file.write_text(broken)
        settings = load_settings(home, variables)
        assert list(settings.lost_sets) == ["mine"]
        assert why in settings.lost_sets["mine"]
        assert settings.traded_sets == ("plan", "mine")
        # The shares of the others are what they were.
        assert settings.of_set("plan").plan.share == 0.6
        assert settings.of_set("mine").exits == settings.exits
        said = r"^setting budgets\.mine: .* take budgets\.mine out$"
        with pytest.raises(SettingsError, match=said):
            settings.require_rule_sets()
    file.write_text(text)
    settings = load_settings(home, variables)
    settings.require_rule_sets()
    assert settings.lost_sets == {}


def test_the_set_that_was_chosen_may_be_lost_as_well_if_it_has_a_budget(home):
    (home / "options.toml").write_text('rule_set = "mine"\n[budgets]\nmine = 0.4\nplan = 0.6\n')
    (home / "rule_sets" / "mine.toml").unlink()
    variables = {"OPTIONS_HOME": str(home)}
    settings = load_settings(home, variables)
    assert (settings.rule_set, list(settings.lost_sets)) == ("plan", ["mine"])
    alone = {**variables, "OPTIONS_BUDGETS": "none"}
    with pytest.raises(SettingsError, match=r"halt or flatten .*: OPTIONS_RULE_SET=plan$"):
        load_settings(home, alone)


def test_no_budgets_leave_the_whole_account_to_the_set_that_is_chosen(home):
    (home / "options.toml").write_text("[budgets]\nplan = 0.6\nmine = 0.4\n")
    variables = {"OPTIONS_HOME": str(home), "OPTIONS_BUDGETS": "None"}
    settings = load_settings(home, {**variables, "OPTIONS_BUDGETS__MINE": "0.4"})
    assert (settings.budgets, settings.traded_sets) == ({}, ("plan",))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"budgets": {"plan": 0.6, "mine": 0.5}}, "add up to 1.1, more than 1"),
        ({"budgets": {"plan": 0.0}}, "budgets.plan: a share of the account above 0"),
        ({"budgets": {"plan": math.nan}}, "budgets.plan: a share of the account above 0"),
        ({"budgets": {"mine": -0.5}}, "budgets.mine: a share of the account above 0"),
        ({"budgets": {"plan": 0.5}, "rule_set": "mine"}, "mine is not among the sets of budgets"),
    ],
)
def test_budgets_that_cannot_be_traded_are_refused_by_name(home, changes, said):
    with pytest.raises(SettingsError, match=said):
        made(home, **changes)


def test_a_budget_of_a_misspelled_set_names_the_nearest_one(home):
    assert "did you mean mine" in made(home, budgets={"minne": 0.5}).lost_sets["minne"]


def test_the_parts_of_the_account_are_those_of_the_settings_in_every_set(home):
    settings = made(
        home,
        budgets={"plan": 0.5, "mine": 0.5},
        max_risk_usd=500,
        plan={"chain": {"width_scale": 2.0}, "costs": {"per_contract": 1.0}},
    )
    for name in ("plan", "mine"):
        of_set = settings.of_set(name)
        assert of_set.plan.chain.width_scale == 2.0
        assert of_set.plan.costs == settings.plan.costs
        assert of_set.plan.sizing.max_risk_usd == 500
        assert of_set.risk == settings.risk


def test_a_set_whose_file_has_gone_or_is_broken_has_the_rules_of_the_plan(home):
    settings = made(home, rule_set="mine", exits={"credit_stop": 2.5})
    assert settings.of_set("plan").exits.credit_stop == 2.5
    assert settings.of_set("gone").exits.credit_stop == 2.5
    (home / "rule_sets" / "broken.toml").write_text("version = 1\n")
    assert settings.of_set("broken").exits.credit_stop == 2.5


def test_beside_others_a_set_has_the_accounts_total_risk_on_its_share_unless_it_says_less(home):
    (home / "rule_sets" / "mine.toml").write_text(
        f"{MINE}[limits]\nmax_positions = 3\nmax_total_risk_pct = 0.05\n"
    )
    settings = made(home, budgets={"plan": 0.5, "mine": 0.5})
    assert settings.of_set("plan").limits.max_total_risk_pct == 0.10
    mine = settings.of_set("mine").limits
    assert (mine.max_positions, mine.max_total_risk_pct) == (3, 0.05)
    alone = made(home, rule_set="mine").of_set("mine").limits
    assert (alone.max_positions, alone.max_total_risk_pct) == (3, 0.05)


def test_a_file_of_a_set_widens_no_limit_of_the_account(home):
    mine = home / "rule_sets" / "mine.toml"
    mine.write_text(f"{MINE}[limits]\nmax_total_risk_pct = 9.0\n")
    settings = made(home, budgets={"mine": 0.3, "plan": 0.7})
    assert settings.of_set("mine").limits.max_total_risk_pct == 0.10
    assert settings.account_rules.sets["mine"].limits.max_total_risk_pct == 0.10
    wide = made(home, budgets={"mine": 0.3, "plan": 0.7}, risk={"max_total_risk_pct": 0.5})
    assert wide.of_set("mine").limits.max_total_risk_pct == 0.5


@pytest.mark.parametrize("text", ["max_positions = 0", "max_total_risk_pct = 0.0"])
def test_limits_that_let_nothing_through_are_refused(home, text):
    (home / "rule_sets" / "mine.toml").write_text(f"{MINE}[limits]\n{text}\n")
    with pytest.raises(SettingsError, match=r"limits.*rule_sets/mine.toml"):
        made(home, rule_set="mine")


def test_the_share_is_no_setting_of_the_plan(home):
    (home / "options.toml").write_text("[plan]\nshare = 0.5\n")
    with pytest.raises(SettingsError, match="unknown setting 'share'"):
        load_settings(home, {"OPTIONS_HOME": str(home)})
    assert PlanRules().share == 1.0
