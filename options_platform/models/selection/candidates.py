"""The variants that compete for each target; `options-platform research` compares them.

To add a variant, add a line here. docs/models.md lists the scores of all of them. One of another
package is found by its entry point in the group `options_platform.models`, a :class:`Candidate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from options_platform.extensions import members
from options_platform.models.base import FoldModel, libraries_of
from options_platform.models.baselines import AutoregressiveRank, PriorDirection
from options_platform.models.calibration import Calibration
from options_platform.models.dataset import model_inputs
from options_platform.models.direction import DIRECTION_PARTS
from options_platform.models.parts.base import Part
from options_platform.models.parts.blend import DirectionBlend, RankBlend
from options_platform.models.parts.boosted import Boosted
from options_platform.models.parts.logits import Logit
from options_platform.models.parts.lstm import Lstm
from options_platform.models.parts.ridge import Ridge
from options_platform.models.selection.importance import without_family
from options_platform.models.volatility import CHANGE_INPUTS, RANK_PARTS


@dataclass(frozen=True)
class Candidate:
    """A variant; if it is not pooled, it is trained for each ticker separately.

    `families` are those whose inputs it has beside those of `features`.
    """

    model: FoldModel
    pooled: bool = True
    families: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that the model needs to be fitted and that are not installed."""
        return tuple(name for name in libraries_of(self.model) if find_spec(name) is None)


EMBARGO = 21
"""Embargo of one month, in sessions, in addition to the purge."""
FAMILIES = ("technical", "volatility", "regime")
WITHOUT = "without_"
LEVELS = ("vix", "hv_20")
MORE_LEVELS = ("vix", "hv_5", "hv_20", "hv_60", "parkinson_hv")
SCALE_FREE = ("iv_rank", "hv_iv_ratio", "vix_zscore", "returns_5d", "dist_from_high")
VIX_LOGIT = Logit(inputs=(), logs=LEVELS)
WIDE_LOGIT = Logit(inputs=(), logs=MORE_LEVELS, name="wide", inverse_penalty=0.01)
SEQUENCE_INPUTS = (
    "iv_rank",
    "hv_iv_ratio",
    "vix_zscore",
    "vix_change_1d",
    "returns_1d",
    "dist_from_high",
)
LSTM = Lstm(inputs=SEQUENCE_INPUTS, logs=MORE_LEVELS)
RANK_LSTM = Lstm(target="rank_change", inputs=SEQUENCE_INPUTS, logs=MORE_LEVELS, needs=("iv_rank",))
TREES = Boosted()
SCALED, CALM = DIRECTION_PARTS


def _direction(
    name: str,
    *parts: Part,
    window_sessions: int | None = None,
    embargo_sessions: int = 0,
    calibration: Calibration | None = None,
    pooled: bool = True,
) -> Candidate:
    blend = DirectionBlend(name, parts, window_sessions, embargo_sessions, calibration)
    return Candidate(blend, pooled=pooled)


def _rank(
    name: str,
    *parts: Part,
    window_sessions: int | None = None,
    embargo_sessions: int = 0,
    pooled: bool = True,
) -> Candidate:
    return Candidate(RankBlend(name, parts, window_sessions, embargo_sessions), pooled=pooled)


DIRECTION: tuple[Candidate, ...] = (
    Candidate(PriorDirection()),
    _direction("logit", VIX_LOGIT),
    _direction("logit_by_ticker", VIX_LOGIT, pooled=False),
    _direction("logit_5_years", VIX_LOGIT, window_sessions=1260),
    _direction("logit_wide", WIDE_LOGIT),
    _direction(
        "logit_scale_free",
        Logit(inputs=SCALE_FREE, logs=MORE_LEVELS, inverse_penalty=0.01),
    ),
    _direction("ordinal", Logit(inputs=(), logs=LEVELS, kind="ordinal")),
    _direction("two_stage", Logit(inputs=(), logs=LEVELS, kind="two_stage")),
    _direction("scaled", SCALED),
    _direction("trees", TREES),
    _direction("trees_5_years", TREES, window_sessions=1260),
    _direction("trees_5_seeds", Boosted(seeds=(1, 2, 3, 4, 5))),
    _direction("logit_trees", VIX_LOGIT, TREES),
    _direction("logit_trees_calibrated", VIX_LOGIT, TREES, calibration=Calibration()),
    _direction(
        "logit_trees_calibrated_2y", VIX_LOGIT, TREES, calibration=Calibration(tail_sessions=504)
    ),
    _direction("logit_scaled", VIX_LOGIT, SCALED),
    _direction("scaled_trees", SCALED, TREES),
    _direction("scaled_calm_trees", SCALED, CALM),
    _direction("scaled_calm_trees_embargo", SCALED, CALM, embargo_sessions=EMBARGO),
    *(
        _direction(
            f"scaled_calm_trees_calibrated_{years}y",
            SCALED,
            CALM,
            calibration=Calibration(tail_sessions=252 * years),
        )
        for years in (1, 2, 4)
    ),
    _direction("logit_scaled_trees", VIX_LOGIT, SCALED, TREES),
    _direction("wide_scaled_trees", WIDE_LOGIT, SCALED, TREES),
    _direction("logit_trees_by_ticker", VIX_LOGIT, TREES, pooled=False),
    _direction("lstm", LSTM),
    _direction("scaled_lstm", SCALED, LSTM),
    _direction("scaled_calm_trees_lstm", SCALED, CALM, LSTM),
    _direction("scaled_calm_trees_lstm_calibrated", SCALED, CALM, LSTM, calibration=Calibration()),
)

RANK_RIDGE = Ridge(inputs=CHANGE_INPUTS, name="ridge_weak")
REVERSION = Ridge(inputs=("iv_rank", "vix_percentile", "vix_zscore"), name="reversion")
RANK_TREES = Boosted(
    target="rank_change",
    needs=("iv_rank",),
    rounds=120,
    learning_rate=0.04,
    colsample_bytree=0.4,
    min_child_weight=40.0,
)
RANK_HAR = Ridge(
    inputs=("iv_rank", "vix_percentile", "vix_change_1d", "vix_change_5d", "vix_zscore"),
    logs=("vix", "hv_5", "hv_20", "hv_60"),
    name="har_weak",
)

HAR_STRONG, RIDGE_STRONG, CALM_TREES = RANK_PARTS
HUBER = Ridge(inputs=RANK_HAR.inputs, logs=RANK_HAR.logs, name="huber", penalty=500.0, robust=True)

VOLATILITY: tuple[Candidate, ...] = (
    Candidate(AutoregressiveRank()),
    _rank("reversion", REVERSION),
    _rank("ridge", RANK_RIDGE),
    _rank("har", RANK_HAR),
    _rank("har_strong", HAR_STRONG),
    _rank("ridge_strong", RIDGE_STRONG),
    _rank("huber", HUBER),
    _rank("calm_trees", CALM_TREES),
    _rank("har_strong_calm_trees", HAR_STRONG, CALM_TREES),
    _rank("har_ridge_strong_calm_trees", HAR_STRONG, RIDGE_STRONG, CALM_TREES),
    _rank(
        "har_ridge_strong_calm_trees_embargo",
        HAR_STRONG,
        RIDGE_STRONG,
        CALM_TREES,
        embargo_sessions=EMBARGO,
    ),
    _rank("har_strong_trees", HAR_STRONG, RANK_TREES),
    _rank("huber_calm_trees", HUBER, CALM_TREES),
    _rank("har_huber_calm_trees", HAR_STRONG, HUBER, CALM_TREES),
    _rank("trees", RANK_TREES),
    _rank("trees_5_years", RANK_TREES, window_sessions=1260),
    _rank("ridge_trees", RANK_RIDGE, RANK_TREES),
    _rank("har_trees", RANK_HAR, RANK_TREES),
    _rank("ridge_har_trees", RANK_RIDGE, RANK_HAR, RANK_TREES),
    _rank("reversion_trees", REVERSION, RANK_TREES),
    _rank("ridge_5_years", RANK_RIDGE, window_sessions=1260),
    _rank("ridge_by_ticker", RANK_RIDGE, pooled=False),
    _rank("lstm", RANK_LSTM),
    _rank("har_ridge_strong_calm_trees_lstm", HAR_STRONG, RIDGE_STRONG, CALM_TREES, RANK_LSTM),
)

ABLATIONS: dict[str, tuple[Candidate, ...]] = {
    "direction": tuple(
        _direction(f"{WITHOUT}{family}", *without_family(DIRECTION_PARTS, family, model_inputs()))
        for family in FAMILIES
    ),
    "iv_rank": tuple(
        _rank(f"{WITHOUT}{family}", *without_family(RANK_PARTS, family, model_inputs()))
        for family in FAMILIES
    ),
}
"""The shipped blends, each without one family of features, to measure what the family adds."""

WITH, MORE_FAMILIES = "with_", ("earnings", "cross")


def _with_families(blend: DirectionBlend | RankBlend) -> tuple[Candidate, ...]:
    """A shipped blend with each further family, pooled and by ticker, and by ticker without."""
    return (
        Candidate(replace(blend, name="without_families_by_ticker"), pooled=False),
        *(
            Candidate(
                replace(blend, name=f"{WITH}{family}{'' if pooled else '_by_ticker'}"),
                pooled=pooled,
                families=(family,),
            )
            for family in MORE_FAMILIES
            for pooled in (True, False)
        ),
    )


FAMILY_VARIANTS: dict[str, tuple[Candidate, ...]] = {
    "direction": _with_families(DirectionBlend("", DIRECTION_PARTS)),
    "iv_rank": _with_families(RankBlend("", RANK_PARTS)),
}
"""The shipped blends with a family that they do not read, where the home has its table."""

_BUILTIN = {
    "direction": DIRECTION + ABLATIONS["direction"] + FAMILY_VARIANTS["direction"],
    "iv_rank": VOLATILITY + ABLATIONS["iv_rank"] + FAMILY_VARIANTS["iv_rank"],
}


def require_candidate(name: str, member: Any) -> None:
    """Raise TypeError or ValueError unless `member` is a candidate whose model is named `name`."""
    if not isinstance(member, Candidate):
        raise TypeError(f"it is a {type(member).__name__}, not a Candidate")
    if not isinstance(member.model, DirectionBlend | RankBlend):
        raise TypeError("its model is neither a DirectionBlend nor a RankBlend of parts")
    if member.model.name != name:
        raise ValueError(f"the model calls itself {member.model.name}; both names must be the same")


class _Candidates(Mapping[str, tuple[Candidate, ...]]):
    """The platform's own candidates by target, and behind them those of other packages."""

    @cached_property
    def _own(self) -> list[Candidate]:
        """Loaded when first asked for, so that a package may import this file."""
        taken = {each.model.name for every in _BUILTIN.values() for each in every}
        return list(members("models", taken, require_candidate).values())

    def __getitem__(self, target: str) -> tuple[Candidate, ...]:
        kind = {"direction": DirectionBlend, "iv_rank": RankBlend}[target]
        return _BUILTIN[target] + tuple(each for each in self._own if isinstance(each.model, kind))

    def __iter__(self) -> Iterator[str]:
        return iter(_BUILTIN)

    def __len__(self) -> int:
        return len(_BUILTIN)


CANDIDATES: Mapping[str, tuple[Candidate, ...]] = _Candidates()
"""The candidates by target, named as in `model_predictions`."""
