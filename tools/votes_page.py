"""The parts of the rules' page about entry days and votes."""

from __future__ import annotations

from options_platform.domain.planning.conditions.votes import VOTE_FEATURES
from options_platform.domain.planning.plan import PlanRules
from options_platform.domain.planning.reasons import REASONS
from tools.settings_tables import text, values

VOTES_EXAMPLE = """```toml
[plan.selection]
strategy = "bull_put_spread"
cadence = "week"

[plan.selection.votes]
needed = 2
below = { vix_to_mean_10 = 1.0, har_rv_rank = 0.5 }
above = { vrp_percentile = 0.5 }
otherwise = "bull_call_spread"
```"""


def entry_days(plan: PlanRules) -> list[str]:
    """How often entries are planned."""
    cadence = plan.selection.cadence
    return [
        "## Entry days",
        (
            f"`plan.selection.cadence` (default `{cadence}`) is how often entries are planned: "
            "`session` in each, `week` in the first session of a calendar week, which a holiday "
            "may move to Tuesday, `month` in that of a month. On other days plans are refused as "
            f"`NOT_ENTRY_DAY`: {REASONS['NOT_ENTRY_DAY']}."
        ),
    ]


def votes(plan: PlanRules) -> list[str]:
    """What votes are, with an example."""
    features = ", ".join(f"`{name}`" for name in VOTE_FEATURES)
    return [
        "## Votes",
        (
            f"{text(plan.selection.votes)} Votes may ask about {features} "
            "([feature dictionary](feature-dictionary.md)). A refused plan has the code "
            "`TOO_FEW_VOTES` and names the votes that do not hold, with their values. Two of three "
            "votes, say, and bought call spreads while the premium is thin:"
        ),
        VOTES_EXAMPLE,
        values("plan.selection.votes", plan.selection.votes),
    ]
