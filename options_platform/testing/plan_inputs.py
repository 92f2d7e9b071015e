"""Planning inputs with random predictions, as a model without skill would give them."""

from __future__ import annotations

import numpy as np
import polars as pl

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import compute_features
from options_platform.domain.feature_engine.regime import RegimeRules, compute_regime
from options_platform.domain.planning.call_ranks import call_ranks


def plan_inputs(bars: pl.DataFrame, vix: pl.DataFrame, seed: int = 0) -> pl.DataFrame:
    """The rows that the asset `trade_plan` passes to `build_plans`, with random predictions."""
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    regime = compute_regime(features, RegimeRules())
    random = np.random.default_rng(seed)
    rows = (
        bars.select("date", "ticker", "close", "split_factor", "bad_reason")
        .join(vix.select("date", "ticker", "vix", "iv_close"), on=["date", "ticker"], how="left")
        .join(features.select("date", "ticker", "iv_rank"), on=["date", "ticker"], how="left")
        .join(regime.select("date", "ticker", "regime"), on=["date", "ticker"], how="left")
        .sort("date", "ticker")
    )
    p = random.dirichlet([2.0, 2.0, 2.0], rows.height)
    names = np.array(["bearish", "neutral", "bullish"])
    rows = rows.with_columns(
        direction=pl.Series(names[p.argmax(axis=1)]),
        p_bearish=pl.Series(p[:, 0]),
        p_neutral=pl.Series(p[:, 1]),
        p_bullish=pl.Series(p[:, 2]),
        confidence=pl.Series((p.max(axis=1) - 1 / 3) / (2 / 3)),
        iv_rank_change_pred=pl.Series(random.normal(0.0, 0.03, rows.height)),
    )
    predictions = rows.with_columns(
        fold=pl.col("date").dt.strftime("%Y-%m"), variant=pl.lit("random")
    )
    return rows.join(call_ranks(predictions), on=["date", "ticker"], maintain_order="left")
