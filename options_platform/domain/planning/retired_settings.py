"""Settings of the plan that are no more, so that an old file or command gets an answer."""

from __future__ import annotations

RETIRED: dict[str, str] = {
    "plan.sizing.allow_min_one": "one spread is traded by default if its maximum loss fits "
    "plan.sizing.risk_pct of the account; plan.sizing.at_least_one=false rounds down to none",
    **dict.fromkeys(
        (
            "plan.chain.surface.level",
            "plan.chain.surface.level_power",
            "plan.chain.surface.level_term",
        ),
        "the volatility at the money is solved from the index itself; name tickers whose index is "
        "one at the money in plan.chain.surface.at_the_money, and move it by "
        "plan.chain.surface.iv_points or iv_scale",
    ),
    **dict.fromkeys(
        ("plan.chain.surface.smile", "plan.chain.surface.skew_fade"),
        "plan.chain.surface.smiles has c, p, q, rho and wing of a ticker or class",
    ),
}
"""By dotted name what replaced the setting."""
