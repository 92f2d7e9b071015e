from dataclasses import replace

from options_platform.domain.backtest_study.variants import Variant, rules_hash
from options_platform.settings import make_settings


def test_a_trial_is_its_settings_whatever_variant_and_set_are_called():
    settings = make_settings({})
    variant = Variant("as set", settings.plan, settings.backtest_rules)
    renamed = replace(variant, name="mine", plan=replace(settings.plan, rule_set="mine"))
    assert rules_hash(renamed) == rules_hash(variant)
    changed = replace(settings.backtest_rules, exits=replace(settings.exits, credit_stop=3.0))
    assert rules_hash(replace(variant, rules=changed)) != rules_hash(variant)


def test_rules_without_a_volatility_target_are_the_trials_that_they_were_before_there_were_any():
    settings = make_settings({})
    variant = Variant("as set", settings.plan, settings.backtest_rules)
    assert rules_hash(variant) == "b02c5cfe08e364f0"
    sized = make_settings({"plan": {"sizing": {"vol_target": {"annual": 0.15}}}})
    assert rules_hash(Variant("sized", sized.plan, sized.backtest_rules)) != rules_hash(variant)
    unused = make_settings({"plan": {"sizing": {"vol_target": {"most": 1.0}}}})
    assert rules_hash(Variant("unused", unused.plan, unused.backtest_rules)) == rules_hash(variant)
