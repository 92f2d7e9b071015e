"""Settings of the plan that are no more, so that an old file or command gets an answer."""

from __future__ import annotations

RETIRED: dict[str, str] = {
    "plan.sizing.allow_min_one": "one spread is traded by default if its maximum loss fits "
    "plan.sizing.risk_pct of the account; plan.sizing.at_least_one=false rounds down to none",
}
"""By dotted name what replaced the setting."""
