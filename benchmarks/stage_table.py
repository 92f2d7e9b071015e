"""The table of stages as Markdown, and its place in a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.stage_limits import Limit

BEGIN, END = "<!-- stages: begin -->", "<!-- stages: end -->"
HEAD = "| Stage | CPU s | Share | Limit, CPU s | Times the limit | The limit |"
RULE = "|---|---|---|---|---|---|"


@dataclass(frozen=True)
class Stage:
    """CPU seconds of a stage, and its limit where one is known."""

    name: str
    seconds: float
    limit: Limit | None


def table(title: str, stages: Sequence[Stage]) -> str:
    """The title and a row a stage."""
    whole = sum(stage.seconds for stage in stages)
    return "\n".join([title, "", HEAD, RULE, *(_row(stage, whole) for stage in stages)])


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the marks of a page. Raises :class:`ValueError` without them."""
    before, _, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{page} lacks the lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def _row(stage: Stage, whole: float) -> str:
    share = f"{100 * stage.seconds / whole:.0f}%"
    if stage.limit is None:
        return f"| {stage.name} | {stage.seconds:.1f} | {share} | | | not measured |"
    limit = stage.limit
    times = f"{stage.seconds / limit.seconds:.1f}" if limit.seconds >= 0.005 else ""
    return (
        f"| {stage.name} | {stage.seconds:.1f} | {share} | {limit.seconds:.2f} | {times} "
        f"| {limit.what} |"
    )
