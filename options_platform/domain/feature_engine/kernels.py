"""NumPy kernels of the window functions, over a matrix with one series per row, oldest first.

A window is composed of parts of 1, 2, 4, 8, ... rows, each combined from two parts of half its
size. That takes few passes over the matrix whatever the window length, and the windows of a block
share the parts. There are no running sums: a value depends only on the rows of its window, to the
last bit, and a NaN affects no other window. Only `ema` and `rsi` are recursive, from the first row
on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from options_platform.common import Floats

Moments = tuple[Floats, Floats]


class Block:
    """Series of equal length, shape (series, rows), with the parts shared by their windows.

    Element j of a part of n rows covers rows j to j + n - 1.
    """

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._parts: dict[tuple[str, int], Floats] = {}
        self._moments: dict[int, Moments] = {}

    def folded(self, operation: np.ufunc, n: int) -> Floats:
        """`operation` over every window of n rows, shape (series, rows - n + 1)."""
        sizes = _powers(n)
        covered = sizes[0]
        whole = self._part(operation, covered)
        for size in sizes[1:]:
            stop = whole.shape[1] - size
            later = self._part(operation, size)[:, covered : covered + stop]
            whole = operation(whole[:, :stop], later)
            covered += size
        return whole

    def moments(self, n: int) -> Moments:
        """Mean and sum of squared deviations of every window of n rows.

        Parts are merged as in Chan, Golub and LeVeque (1983): only squares are added, so nothing
        cancels, and for equal values the result is exactly the value and zero.
        """
        sizes = _powers(n)
        covered = sizes[0]
        mean, squares = self._doubled(covered)
        for size in sizes[1:]:
            part_mean, part_squares = self._doubled(size)
            stop = mean.shape[1] - size
            later = slice(covered, covered + stop)
            apart = part_mean[:, later] - mean[:, :stop]
            merged = covered + size
            mean = mean[:, :stop] + apart * (size / merged)
            apart *= apart
            apart *= covered * size / merged
            apart += squares[:, :stop]
            apart += part_squares[:, later]
            squares, covered = apart, merged
        return mean, squares

    def _part(self, operation: np.ufunc, size: int) -> Floats:
        if size == 1:
            return self.values
        key = (operation.__name__, size)
        if key not in self._parts:
            half = self._part(operation, size // 2)
            self._parts[key] = operation(half[:, : -(size // 2)], half[:, size // 2 :])
        return self._parts[key]

    def _doubled(self, size: int) -> Moments:
        if size == 1:
            return self.values, np.zeros_like(self.values)
        if size not in self._moments:
            half = size // 2
            mean, squares = self._doubled(half)
            apart = mean[:, half:] - mean[:, :-half]
            apart *= apart
            apart *= half / 2.0
            apart += squares[:, half:]
            apart += squares[:, :-half]
            self._moments[size] = (0.5 * (mean[:, :-half] + mean[:, half:]), apart)
        return self._moments[size]


def _powers(n: int) -> list[int]:
    """The powers of two that add up to n, largest first."""
    return [1 << bit for bit in reversed(range(n.bit_length())) if n >> bit & 1]


def _lag(block: Block, n: int) -> Floats:
    return block.values[:, :-n]


def _total(block: Block, n: int) -> Floats:
    return block.folded(np.add, n)


def _sma(block: Block, n: int) -> Floats:
    return block.folded(np.add, n) / n


def _highest(block: Block, n: int) -> Floats:
    return block.folded(np.maximum, n)


def _lowest(block: Block, n: int) -> Floats:
    return block.folded(np.minimum, n)


def _sample_std(block: Block, n: int) -> Floats:
    return np.sqrt(block.moments(n)[1] / (n - 1))


def _population_std(block: Block, n: int) -> Floats:
    return np.sqrt(block.moments(n)[1] / n)


def _ema(block: Block, n: int) -> Floats:
    values = block.values
    average = np.full_like(values, np.nan)
    firsts = np.argmin(np.isnan(values), axis=1)
    for first in np.unique(firsts):
        mine = firsts == first
        smooth = _smoothed(values[mine, first], values[mine, first + 1 :], 2.0 / (n + 1))
        average[mine, first + n - 1 :] = smooth[:, n - 1 :]
    return average[:, n - 1 :]


def _rsi(block: Block, n: int) -> Floats:
    change = np.diff(block.values, axis=1)
    gain = _wilder(np.maximum(change, 0.0), n)
    loss = _wilder(np.maximum(-change, 0.0), n)
    both = gain + loss
    unmoved = both == 0.0
    gain *= 100.0
    gain /= np.where(unmoved, 1.0, both)
    gain[unmoved] = 50.0
    return gain


def _wilder(values: Floats, n: int) -> Floats:
    seed = Block(values[:, :n]).folded(np.add, n)[:, 0] / n
    return _smoothed(seed, values[:, n:], 1.0 / n)


def _smoothed(start: Floats, values: Floats, alpha: float) -> Floats:
    """s_0 = start, then s_t = alpha * v_t + (1 - alpha) * s_{t-1}."""
    from scipy.signal import lfilter

    out = np.empty((len(values), values.shape[1] + 1))
    out[:, 0] = start
    if values.shape[1]:
        state = ((1.0 - alpha) * start)[:, np.newaxis]
        out[:, 1:] = lfilter([alpha], [1.0, alpha - 1.0], values, axis=1, zi=state)[0]
    return out


def _percentile(block: Block, n: int) -> Floats:
    values = block.values
    today = values[:, n:]
    below = np.zeros(today.shape, dtype=np.int32)
    for back in range(1, n + 1):
        below += values[:, n - back : -back] < today
    return np.where(np.isnan(today), np.nan, below / n)


Kernel = Callable[[Block, int], Floats]

KERNELS: Mapping[str, Kernel] = {
    "lag": _lag,
    "total": _total,
    "sma": _sma,
    "highest": _highest,
    "lowest": _lowest,
    "sample_std": _sample_std,
    "population_std": _population_std,
    "ema": _ema,
    "rsi": _rsi,
    "percentile": _percentile,
}

# Extra rows needed before the first value: these kernels use n rows before today's.
ROWS_BEFORE: Mapping[str, int] = {"lag": 0, "rsi": 0, "percentile": 0}


def fill(block: Block, kernel: str, n: int, out: Floats) -> None:
    """Write a kernel's values to `out`, of the block's shape; NaN until the window is full."""
    before = n + ROWS_BEFORE.get(kernel, -1)
    out[:, :before] = np.nan
    if block.values.shape[1] > before:
        out[:, before:] = KERNELS[kernel](block, n)
