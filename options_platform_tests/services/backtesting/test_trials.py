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
