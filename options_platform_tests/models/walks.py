"""Rows that models learn from in the tests, and a model's walk over them."""

from functools import cache

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.features.compute import compute_features
from options_platform.domain.labels import compute_labels
from options_platform.domain.regime import RegimeRules
from options_platform.models.dataset import make_dataset
from options_platform.models.direction import prediction_rows
from options_platform.models.memory_store import MemoryStore
from options_platform.models.training import walk_forward
from options_platform_tests.market import random_market

POOL = ("AAA", "BBB")


def features_and_labels(bars, vix):
    """Features without GARCH, whose fits have tests of their own, and labels."""
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    return features, compute_labels(bars, vix)


@cache
def random_rows():
    """Three years of two random walks."""
    return features_and_labels(*random_market(POOL))


def walk(model, features, labels, *, start, end, **options):
    """The model's rows of `model_predictions` (of a direction model)."""
    data = make_dataset(features, labels, pool=POOL, end=end)
    found = walk_forward(model, data, start=start, end=end, store=MemoryStore(), **options)
    return prediction_rows(found, data, model.name)
