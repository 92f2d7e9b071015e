"""What the site has beside the files of `docs/`: pages that lie at the top of the repository.

A hook of MkDocs (`hooks` in `mkdocs.yml`). Links between both kinds of page work on the site and in
the repository alike.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
AT_THE_TOP = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
AT_TOP = re.compile(rf"\]\((?:\.\./)*({'|'.join(map(re.escape, AT_THE_TOP))})")


def on_config(config: Any) -> Any:
    """List pages that the navigation does not name at its end, so that each can be reached."""
    docs = Path(config["docs_dir"])
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    missing = sorted(pages - set(_named(config["nav"])))
    if missing:
        config["nav"].append({"More": missing})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages of the repository's top."""
    for name, page in AT_THE_TOP.items():
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Point links to the top of the repository at their pages on the site."""
    back = "../" * page.file.src_uri.count("/")
    return AT_TOP.sub(lambda link: f"]({back}{AT_THE_TOP[link[1]]}", markdown)


def _named(part: Any) -> list[str]:
    """The files that a navigation names, at any depth."""
    if isinstance(part, str):
        return [part]
    parts = part.values() if isinstance(part, dict) else part
    return [name for inner in parts for name in _named(inner)]
