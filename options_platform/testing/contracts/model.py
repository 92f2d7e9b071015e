"""What every candidate of a model must hold."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import ClassVar

import numpy as np

from options_platform.contracts import GARCH_PARAMS
from options_platform.domain.feature_engine.compute import compute_features
from options_platform.domain.feature_engine.labels import compute_labels
from options_platform.domain.feature_engine.regime import RegimeRules
from options_platform.models.base import Predictions, to_json
from options_platform.models.dataset import Dataset, Sample, make_dataset
from options_platform.models.parts.blend import DirectionBlend
from options_platform.models.selection.candidates import CANDIDATES, Candidate
from options_platform.testing.market import END, random_market

POOL = ("AAA", "BBB")
TRAINED, PREDICTED = 900, 40


class ModelContract:
    """Derive a test class from it that names the `candidate`."""

    candidate: ClassVar[Candidate]

    def test_it_is_found_by_its_entry_point(self) -> None:
        is_direction = isinstance(self.candidate.model, DirectionBlend)
        assert self.candidate in CANDIDATES["direction" if is_direction else "iv_rank"]

    def test_the_same_rows_give_the_same_bytes(self) -> None:
        model, sample = self.candidate.model, _data().sample
        rows = sample.take(model.trainable(sample)[:TRAINED])
        assert model.fit(rows) == model.fit(rows)

    def test_its_parameters_can_be_recorded(self) -> None:
        assert to_json(self.candidate.model.parameters)

    def test_predictions_are_probabilities_or_ranks_without_the_targets(self) -> None:
        columns, rows = self._predicted(slice(None))
        complete = rows.complete(self._needs())
        assert complete.any()
        for values in columns.values():
            assert values.shape == (PREDICTED,)
            assert np.isfinite(values[complete]).all()
            assert ((values[complete] >= 0.0) & (values[complete] <= 1.0)).all()
        if isinstance(self.candidate.model, DirectionBlend):
            total = sum(columns.values())
            np.testing.assert_allclose(np.asarray(total)[complete], 1.0, atol=1e-6)

    def test_a_missing_input_gives_no_prediction(self) -> None:
        model, sample = self.candidate.model, _data().sample
        fitted = model.fit(sample.take(model.trainable(sample)[:TRAINED]))
        ahead = sample.take(np.arange(len(sample) - PREDICTED, len(sample)))
        for name in self._needs():
            inputs = ahead.inputs.copy()
            inputs[:, ahead.names.index(name)] = np.nan
            columns = model.predict(fitted, replace(ahead, inputs=inputs))
            assert all(np.isnan(values).all() for values in columns.values()), name

    def test_a_row_is_predicted_the_same_alone(self) -> None:
        whole, _ = self._predicted(slice(None))
        part, _ = self._predicted(slice(3, 9))
        for name, values in part.items():
            np.testing.assert_array_equal(values, whole[name][3:9])

    def _predicted(self, rows: slice) -> tuple[Predictions, Sample]:
        model, sample = self.candidate.model, _data().sample
        fitted = model.fit(sample.take(model.trainable(sample)[:TRAINED]))
        ahead = np.arange(len(sample) - PREDICTED, len(sample))[rows]
        taken = sample.take(ahead).without_targets()
        return model.predict(fitted, taken), taken

    def _needs(self) -> tuple[str, ...]:
        needs: tuple[str, ...] = self.candidate.model.needs  # type: ignore[attr-defined]
        return needs


@cache
def _data() -> Dataset:
    bars, vix = random_market(POOL)
    features = compute_features(bars, vix, GARCH_PARAMS.empty(), RegimeRules())
    return make_dataset(features, compute_labels(bars, vix), pool=POOL, end=END)
