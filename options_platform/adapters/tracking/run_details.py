"""Details of an MLflow run: the version of the code, parameters with dotted names, scores."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import options_platform
from options_platform.domain.features.registry import feature_version

if TYPE_CHECKING:
    from mlflow import MlflowClient

BATCH = 800
"""Most metrics of one request to MLflow, which takes 1000 metrics, parameters and tags."""


class StepScore(NamedTuple):
    """A score of one step, as a fold or a year; `day` is where a chart over time shows it."""

    name: str
    value: float
    step: int
    day: date


def code_version() -> dict[str, str]:
    """Versions of the package (with the commit in a checkout) and of the features, as tags."""
    commit = checkout_commit()
    return {
        "code_version": options_platform.__version__ + (f"+{commit}" if commit else ""),
        "feature_version": feature_version(),
    }


@cache
def checkout_commit() -> str | None:
    """The commit of this package, with -dirty for changed files; cached.

    None without git, and for an installed package, even in a folder of another checkout.
    """
    package = Path(options_platform.__file__).parent
    tracked = ("git", "rev-parse", "HEAD:./")
    commit = ("git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    try:
        for command in (tracked, commit):
            done = subprocess.run(  # noqa: S603 (fixed words)
                command, cwd=package, capture_output=True, text=True, check=True
            )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def flattened(values: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested parameters as dotted names for MLflow; values as text of at most 500 characters."""
    flat: dict[str, object] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = str(value)[:500]
    return flat


def grouped(values: Mapping[str, object], name: str = "parameters") -> dict[str, object]:
    """Nested parameters as one text a group, of at most 500 characters: `rounds 8, max_depth 2`.

    The outermost group has the given name, the others dotted ones.
    """
    texts: dict[str, object] = {}
    alone = [f"{key} {value}" for key, value in values.items() if not isinstance(value, Mapping)]
    if alone:
        texts[name] = ", ".join(alone)[:500]
    prefix = "" if name == "parameters" else f"{name}."
    for key, value in values.items():
        if isinstance(value, Mapping):
            texts |= grouped(value, f"{prefix}{key}")
    return texts


def plain(name: str) -> str:
    """A name of a metric or parameter, with characters that MLflow refuses as underscores."""
    return re.sub(r"[^\w\-. /:]", "_", name)


def log(
    client: MlflowClient,
    run_id: str,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    steps: Sequence[StepScore] = (),
    tags: Mapping[str, str] | None = None,
) -> None:
    """Log into a run, all in one request for each 800 scores."""
    from mlflow.entities import Metric, Param, RunTag

    now = int(time.time() * 1000)
    values = [Metric(plain(k), float(value), now, 0) for k, value in (metrics or {}).items()]
    values += [
        Metric(plain(each.name), each.value, _milliseconds(each.day), each.step) for each in steps
    ]
    client.log_batch(
        run_id,
        metrics=values[:BATCH],
        params=[Param(plain(k), str(value)) for k, value in flattened(params or {}).items()],
        tags=[RunTag(key, value) for key, value in (tags or {}).items()],
    )
    for first in range(BATCH, len(values), BATCH):
        client.log_batch(run_id, metrics=values[first : first + BATCH])


def _milliseconds(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)
