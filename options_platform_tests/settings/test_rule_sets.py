import hashlib
import json
from dataclasses import replace

import pytest

from options_platform.domain.backtest.rules import BacktestRules
from options_platform.domain.backtest_study.choices import make_variants
from options_platform.domain.planning.plan import PlanRules
from options_platform.errors import SettingsError, UsageError
from options_platform.settings import Settings, load_settings, make_settings, names_of
from options_platform.settings.rule_sets import (
    active_rule_set,
    read_rule_set,
    rule_set_names,
    rules_digest,
)

MINE = 'version = 2\ntitle = "Mine"\n'


def load(tmp_path, toml="", own=None, **environment):
    """The settings of a folder with an options.toml and own sets by name."""
    (tmp_path / "options.toml").write_text(toml)
    folder = tmp_path / ".options" / "rule_sets"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (own or {}).items():
        (folder / f"{name}.toml").write_text(text)
    return load_settings(tmp_path, {f"OPTIONS_{k.upper()}": v for k, v in environment.items()})


def test_the_default_set_is_the_settings_as_they_are(tmp_path):
    settings = load(tmp_path, "[exits]\ncredit_stop = 2.5\n")
    assert settings.rule_set == settings.plan.rule_set == "plan"
    assert settings.exits.credit_stop == 2.5
    rules = active_rule_set(settings)
    assert (rules.name, rules.version, rules.keys) == ("plan", 1, [])


def test_the_file_of_a_set_wins_over_options_toml_and_variables(tmp_path):
    own = {"mine": f"{MINE}[exits]\ncredit_stop = 3.0\n[plan.strikes.short_delta]\nlow_vol = 0.1\n"}
    toml = 'rule_set = "mine"\n[exits]\ncredit_stop = 2.5\nexit_dte = 10\n'
    settings = load(tmp_path, toml, own, exits__credit_stop="2.7", exits__debit_stop="0.4")
    assert settings.rule_set == settings.plan.rule_set == "mine"
    assert settings.exits.credit_stop == 3.0
    # Where the set is silent, the settings of the user hold.
    assert (settings.exits.exit_dte, settings.exits.debit_stop) == (10, 0.4)
    assert settings.plan.strikes.short_delta["low_vol"] == 0.1
    assert settings.plan.strikes.short_delta["high_vol"] == 0.20
    assert active_rule_set(settings).keys == [
        "exits.credit_stop",
        "plan.strikes.short_delta.low_vol",
    ]


def test_a_set_over_the_defaults_takes_no_rule_from_the_settings_but_the_account(tmp_path):
    own = {"mine": f'{MINE}base = "defaults"\n[exits]\ncredit_stop = 3.0\n'}
    toml = (
        'rule_set = "mine"\naccount_value_usd = 5000\niron_condor_enabled = false\n'
        "[exits]\nexit_dte = 10\n[plan.sizing]\nrisk_pct = 0.01\n[plan.chain]\nwidth_scale = 2.0\n"
    )
    settings = load(tmp_path, toml, own)
    bare = make_settings({"account_value_usd": 5000})
    assert settings.exits == replace(bare.exits, credit_stop=3.0)
    assert settings.plan.selection == bare.plan.selection
    assert settings.plan.sizing == bare.plan.sizing
    assert settings.plan.sizing.account_value_usd == 5000
    assert settings.plan.chain.width_scale == 2.0


def test_a_set_is_chosen_by_file_variable_or_argument(tmp_path):
    own = {"mine": MINE, "other": MINE}
    assert load(tmp_path, 'rule_set = "mine"\n', own).rule_set == "mine"
    assert load(tmp_path, 'rule_set = "mine"\n', own, rule_set="other").rule_set == "other"
    assert load_settings(tmp_path, {}, rule_set="plan").rule_set == "plan"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[exits]\ncredit_stp = 3\n", r"mine.toml\) \[exits\]: .*did you mean credit_stop"),
        (
            "[exts]\ncredit_stop = 3\n",
            r"sets/mine.toml\): unknown setting 'exts'; did you mean exits",
        ),
        ("verson = 1\n", r"mine.toml\): unknown setting 'verson'; did you mean version"),
        ("[exits]\ncredit_stop = 'much'\n", r"exits.credit_stop: .*rule_sets/mine.toml"),
        (
            "[exits]\ncredit_stop = -1.0\n",
            r"setting exits: .*must be positive.*sets/mine.toml",
        ),
        (
            "[plan.strikes.short_delta]\nlow_voll = 0.1\n",
            r"sets/mine.toml.*did you mean low_vol",
        ),
        ("[plan.selection]\nmin_dte = 50\n", r"rule_sets/mine.toml.*min_dte <= max_dte"),
        ("[plan.sizing]\nmax_risk_usd = 1e6\n", "set max_risk_usd itself"),
        ("[plan.sizing]\nallow_min_one = true\n", "no longer a setting"),
        ("tickers = ['SPY']\n", r"mine.toml\): tickers is no rule of trading.*options.toml"),
        ("account_value_usd = 1e9\n", "account_value_usd is no rule of trading"),
        ("max_risk_usd = 1e9\n", "max_risk_usd is no rule of trading"),
        ("[risk]\nmax_total_risk_pct = 1.0\n", "risk is no rule of trading"),
        ("[risk.kill_switch]\nmax_drawdown_pct = 1.0\n", "risk is no rule of trading"),
        ("[expiry]\nhold_to_expiry = true\n", "expiry is no rule of trading"),
        ("[alpaca]\nlive = true\n", "alpaca is no rule of trading"),
        ("rule_set = 'plan'\n", "rule_set is no rule of trading"),
        ("[plan]\nallow_undefined_risk = true\n", "plan.allow_undefined_risk is no rule"),
        ("[plan]\nrule_set = 'plan'\n", "plan.rule_set is no rule"),
        ("base = 'mine'\n", "base is plan or defaults"),
        ("plan = 5\n", r"rule set mine \(rule_sets/mine.toml\): plan is a table"),
        ("plan = 'costs'\n", "plan is a table"),
        ("exits = [1]\n", "exits is a table"),
        ("trials = -1\n", "trials is a whole number"),
        ("trials = 1.5\n", "trials is a whole number"),
        ("[plan.sizing.by_votes]\ntwo = 0.5\n", "change it in the rule set mine"),
        ("home = \n", r"rule_sets/mine.toml.*cannot be read as TOML"),
    ],
)
def test_a_wrong_set_is_one_line_that_names_file_key_and_remedy(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said) as error:
        load(tmp_path, 'rule_set = "mine"\n', {"mine": MINE + text})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title = 'Mine'\n", "version is missing"),
        ("version = 0\ntitle = 'Mine'\n", "version is missing or no whole number"),
        ("version = true\ntitle = 'Mine'\n", "version is missing or no whole number"),
        (f"version = {10**30}\ntitle = 'Mine'\n", "version is missing or no whole number"),
        ("version = 1\n", "title is missing"),
        (f"version = 1\ntitle = '{'x' * 121}'\n", "at most 120 characters"),
        ('version = 1\ntitle = "two\\nlines"\n', "title is missing or not one line"),
    ],
)
def test_a_set_without_version_or_title_is_refused(tmp_path, text, said):
    with pytest.raises(SettingsError, match=said):
        load(tmp_path, 'rule_set = "mine"\n', {"mine": text})


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("premium_lader", "did you mean premium_ladder"),
        ("minne", "did you mean mine"),
        ("../mine", "is no name of a rule set"),
        ("Mine", "is no name of a rule set"),
    ],
)
def test_an_unknown_set_is_refused_with_the_nearest_one(tmp_path, name, said):
    with pytest.raises(SettingsError, match=said):
        load(tmp_path, f'rule_set = "{name}"\n', {"mine": MINE})


def test_only_files_are_sets_and_what_is_no_file_is_not_suggested(tmp_path):
    load(tmp_path, "", {"mine": MINE})
    folder = tmp_path / ".options" / "rule_sets"
    (folder / "broken.toml").symlink_to(folder / "nowhere")
    (folder / "folder.toml").mkdir()
    assert rule_set_names(tmp_path / ".options") == ["plan", "premium_ladder", "mine"]
    with pytest.raises(SettingsError, match="known are mine, plan, premium_ladder; one of your"):
        load(tmp_path, 'rule_set = "broken"\n')


@pytest.mark.parametrize("text", [None, "version = \n", f"{MINE}[exits]\ncredit_stop = -1.0\n"])
def test_what_is_wrong_with_a_set_alone_comes_with_a_way_to_halt(tmp_path, text):
    own = {} if text is None else {"mine": text}
    with pytest.raises(SettingsError, match=r"halt or flatten .*: OPTIONS_RULE_SET=plan$"):
        load(tmp_path, 'rule_set = "mine"\n', own)
    assert load(tmp_path, 'rule_set = "mine"\n', rule_set="plan").rule_set == "plan"
    with pytest.raises(SettingsError) as error:
        load(tmp_path, 'rule_set = "mine"\nworkers = 0\n', own)
    assert "OPTIONS_RULE_SET" not in str(error.value)


def test_the_trials_that_a_file_states_are_no_rule(tmp_path):
    plain = rules_digest(load(tmp_path, 'rule_set = "mine"\n', {"mine": MINE}))
    stated = load(tmp_path, 'rule_set = "mine"\n', {"mine": f"trials = 830\n{MINE}"})
    assert active_rule_set(stated).trials == 830
    assert rules_digest(stated) == plain


def test_a_file_of_the_home_may_not_take_the_name_of_a_shipped_set(tmp_path):
    for name in ("plan", "premium_ladder"):
        with pytest.raises(SettingsError, match="belongs to a set of the package"):
            load(tmp_path, f'rule_set = "{name}"\n', {name: MINE})
        (tmp_path / ".options" / "rule_sets" / f"{name}.toml").unlink()


def test_every_shipped_set_loads_and_names_are_listed_once(tmp_path):
    load(tmp_path, "", {"mine": MINE})
    names = rule_set_names(tmp_path / ".options")
    assert names == ["plan", "premium_ladder", "mine"]
    for name in names:
        assert load_settings(tmp_path, {}, rule_set=name).plan.rule_set == name


def test_a_shipped_set_changes_only_with_its_version(tmp_path):
    hashes = {}
    for name in rule_set_names(tmp_path):
        rules = read_rule_set(name, tmp_path)
        text = json.dumps([rules.base, rules.values], sort_keys=True)
        hashes[name, rules.version] = hashlib.sha256(text.encode()).hexdigest()[:12]
    assert hashes == {("plan", 1): "c8d54d7151f2", ("premium_ladder", 2): "12380e341144"}


def test_the_hash_of_the_rules_sees_every_rule_and_nothing_else(tmp_path):
    plain = rules_digest(load(tmp_path))
    assert rules_digest(load(tmp_path, "[exits]\ncredit_stop = 2.5\n")) != plain
    assert rules_digest(load(tmp_path, "iron_condor_enabled = false\n")) != plain
    assert rules_digest(load(tmp_path, "[plan.selection]\nmin_dte = 15\n")) != plain
    assert rules_digest(load(tmp_path, "[limits]\nmax_positions = 3\n")) != plain
    account = "account_value_usd = 5000\nmax_risk_usd = 100\nworkers = 1\n"
    assert rules_digest(load(tmp_path, account)) == plain
    assert rules_digest(load(tmp_path, 'rule_set = "mine"\n', {"mine": MINE})) == plain


def test_rules_without_a_volatility_target_keep_the_hash_of_before_there_were_any(tmp_path):
    assert rules_digest(load(tmp_path)) == "41d78d00c937"
    assert rules_digest(load(tmp_path, rule_set="premium_ladder")) == "ad04ff99ee55"
    target = "[plan.sizing.vol_target]\nannual = 0.15\n"
    assert rules_digest(load(tmp_path, target)) != "41d78d00c937"


def test_no_set_may_hold_a_part_of_the_account(tmp_path):
    """Whatever is added to the settings is closed to sets, unless it is a rule of planning."""
    for part in names_of(Settings):
        if part in ("exits", "limits", "plan", "iron_condor_enabled"):
            continue
        with pytest.raises(SettingsError, match="no rule of trading"):
            load(tmp_path, 'rule_set = "mine"\n', {"mine": f"{part} = 1\n{MINE}"})


def test_the_name_of_the_set_is_neither_set_in_the_plan_nor_varied(tmp_path):
    with pytest.raises(SettingsError, match="set rule_set itself"):
        load(tmp_path, "[plan]\nrule_set = 'premium_ladder'\n")
    for key in ("rule_set", "plan.rule_set"):
        with pytest.raises(UsageError, match="--rule-sets"):
            make_variants([f"{key}=premium_ladder"], PlanRules(), BacktestRules())
