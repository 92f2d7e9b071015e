"""A small LSTM (Hochreiter and Schmidhuber 1997) on the last sessions of a ticker.

Keras trains it (`lstm_training.py`, extra `lstm`). Its predictions are computed here with NumPy, so
that a stored fold is read without the extra, and column after column as in `models/linear.py`, so
that the prediction of a row does not depend on its batch.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import islice
from typing import Any

import numpy as np

from options_platform.common import Floats
from options_platform.contracts import DIRECTIONS
from options_platform.domain.statistics import prediction_scores as metrics
from options_platform.models.base import from_json, to_json
from options_platform.models.dataset import Sample
from options_platform.models.linear import softmax
from options_platform.models.parts.boosted import TARGETS, Target
from options_platform.models.parts.lstm_training import (
    LIBRARIES,
    Network,
    Singles,
    Weights,
    platform,
    train,
)
from options_platform.models.walk_forward import purged_tail

SMALLEST = 1e-4


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of each input, and of a numeric target, over training rows."""

    mean: Floats
    scale: Floats
    target_mean: float = 0.0
    target_scale: float = 1.0


@dataclass(frozen=True)
class Lstm:
    """An LSTM on sequences of `inputs` and of the logarithms of `logs`; the mean over the seeds.

    Inputs are standardised on the training rows and cut off at `clip` standard deviations. A
    missing one counts as the mean; a row without one of `needs` is neither trained on nor
    predicted.

    The number of epochs is the best one on the newest `tail_sessions` sessions of the training
    rows, after training on those with labels known before; then all rows are trained on for as
    many. With fewer than `fewest_sessions` sessions before the tail, `epochs` are trained. The
    search ends after `patience` epochs without a lower loss, at the latest after `most_epochs`.

    `units` is the width of the layer, `dropout` the fraction of the inputs that training drops,
    `weight_decay` that of AdamW (Loshchilov and Hutter 2019).
    """

    target: Target = "direction"
    name: str = "lstm"
    inputs: tuple[str, ...] = ()
    logs: tuple[str, ...] = ()
    needs: tuple[str, ...] = ("vix", "hv_20")
    sessions: int = 20
    units: int = 16
    dropout: float = 0.2
    learning_rate: float = 0.001
    weight_decay: float = 0.01
    batch_rows: int = 256
    clip: float = 5.0
    epochs: int = 4
    most_epochs: int = 16
    patience: int = 2
    tail_sessions: int = 252
    fewest_sessions: int = 252
    seeds: tuple[int, ...] = (1,)
    suffix: str = "npz"

    @property
    def history_sessions(self) -> int:
        """Sessions of a ticker that a prediction reads, today's included."""
        return self.sessions

    @property
    def libraries(self) -> tuple[str, ...]:
        """Packages of the extra `lstm` that determine the fit."""
        return LIBRARIES

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit; names an accelerator if one is used.

        An accelerator rounds differently, so its folds and trials are apart from those of a CPU.
        """
        device = platform()
        return asdict(self) | ({} if device == "cpu" else {"platform": device})

    def fit(self, sample: Sample) -> bytes:
        """Train one network per seed; arrays in NumPy's npz, with the number of epochs as JSON."""
        epochs = self._best_epochs(sample)
        standard, sequences = self._standardised(sample)
        target = self._scaled_target(sample, standard)
        networks = next(islice(self._epochs(sequences, target), epochs - 1, None))
        return _to_npz(standard, networks, {"epochs": epochs, "platform": platform()})

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """Probabilities of the classes, or the change of the rank: the mean over the seeds."""
        standard, networks = _from_npz(fitted)
        mean = self._mean(networks, self._scaled(sample, standard), standard)
        complete = sample.complete(self.needs)
        if self.target == "direction":
            return np.asarray(np.where(complete[:, None], mean, np.nan))
        return np.where(complete, mean, np.nan)

    def _epochs(self, sequences: Singles, target: Floats) -> Iterator[tuple[Weights, ...]]:
        """The networks of all seeds after each epoch, without end."""
        each = (train(self._network, sequences, target, seed=seed) for seed in self.seeds)
        return zip(*each, strict=True)

    def _best_epochs(self, sample: Sample) -> int:
        """The number of epochs whose networks have the lowest loss on the purged tail."""
        before, tail = purged_tail(
            sample.dates,
            sample.known_on,
            tail_sessions=self.tail_sessions,
            fewest_sessions=self.fewest_sessions,
        )
        if not len(before):
            return self.epochs
        early, newest = sample.take(before), sample.take(tail)
        standard, sequences = self._standardised(early)
        target, unseen = self._scaled_target(early, standard), self._scaled(newest, standard)
        best, lowest = self.epochs, np.inf
        epochs = islice(self._epochs(sequences, target), self.most_epochs)
        for count, networks in enumerate(epochs, start=1):
            loss = self._loss(self._mean(networks, unseen, standard), newest)
            if loss < lowest:
                best, lowest = count, loss
            elif count >= best + self.patience:
                break
        return best

    def _loss(self, predicted: Floats, sample: Sample) -> float:
        actual = TARGETS[self.target](sample)
        if self.target == "direction":
            return float(metrics.log_losses(predicted, actual.astype(np.int64)).mean())
        return float(np.mean((predicted - actual) ** 2))

    @property
    def _network(self) -> Network:
        return Network(
            sessions=self.sessions,
            features=len(self.inputs) + len(self.logs),
            outputs=len(DIRECTIONS) if self.target == "direction" else 1,
            units=self.units,
            dropout=self.dropout,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            batch_rows=self.batch_rows,
        )

    def _standardised(self, sample: Sample) -> tuple[Standard, Singles]:
        """The moments of the sample's rows, and its standardised sequences."""
        today = self._raw(sample, 1)[:, 0, :]
        present = np.isfinite(today)
        count = np.maximum(present.sum(axis=0), 1)
        mean = np.where(present, today, 0.0).sum(axis=0) / count
        squares = np.where(present, (today - mean) ** 2, 0.0).sum(axis=0) / count
        scale = np.sqrt(squares)
        scale[scale == 0.0] = 1.0
        standard = Standard(mean, scale)
        if self.target != "direction":
            target = TARGETS[self.target](sample)
            spread = float(target.std()) or 1.0
            standard = Standard(mean, scale, float(target.mean()), spread)
        return standard, self._scaled(sample, standard)

    def _scaled_target(self, sample: Sample, standard: Standard) -> Floats:
        target = TARGETS[self.target](sample)
        if self.target == "direction":
            return np.asarray(target, dtype=np.float64)
        return np.asarray((target - standard.target_mean) / standard.target_scale)

    def _scaled(self, sample: Sample, standard: Standard) -> Singles:
        """Standardised sequences, shape (rows, sessions, inputs); a missing input is 0."""
        scaled = (self._raw(sample, self.sessions) - standard.mean) / standard.scale
        return np.nan_to_num(np.clip(scaled, -self.clip, self.clip)).astype(np.float32)

    def _raw(self, sample: Sample, sessions: int) -> Floats:
        levels = np.log(np.maximum(sample.sequences(self.logs, sessions), SMALLEST))
        return np.concatenate([levels, sample.sequences(self.inputs, sessions)], axis=2)

    def _mean(self, networks: Sequence[Weights], scaled: Singles, standard: Standard) -> Floats:
        """Mean probabilities, shape (rows, classes), or numbers in the target's unit, (rows,)."""
        sequences = scaled.astype(np.float64)
        total = self._answer(networks[0], sequences)
        for network in networks[1:]:
            total = total + self._answer(network, sequences)
        mean = total / len(networks)
        if self.target == "direction":
            return np.asarray(mean)
        return np.asarray(mean[:, 0] * standard.target_scale + standard.target_mean)

    def _answer(self, network: Weights, sequences: Floats) -> Floats:
        outputs = _forward(network, sequences)
        return softmax(outputs) if self.target == "direction" else outputs


def _forward(weights: Weights, sequences: Floats) -> Floats:
    """Outputs of the network in double precision, shape (rows, outputs)."""
    units = len(weights.recurrent)
    hidden, cell = (np.zeros((len(sequences), units)) for _ in range(2))
    for session in range(sequences.shape[1]):
        gates = weights.bias + _product(sequences[:, session], weights.kernel)
        gates += _product(hidden, weights.recurrent)
        input_gate, forget_gate, candidate, output_gate = (
            np.ascontiguousarray(gates[:, first : first + units])
            for first in range(0, 4 * units, units)
        )
        cell = _sigmoid(forget_gate) * cell + _sigmoid(input_gate) * np.tanh(candidate)
        hidden = _sigmoid(output_gate) * np.tanh(cell)
    return _product(hidden, weights.dense) + weights.dense_bias


def _product(left: Floats, right: Singles) -> Floats:
    """The matrix product, summed column after column; BLAS's order depends on the rows."""
    total = np.zeros((len(left), right.shape[1]))
    summand = np.empty_like(total)
    for column in range(left.shape[1]):
        total += np.multiply(left[:, column, None], right[column], out=summand)
    return total


def _sigmoid(values: Floats) -> Floats:
    return np.asarray(0.5 * np.tanh(0.5 * values) + 0.5)


def _to_npz(standard: Standard, networks: Sequence[Weights], about: Mapping[str, Any]) -> bytes:
    """Arrays of all networks, stacked over the seeds; equal values give equal bytes."""
    arrays: dict[str, Any] = {
        field.name: np.stack([getattr(network, field.name) for network in networks])
        for field in fields(Weights)
    }
    numbers = {"target_mean": standard.target_mean, "target_scale": standard.target_scale}
    file = io.BytesIO()
    np.savez(
        file,
        mean=standard.mean,
        scale=standard.scale,
        about=np.frombuffer(to_json({**about, **numbers}), dtype=np.uint8),
        **arrays,
    )
    return file.getvalue()


def _from_npz(fitted: bytes) -> tuple[Standard, list[Weights]]:
    with np.load(io.BytesIO(fitted), allow_pickle=False) as arrays:
        about = from_json(arrays["about"].tobytes())
        stacked = {field.name: arrays[field.name] for field in fields(Weights)}
        mean, scale = arrays["mean"], arrays["scale"]
    standard = Standard(mean, scale, about["target_mean"], about["target_scale"])
    count = len(stacked["bias"])
    networks = [
        Weights(**{name: each[seed] for name, each in stacked.items()}) for seed in range(count)
    ]
    return standard, networks
