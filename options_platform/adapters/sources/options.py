"""What the sources may need to be opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class SourceOptions:
    """What the sources may need to be opened."""

    csv_dir: str = ""
    seed: int = 7
    cache_dir: Path = Path(".cache")
    requests_per_minute: Mapping[str, int] = field(default_factory=dict)
    fallbacks: tuple[str, ...] = ()
    iv_symbols: Mapping[str, str] = field(default_factory=dict)
    edgar_contact: str = ""
