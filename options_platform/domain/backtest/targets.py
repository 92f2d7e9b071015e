"""Performance targets, and whether a run meets them."""

from __future__ import annotations

SEED_TARGETS: dict[str, float] = {"sharpe": 1.0, "win_rate": 0.55, "profit_factor": 1.3}
"""Each must be exceeded."""
