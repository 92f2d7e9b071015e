"""What stored fits were measured with."""

from __future__ import annotations

import hashlib

from options_platform.domain.chain.rules import ChainRules

METHOD = 1
"""Number of the way in which fits and scores are computed; raise it with every change of it."""


def surface_hash(rules: ChainRules, ticker: str) -> str:
    """Digest of the ticker's class, the term structure and the rates that its chains are measured
    with. Scenarios (`iv_scale`, `iv_points`) and `learn` have no part in it."""
    surface = rules.surface
    parts = (
        METHOD, surface.kind_of(ticker), surface.term, surface.is_flat, surface.lowest_iv,
        rules.risk_free_rate, rules.dividend_yield,
    )  # fmt: skip
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
