"""Protocol of a part: one regression or classifier, fitted on the rows of a fold.

To add a kind of part, add a file here that implements :class:`Part`. `blend.py` averages parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from options_platform.common import Floats
from options_platform.models.dataset import Sample


class Part(Protocol):
    """One regression or classifier, stored as bytes in an open format."""

    @property
    def name(self) -> str:
        """Name of the part within its blend."""
        ...

    @property
    def suffix(self) -> str:
        """Format of the stored bytes: json, npz or ubj."""
        ...

    @property
    def needs(self) -> tuple[str, ...]:
        """Inputs that must not be missing for a prediction."""
        ...

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Everything besides the data that determines the fit."""
        ...

    def fit(self, sample: Sample) -> bytes:
        """Fit on rows with known targets and needed inputs. The same rows give the same bytes."""
        ...

    def predict(self, fitted: bytes, sample: Sample) -> Floats:
        """Probabilities, shape (rows, 3), or numbers, shape (rows,); NaN if a needed input is NaN.

        Each row is predicted independently of the others.
        """
        ...
