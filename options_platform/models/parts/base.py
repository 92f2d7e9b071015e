"""What a part of a model is: one regression or classifier, fitted on the rows of a fold.

A new kind of part is a file here that fits :class:`Part`. Blends in `blend.py` average parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from options_platform.common import Floats
from options_platform.models.dataset import Sample


class Part(Protocol):
    """One regression or classifier, kept as bytes in an open format."""

    @property
    def name(self) -> str:
        """Name of the part within its blend."""
        ...

    @property
    def suffix(self) -> str:
        """Format of its bytes: json or ubj."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Inputs that must be known for the part to predict."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """All that decides the fit beside the data."""
        ...

    def fit(self, sample: Sample) -> bytes:
        """Fit on rows whose targets and needed inputs are known. The same rows, the same bytes."""
        ...

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """Probabilities, shape (rows, 3), or numbers, shape (rows,); NaN where a need is NaN.

        Each row from itself alone.
        """
        ...
