"""Units, signs, input validation, and evaluation in cache-sized blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from options_platform.common import Floats
from options_platform.errors import PricingError

DAYS_A_YEAR = 365.0
CALL, PUT = 1.0, -1.0

# A dozen temporaries of this many doubles stay in a core's second-level cache.
BLOCK = 4096


def intrinsic_value(spot: Floats, strike: Floats, sign: Floats) -> Floats:
    """Payoff of exercise, USD a share: the value of an option at its expiry."""
    return np.asarray(np.maximum(sign * (np.asarray(spot) - strike), 0.0), dtype=np.float64)


def require_positive(**values: Floats | float) -> None:
    """Raise :class:`PricingError` for the first of `values` that is not positive and finite."""
    for name, value in values.items():
        array = np.asarray(value)
        good = (array > 0) & (array < np.inf)
        if not np.all(good):
            first = np.flatnonzero(~np.ravel(good))[0]
            raise PricingError(
                f"{name} must be positive to price an option, and is {np.ravel(array)[first]} "
                f"in row {first}; check the quotes, and take the intrinsic value at expiry"
            )


def in_blocks(
    work: Callable[..., Sequence[Floats]], count: int, *inputs: Floats | float
) -> list[Floats]:
    """Apply `work` to the broadcast inputs in blocks; returns `count` arrays of their shape.

    Each element is computed from its own inputs only, so the block size does not change any bit.
    """
    arrays = [np.asarray(value, dtype=np.float64) for value in inputs]
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    size = int(np.prod(shape, dtype=np.int64))
    # Contiguous copies: NumPy's strided loops may differ from the contiguous ones in the last bit.
    flat = [
        np.full(min(size, BLOCK), array) if array.ndim == 0 else _flat(array, shape)
        for array in arrays
    ]
    results = np.empty((count, size))
    for start in range(0, size, BLOCK):
        stop = min(start + BLOCK, size)
        block = [
            array[: stop - start] if original.ndim == 0 else array[start:stop]
            for array, original in zip(flat, arrays, strict=True)
        ]
        for result, value in zip(results, work(*block), strict=True):
            result[start:stop] = value
    return [result.reshape(shape) for result in results]


def _flat(array: Floats, shape: tuple[int, ...]) -> Floats:
    return np.ascontiguousarray(np.broadcast_to(array, shape)).reshape(-1)
