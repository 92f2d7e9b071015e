"""Settings of the plan that are no more, so that an old file or command gets an answer."""

from __future__ import annotations

_LEVEL = (
    "the volatility at the money is solved from the index itself; plan.chain.surface.at_the_money "
    "names tickers whose index is one at the money, and plan.chain.surface.iv_points and iv_scale "
    "move it"
)
_SMILE = "plan.chain.surface.smiles has c, p, q, rho and wing of each ticker or class"
RETIRED: dict[str, str] = {
    "plan.sizing.allow_min_one": "one spread is traded by default if its maximum loss fits "
    "plan.sizing.risk_pct of the account; plan.sizing.at_least_one=false rounds down to none",
    "plan.chain.surface.level": _LEVEL,
    "plan.chain.surface.level_power": _LEVEL,
    "plan.chain.surface.level_term": _LEVEL,
    "plan.chain.surface.smile": _SMILE,
    "plan.chain.surface.skew_fade": _SMILE,
}
"""By dotted name what replaced the setting."""

RESHAPED: dict[str, str] = {
    "plan.chain.width": "a list of four numbers or one text; the widths of quotes are measured by "
    "ticker, plan.chain.width.hour says when they are quoted and plan.chain.width_scale multiplies "
    "them",
}
"""By dotted name what a table of settings is no more, and what replaced that."""
