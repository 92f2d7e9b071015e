"""Out-of-sample scores of the models, each with its naive baseline and confidence interval.

General score functions belong to `domain/statistics/`, alarms and drift to `models/monitoring/`.
"""

from options_platform.models.evaluation.direction import calibration_curve, evaluate_direction
from options_platform.models.evaluation.scores import (
    ALL,
    LAST_YEAR_OF_CHOICE,
    SCORES_SCHEMA,
    headline,
    summary,
)
from options_platform.models.evaluation.targets import TARGETS, targets
from options_platform.models.evaluation.volatility import (
    evaluate_realised,
    evaluate_shift,
    evaluate_volatility,
)

__all__ = (
    "ALL",
    "LAST_YEAR_OF_CHOICE",
    "SCORES_SCHEMA",
    "TARGETS",
    "calibration_curve",
    "evaluate_direction",
    "evaluate_realised",
    "evaluate_shift",
    "evaluate_volatility",
    "headline",
    "summary",
    "targets",
)
