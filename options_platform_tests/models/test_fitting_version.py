"""A changed fit must not go unnoticed: these numbers belong to the current fitting version."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from options_platform.models import training
from options_platform.models.baselines import AutoregressiveRank, PriorDirection
from options_platform.models.calibration import Calibration
from options_platform.models.direction import SeedDirection
from options_platform.models.memory_store import MemoryStore
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.selection.candidates import (
    CALM,
    HUBER,
    RANK_RIDGE,
    RANK_TREES,
    REVERSION,
    SCALED,
    TREES,
    VIX_LOGIT,
    WIDE_LOGIT,
)
from options_platform.models.training import walk_forward
from options_platform.models.volatility import RANK_PARTS, SeedVolatility
from options_platform_tests.models.rows import END, random_dataset

HAR_STRONG, RIDGE_STRONG, CALM_TREES = RANK_PARTS


def short(trees):
    """The same trees with eight rounds only."""
    return replace(trees, rounds=8)


MODELS = {
    "prior": PriorDirection(),
    "seed direction": SeedDirection(rounds=8),
    "logit": DirectionBlend("logit", (VIX_LOGIT,)),
    "wide": DirectionBlend("wide", (WIDE_LOGIT,)),
    "ordinal": DirectionBlend("ordinal", (replace(VIX_LOGIT, kind="ordinal"),)),
    "two stages": DirectionBlend("two_stages", (replace(VIX_LOGIT, kind="two_stage"),)),
    "scaled": DirectionBlend("scaled", (SCALED,)),
    "calm trees": DirectionBlend("calm_trees", (short(CALM),)),
    "trees of two seeds": DirectionBlend("trees", (replace(short(TREES), seeds=(1, 2)),)),
    "calibrated": DirectionBlend("calibrated", (VIX_LOGIT, SCALED), calibration=Calibration()),
    "autoregressive rank": AutoregressiveRank(),
    "seed volatility": SeedVolatility(rounds=8),
    "reversion": RankBlend("reversion", (REVERSION,)),
    "ridge": RankBlend("ridge", (RANK_RIDGE,)),
    "har": RankBlend("har", (HAR_STRONG,)),
    "ridge and calm trees": RankBlend("blend", (RIDGE_STRONG, short(CALM_TREES))),
    "huber": RankBlend("huber", (HUBER,)),
    "trees of ranks": RankBlend("trees", (short(RANK_TREES),)),
}
RECORDED = {
    "1": {
        "prior": [0.31901408, 0.0, 0.27957746, 0.0],
        "seed direction": [0.32318216, 0.081690728, 0.23632832, 0.036621497],
        "logit": [0.30918689, 0.20430736, 0.25708246, 0.15952817],
        "wide": [0.29977732, 0.19252804, 0.26565122, 0.1538721],
        "ordinal": [0.33279706, 0.20189291, 0.28149827, 0.15874096],
        "two stages": [0.30910281, 0.2043616, 0.25701124, 0.15903537],
        "scaled": [0.26980312, 0.19190989, 0.26158358, 0.19394673],
        "calm trees": [0.31918385, 0.017140383, 0.27896754, 0.013807069],
        "trees of two seeds": [0.32052605, 0.033524894, 0.27054206, 0.020382461],
        "calibrated": [0.33106765, 0.2259063, 0.22374593, 0.12435877],
        "autoregressive rank": [0.28979005, 0.22591323],
        "seed volatility": [0.41872689, 0.070263928],
        "reversion": [0.27679998, 0.22388876],
        "ridge": [0.28594623, 0.22870007],
        "har": [0.27827367, 0.22085571],
        "ridge and calm trees": [0.27537973, 0.23649781],
        "huber": [0.27447568, 0.22678173],
        "trees of ranks": [0.2681567, 0.24182008],
    },
}
"""By version: mean and standard deviation of each model's predictions for one month."""


def fit(model):
    """Mean and standard deviation of the model's first two columns over December 2017."""
    walk = walk_forward(
        model, random_dataset(), start=date(2017, 12, 1), end=END, store=MemoryStore()
    )
    columns = [walk.columns[name] for name in sorted(walk.columns)[:2]]
    return [float(f"{of(values):.8g}") for values in columns for of in (np.mean, np.std)]


@pytest.mark.parametrize("name", MODELS)
def test_a_changed_fit_needs_a_new_fitting_version(name):
    recorded = RECORDED.get(training.FITTING_VERSION, {}).get(name)
    assert fit(MODELS[name]) == pytest.approx(recorded, rel=1e-5, abs=1e-9), (
        "the fits have changed: raise FITTING_VERSION in models/training.py, so that stored folds "
        "are trained again, and record the new numbers under that version"
    )
