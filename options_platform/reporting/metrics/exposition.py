"""Prometheus' text format: metrics with their help, type and samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "options_platform_"


@dataclass
class Metric:
    """One metric; `name` is without the prefix. A gauge goes up and down, a counter only up."""

    name: str
    help: str
    kind: str = "gauge"
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def add(self, value: float | datetime | None, **labels: str) -> Metric:
        """Add a sample; none for None. A moment is written as Unix seconds."""
        if value is not None:
            number = value.timestamp() if isinstance(value, datetime) else float(value)
            self.samples.append((labels, number))
        return self


def exposition(metrics: Iterable[Metric]) -> str:
    """The metrics as a scrape reads them; those without samples are left out."""
    lines = []
    for metric in metrics:
        if metric.samples:
            name = PREFIX + metric.name
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
            lines += [f"{name}{_labels(labels)} {_number(v)}" for labels, v in metric.samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    texts = (f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{','.join(texts)}}}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value) if value != int(value) or abs(value) >= 1e15 else str(int(value))
