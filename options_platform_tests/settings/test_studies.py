"""The files of studies: what they hold, how their settings lie over a set, and what is refused."""

import shutil

import pytest

from options_platform.domain.backtest_study.choices import make_variants
from options_platform.domain.backtest_study.variants import rules_hash
from options_platform.errors import SettingsError
from options_platform.settings import load_settings
from options_platform.settings.studies import GROUPS, read_study, study_names
from options_platform.settings.studies.files import SHIPPED

HEAD = {
    "version": 1, "title": '"Mine"', "note": '"Nobody has seen it."', "first": "2015-01-02",
    "chosen_until": "2016-06-30", "checked_until": "2017-03-31", "tickers": '["SPY"]',
    "fewest_trades": 5, "trials": 0, "over": '"defaults"',
}  # fmt: skip
ONE = '[[hypotheses]]\nname = "one"\nsentence = "It pays."\ngroup = "family"\n'


def written(folder, hypotheses=ONE, **changes):
    head = {key: value for key, value in (HEAD | changes).items() if value is not None}
    text = "".join(f"{key} = {value}\n" for key, value in head.items())
    path = folder / "mine.toml"
    path.write_text(text + hypotheses)
    return str(path)


@pytest.mark.parametrize("name", sorted(path.stem for path in SHIPPED.glob("*.toml")))
def test_every_variant_of_a_shipped_study_can_be_made(name, tmp_path):
    study = read_study(name, tmp_path)
    assert {each.group for each in study.hypotheses} == {*GROUPS}
    tried = set()
    for each in study.hypotheses:
        settings = load_settings(tmp_path, {}, rules=study.rules_of(each, tmp_path))
        assert settings.account_value_usd == study.settings["account_value_usd"]
        variants, ranges = make_variants(each.vary, settings.plan, settings.backtest_rules)
        assert not ranges
        tried |= {(each.name, rules_hash(variant)) for variant in variants}
    assert len(tried) > 50


def test_the_settings_of_a_hypothesis_lie_over_those_of_the_study_and_of_its_set(tmp_path):
    text = (
        "[settings]\naccount_value_usd = 5000.0\nexits = { credit_stop = 2.5, exit_dte = 5 }\n"
        f"{ONE}settings = {{ exits = {{ exit_dte = 3 }} }}\n"
    )
    (tmp_path / "options.toml").write_text(
        "account_value_usd = 9000\n[exits]\ncredit_stop = 9.0\ndebit_stop = 0.3\n[risk]\n"
        "max_positions = 3\n"
    )
    study = read_study(written(tmp_path, text), tmp_path)
    (one,) = study.hypotheses
    settings = load_settings(tmp_path, {}, rules=study.rules_of(one, tmp_path))
    assert (settings.exits.exit_dte, settings.exits.credit_stop) == (3, 2.5)
    # The default rules lie below, not those of the user; limits of the account are the user's.
    assert settings.exits.debit_stop == 0.5
    assert (settings.account_value_usd, settings.risk.max_positions) == (5000.0, 3)
    over = read_study(written(tmp_path, text, over='"premium_ladder"'), tmp_path)
    ladder = load_settings(tmp_path, {}, rules=over.rules_of(over.hypotheses[0], tmp_path))
    assert ladder.plan.selection.cadence == "week"
    assert ladder.rule_set == "premium_ladder"
    assert (ladder.exits.exit_dte, ladder.exits.credit_stop) == (3, 2.5)


def test_own_studies_are_found_by_name_and_any_by_path(tmp_path):
    (tmp_path / "studies").mkdir()
    path = written(tmp_path)
    shutil.copy(path, tmp_path / "studies" / "mine.toml")
    assert study_names(tmp_path) == ["premium_ladder", "mine"]
    assert read_study("mine", tmp_path) == read_study(path, tmp_path)


def test_the_hash_of_a_study_changes_with_its_file(tmp_path):
    first = read_study(written(tmp_path), tmp_path).digest
    assert read_study(written(tmp_path), tmp_path).digest == first
    assert read_study(written(tmp_path, fewest_trades=6), tmp_path).digest != first
    assert read_study(written(tmp_path, f'{ONE}vary = ["a=1"]\n'), tmp_path).digest != first


@pytest.mark.parametrize(
    ("hypotheses", "changes", "said"),
    [
        (ONE, {"version": None}, "version is missing, or no int"),
        (ONE, {"first": "2020-01-02"}, "not in this order"),
        (ONE, {"titel": '"x"'}, "unknown 'titel'; did you mean title"),
        ("", {}, "at least one"),
        (ONE + ONE, {}, "a name of its own"),
        (f"{ONE}varied = []\n", {}, "hypotheses.. one: unknown 'varied'; did you mean vary"),
        (ONE.replace("family", "best"), {}, "group is one of family, did_not_pay, left_to_try"),
        (ONE.replace('"one"', '"One!"'), {}, "a name has 1 to 48"),
        (f"{ONE}settings = {{ exits = {{ stop = 1 }} }}\n", {}, "unknown setting 'stop'"),
        (f"[settings]\nexit = 1\n{ONE}", {}, "unknown setting 'exit'; did you mean exits"),
        (f"{ONE}leave_out = [1.5]\n", {}, "shares of the spreads, between 0 and 1"),
        (f'{ONE}leave_out = ["much"]\n', {}, "shares of the spreads, between 0 and 1"),
        (f'{ONE}[[untried]]\nwhat = "x"\n', {}, "why is missing"),
    ],
)
def test_a_file_that_is_wrong_is_refused_and_named(tmp_path, hypotheses, changes, said):
    with pytest.raises(SettingsError, match=said) as error:
        read_study(written(tmp_path, hypotheses, **changes), tmp_path)
    assert "mine.toml" in str(error.value)


@pytest.mark.parametrize("name", ["premium_lader", "../mine", "nowhere.toml", ""])
def test_a_study_that_there_is_not_is_refused(tmp_path, name):
    with pytest.raises(SettingsError, match="there is no"):
        read_study(name, tmp_path)


def test_a_hypothesis_over_a_set_that_there_is_not_is_refused(tmp_path):
    study = read_study(written(tmp_path, over='"premium_lader"'), tmp_path)
    with pytest.raises(SettingsError, match="did you mean premium_ladder"):
        study.rules_of(study.hypotheses[0], tmp_path)
