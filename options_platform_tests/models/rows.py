"""Rows that models learn from in the tests, and a store that keeps folds in memory."""

from contextlib import contextmanager
from datetime import date
from functools import cache

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.features.compute import compute_features
from options_platform.domain.labels import compute_labels
from options_platform.domain.regime import RegimeRules
from options_platform.models.dataset import make_dataset
from options_platform_tests.market import random_market

POOL = ("AAA", "BBB")
END = date(2017, 12, 29)


def features_and_labels(bars, vix):
    """Features without GARCH, whose fits have tests of their own, and labels."""
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    return features, compute_labels(bars, vix)


@cache
def random_rows():
    return features_and_labels(*random_market(POOL))


@cache
def random_dataset():
    return make_dataset(*random_rows(), pool=POOL, end=END)


class MemoryStore:
    """A fold store whose folds can be looked at."""

    def __init__(self):
        self.records = {}
        self.folds = {}

    def load(self, model, hashes):
        found = {}
        for fold, input_hash in hashes.items():
            if (model, fold, input_hash) in self.folds:
                found[fold] = self.folds[model, fold, input_hash]
        return found

    def save(self, record, artifacts):
        key = (record.model, record.fold, record.input_hash)
        assert key not in self.folds, f"{key} was trained twice"
        self.folds[key] = artifacts
        self.records[record.model, record.fold] = record

    @contextmanager
    def training(self, model):
        yield
