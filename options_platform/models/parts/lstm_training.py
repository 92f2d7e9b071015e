"""Training of a small LSTM with Keras on JAX (extra `lstm`); both are imported on first use.

The layers, initial weights, losses and the optimiser are Keras's. The loop over the batches is
here: it compiles one step per shape of network for all folds of a process, leaves the global random
state alone, and gives the same weights for the same rows on a CPU, whatever the number of threads.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from options_platform.common import Floats
from options_platform.errors import PlatformError

LIBRARIES = ("keras", "jax", "jaxlib")
PLATFORM = "JAX_PLATFORMS"
"""JAX's own environment variable that chooses the device; without it the CPU is used."""
MISSING = "the LSTM needs Keras and JAX; install the extra: pip install 'options-platform[lstm]'"
SINGLE_THREADED: Mapping[str, Any] = {"xla_cpu_multi_thread_eigen": False}
"""A sum split among threads would be rounded by their number."""

Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Network:
    """One LSTM layer and one dense layer: shapes and regularisation.

    `outputs` is the number of classes, trained with the cross-entropy of the softmax, or 1 for a
    number, trained with the squared error. `dropout` is the fraction of the inputs dropped.
    """

    sessions: int
    features: int
    outputs: int
    units: int
    dropout: float
    learning_rate: float
    weight_decay: float
    batch_rows: int


@dataclass(frozen=True)
class Weights:
    """Trained weights, gates in Keras's order (input, forget, cell, output).

    Shapes: `kernel` (features, 4 units), `recurrent` (units, 4 units), `bias` (4 units,),
    `dense` (units, outputs), `dense_bias` (outputs,).
    """

    kernel: Singles
    recurrent: Singles
    bias: Singles
    dense: Singles
    dense_bias: Singles


def installed() -> bool:
    """Whether the extra is installed; imports nothing."""
    return all(find_spec(name) is not None for name in LIBRARIES)


def platform() -> str:
    """Where a network is trained: `cpu`, or the first platform named by `JAX_PLATFORMS`."""
    return os.environ.get(PLATFORM, "").split(",")[0] or "cpu"


def train(network: Network, sequences: Singles, target: Floats, *, seed: int) -> Iterator[Weights]:
    """The weights after each epoch, without end.

    Args:
        network: shapes and regularisation.
        sequences: finite inputs, shape (rows, sessions, features).
        target: class numbers or numbers, shape (rows,).
        seed: seed of the initial weights, of the dropout and of the order of the rows.

    Raises:
        PlatformError: the extra `lstm` is not installed.
    """
    device = platform()
    state, step = _initial(network, seed, device), _step(network, device)
    shuffle, size = np.random.default_rng(seed), network.batch_rows
    while True:
        order = shuffle.permutation(len(target))
        for first in range(0, len(order), size):
            rows = order[first : first + size]
            # The last batch is filled up with rows of weight 0, so that all have one shape.
            weight = (np.arange(size) < len(rows)).astype(np.float32)
            padded = np.resize(rows, size)
            state = step(state, sequences[padded], target[padded].astype(np.float32), weight)
        yield Weights(*(np.asarray(each, dtype=np.float32) for each in state[0]))


@cache
def _initial(network: Network, seed: int, device: str) -> Any:
    """The state before the first step: weights, seeds of the dropout, and the optimiser's."""
    keras, jax = _libraries()
    with jax.default_device(jax.devices(device)[0]):
        model, optimizer = _built(keras, network, seed)
        variables = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        return tuple([jax.numpy.array(each.value) for each in part] for part in variables)


@cache
def _step(network: Network, device: str) -> Callable[[Any, Singles, Singles, Singles], Any]:
    """The compiled step: (state, inputs, target, weight) to the next state."""
    keras, jax = _libraries()
    with jax.default_device(jax.devices(device)[0]):
        model, optimizer = _built(keras, network, seed=0)
    loss = (
        keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if network.outputs > 1
        else keras.losses.MeanSquaredError()
    )

    def loss_of(weights: Any, others: Any, inputs: Any, target: Any, weight: Any) -> Any:
        outputs, others = model.stateless_call(weights, others, inputs, training=True)
        return loss(target[:, None], outputs, sample_weight=weight), others

    def step(state: Any, inputs: Any, target: Any, weight: Any) -> Any:
        weights, others, optimiser_state = state
        gradient = jax.grad(loss_of, has_aux=True)
        gradients, others = gradient(weights, others, inputs, target, weight)
        weights, optimiser_state = optimizer.stateless_apply(optimiser_state, gradients, weights)
        return weights, others, optimiser_state

    compiled = jax.jit(step, compiler_options=dict(SINGLE_THREADED) if device == "cpu" else None)

    def on_device(state: Any, inputs: Singles, target: Singles, weight: Singles) -> Any:
        with jax.default_device(jax.devices(device)[0]):
            return compiled(state, inputs, target, weight)

    return on_device


def _built(keras: Any, network: Network, seed: int) -> tuple[Any, Any]:
    model = keras.Sequential(
        [
            keras.layers.Input((network.sessions, network.features)),
            keras.layers.LSTM(
                network.units,
                dropout=network.dropout,
                seed=seed,
                kernel_initializer=keras.initializers.GlorotUniform(seed),
                recurrent_initializer=keras.initializers.Orthogonal(seed=seed),
            ),
            keras.layers.Dense(
                network.outputs, kernel_initializer=keras.initializers.GlorotUniform(seed + 1)
            ),
        ]
    )
    optimizer = keras.optimizers.AdamW(
        network.learning_rate, weight_decay=network.weight_decay, clipnorm=1.0
    )
    optimizer.build(model.trainable_variables)
    return model, optimizer


@cache
def _libraries() -> tuple[Any, Any]:
    """Keras on its JAX backend, and JAX; a user's Keras configuration is neither read nor made."""
    if not installed():
        raise PlatformError(MISSING)
    with tempfile.TemporaryDirectory() as home, _environment(KERAS_BACKEND="jax", KERAS_HOME=home):
        import jax
        import keras
        from absl import logging as absl_logging
    # At its end it closes the stderr of the moment of the import, unless that is the process's own.
    absl_logging.get_absl_handler().python_handler.stream = sys.__stderr__
    if keras.backend.backend() != "jax":
        raise PlatformError(
            f"Keras was imported with the backend {keras.backend.backend()}; the LSTM needs jax: "
            "set KERAS_BACKEND=jax"
        )
    return keras, jax


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Environment variables within the block; what they were before afterwards."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
