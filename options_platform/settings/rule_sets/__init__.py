"""Rule sets: named, versioned settings that say how to trade, each in one small file.

The files here are shipped with the package; a user's own lie in the folder `rule_sets` of the home.
What describes the account, the market, the sources or how fills are measured is no rule of trading,
and no set may hold it.
"""

from options_platform.settings.rule_sets.files import (
    RuleSet,
    active_rule_set,
    own_folder,
    read_rule_set,
    rule_set_names,
)
from options_platform.settings.rule_sets.overlay import (
    all_in_words,
    in_words,
    put_over,
    rules_digest,
    without_effect,
)

__all__ = [
    "RuleSet",
    "active_rule_set",
    "all_in_words",
    "in_words",
    "own_folder",
    "put_over",
    "read_rule_set",
    "rule_set_names",
    "rules_digest",
    "without_effect",
]
