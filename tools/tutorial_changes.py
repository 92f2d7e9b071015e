"""Numbers the lines of the changes that the tutorials ask for, as the files are now."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
TUTORIALS = "docs/tutorials"
DIFF = re.compile(r"^```diff\n--- a/(?P<path>\S+)\n.*?^```$", flags=re.MULTILINE | re.DOTALL)
HUNK = re.compile(r"^@@(?: [^\n]* @@)?\n(?P<lines>(?:[ +-][^\n]*\n|\n)+)", flags=re.MULTILINE)


def changed_pages() -> list[str]:
    """The tutorials with changes, by their paths beneath the root."""
    pages = sorted((ROOT / TUTORIALS).glob("*.md"))
    return [f"{TUTORIALS}/{page.name}" for page in pages if "```diff" in page.read_text("utf-8")]


def numbered(page: str) -> str:
    """The page with the lines of each change numbered; a change that does not fit stays."""
    text = (ROOT / page).read_text("utf-8")
    return DIFF.sub(lambda diff: _numbered(diff["path"], diff[0]), text)


def places(page: str) -> Iterator[tuple[str, str, int]]:
    """The file of each change, its first old line, and how often the old lines occur there."""
    for diff in DIFF.finditer((ROOT / page).read_text("utf-8")):
        for hunk in HUNK.finditer(diff[0]):
            old = _lines(hunk["lines"], "-")
            yield diff["path"], old[0], len(_starts(diff["path"], old))


def _numbered(path: str, diff: str) -> str:
    added = 0

    def header(hunk: re.Match[str]) -> str:
        nonlocal added
        old, new = _lines(hunk["lines"], "-"), _lines(hunk["lines"], "+")
        starts = _starts(path, old)
        if len(starts) != 1:
            return hunk[0]
        start = starts[0]
        shifted, added = start + added, added + len(new) - len(old)
        return f"@@ -{start},{len(old)} +{shifted},{len(new)} @@\n{hunk['lines']}"

    return HUNK.sub(header, diff)


def _lines(hunk: str, side: str) -> list[str]:
    kept = [line for line in hunk.splitlines() if not line or line[0] in (" ", side)]
    return [line[1:] for line in kept]


def _starts(path: str, old: list[str]) -> list[int]:
    lines = (ROOT / path).read_text("utf-8").splitlines()
    last = len(lines) - len(old)
    return [at + 1 for at in range(last + 1) if lines[at : at + len(old)] == old]
