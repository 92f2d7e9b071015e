"""Rows that models learn from in the tests, a model's walk over them, and a store to look into."""

from datetime import date
from functools import cache

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import compute_features
from options_platform.domain.feature_engine.labels import compute_labels
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.models.dataset import make_dataset
from options_platform.models.direction import prediction_rows
from options_platform.models.memory_store import MemoryStore
from options_platform.models.training import walk_forward
from options_platform.testing.market import random_market

POOL = ("AAA", "BBB")
END = date(2017, 12, 29)


def features_and_labels(bars, vix):
    """Features without GARCH, whose fits have tests of their own, and labels."""
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    return features, compute_labels(bars, vix)


@cache
def random_rows():
    """Three years of two random walks."""
    return features_and_labels(*random_market(POOL))


@cache
def random_dataset(end=END):
    return make_dataset(*random_rows(), pool=POOL, end=end)


def walk(model, features, labels, *, start, end, **options):
    """The rows of `model_predictions` of a direction model."""
    data = make_dataset(features, labels, pool=POOL, end=end)
    found = walk_forward(model, data, start=start, end=end, store=MemoryStore(), **options)
    return prediction_rows(found, data, model.name)


class OpenStore(MemoryStore):
    """A fold store whose folds can be looked at, and that trains none twice."""

    def __init__(self):
        super().__init__()
        self.records = {}
        self.folds = {}

    def save(self, record, artifacts):
        key = (record.model, record.fold, record.input_hash)
        assert key not in self.folds, f"{key} was trained twice"
        super().save(record, artifacts)
        self.folds[key] = artifacts
        self.records[record.model, record.fold] = record
