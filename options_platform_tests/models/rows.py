"""Training rows for tests, a walk-forward over them, and a fold store that tests can inspect."""

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
    """Features and labels, without GARCH fits, which have separate tests."""
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    return features, compute_labels(bars, vix)


@cache
def random_rows():
    """Features and labels of two random walks over three years."""
    return features_and_labels(*random_market(POOL))


@cache
def random_dataset(end=END):
    return make_dataset(*random_rows(), pool=POOL, end=end)


def walk(model, features, labels, *, start, end, **options):
    """Rows of `model_predictions` of a direction model."""
    data = make_dataset(features, labels, pool=POOL, end=end)
    results = walk_forward(model, data, start=start, end=end, store=MemoryStore(), **options)
    return prediction_rows(results, data, model.name)


class OpenStore(MemoryStore):
    """A fold store whose folds can be inspected, and that refuses to store a fold twice."""

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
