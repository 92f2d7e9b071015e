"""Converts variants of a backtest to trials, so that each is counted once, good or bad."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl

from options_platform.adapters.storage.warehouse import Warehouse
from options_platform.common import DEFAULT_RULE_SET
from options_platform.contracts import TRIAL_FOLDS, TRIALS
from options_platform.domain.backtest_study.scorecard import excess_returns
from options_platform.domain.backtest_study.variants import Variant, VariantScore, rules_hash
from options_platform.domain.chain.learned import LearnedSurface
from options_platform.domain.statistics.curve import sharpe
from options_platform.models.selection.trials import Trial
from options_platform.services.backtesting.run import BacktestData

TARGET = "backtest"


def backtest_trials(
    scores: Sequence[VariantScore], data: BacktestData, purpose: str, tried_at: datetime
) -> list[Trial]:
    """The variants as rows of `trials` and `trial_folds`, with cash as the naive forecast.

    Variants whose equity never changes are left out, since they have no Sharpe ratio.
    """
    hashed = data_hash(data)
    months = [day.strftime("%Y-%m") for day in data.market.sessions[1:]]
    return [
        _trial(score, data, _with_fits(hashed, score.variant, data), months, purpose, tried_at)
        for score in scores
        if np.isfinite(sharpe(excess_returns(score.equity, data.market)))
    ]


def earlier_ratios(warehouse: Warehouse, variants: Sequence[Variant]) -> list[float]:
    """Annualised Sharpe ratios of all other variants tried so far, one per variant."""
    excluded = {rules_hash(variant) for variant in variants}
    rows = warehouse.read(TRIALS).filter(pl.col("target") == TARGET).sort("tried_at")
    ratios = {
        digest: -loss
        for parameters, loss in rows.select("parameters", "loss").iter_rows()
        if (digest := json.loads(parameters)["rules"]) not in excluded
    }
    return list(ratios.values())


def trials_by_set(warehouse: Warehouse) -> dict[str, int]:
    """How many variants of each rule set were ever tried, one per set of rules."""
    trials = warehouse.read(TRIALS).filter(pl.col("target") == TARGET)
    tried = {
        (read.get("rule_set", DEFAULT_RULE_SET), read["rules"])
        for read in map(json.loads, trials["parameters"])
    }
    return dict(Counter(name for name, _ in tried))


def data_hash(data: BacktestData) -> str:
    """Hash (16 hex digits) of the plan inputs and the market."""
    digest = hashlib.sha256(data.inputs.write_csv().encode())
    market = data.market
    for grid in (market.close, market.factor, market.dividend, market.index, market.interest):
        digest.update(grid.tobytes())
    if market.chains is not None:
        digest.update(market.chains.fingerprint.encode())
    return digest.hexdigest()[:16]


def _with_fits(hashed: str, variant: Variant, data: BacktestData) -> str:
    """The hash of the data and of the fits by which the variant prices its tickers, if any."""
    surface = variant.plan.chain.surface
    if not isinstance(surface, LearnedSurface) or not surface.learn:
        return hashed
    used = {
        ticker: astuple(surface.fits[ticker].before(data.last))
        for ticker in data.market.tickers
        if ticker in surface.fits and surface.fits[ticker].sessions[0] < data.last
    }
    return _hash(json.dumps([hashed, used], default=str, sort_keys=True)) if used else hashed


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _trial(
    score: VariantScore,
    data: BacktestData,
    hashed: str,
    months: list[str],
    purpose: str,
    tried_at: datetime,
) -> Trial:
    excess = excess_returns(score.equity, data.market)
    digest, rule_set = rules_hash(score.variant), score.variant.plan.rule_set
    parameters = {"variant": score.variant.name, "rules": digest}
    if rule_set != DEFAULT_RULE_SET:
        parameters["rule_set"] = rule_set
    trial_id = _hash(json.dumps([TARGET, digest, hashed]))
    ratio = float(sharpe(excess))
    scores: dict[str, Any] = {"sharpe": ratio} | {
        name: value for name, value in vars(score.trades).items() if np.isfinite(value)
    }
    row = pl.DataFrame(
        {
            "trial_id": trial_id,
            "target": TARGET,
            "model": score.variant.name,
            "purpose": purpose,
            "parameters": json.dumps(parameters),
            "data_hash": hashed,
            "first": data.first,
            "last": data.last,
            "rows": len(excess),
            "loss": -ratio,
            "naive_loss": 0.0,
            "scores": json.dumps(scores, sort_keys=True),
            "tried_at": tried_at,
        }
    )
    folds = (
        pl.DataFrame({"fold": months, "excess": excess})
        .group_by("fold", maintain_order=True)
        .agg(rows=pl.len(), loss=-pl.col("excess").mean())
        .with_columns(trial_id=pl.lit(trial_id), naive_loss=pl.lit(0.0))
    )
    return Trial(
        row.select(TRIALS.schema.names()).cast(dict(TRIALS.schema)),  # type: ignore[arg-type]
        folds.select(TRIAL_FOLDS.schema.names()).cast(dict(TRIAL_FOLDS.schema)),  # type: ignore[arg-type]
    )
