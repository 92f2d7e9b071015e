"""The documents as a site: built without a warning, and every link leads somewhere."""

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

ROOT = Path(__file__).parents[1]
ATTRIBUTES = ("href", "src")


class Page(HTMLParser):
    """The links of a page, and what can be linked to in it."""

    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, _tag, attrs):
        for name, value in attrs:
            if name in ATTRIBUTES and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.anchors.add(value)


def broken_links(site):
    """(page, link) of every link inside the site that leads nowhere."""
    pages = {path: Page(path) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(parts.fragment)
            if not target.is_file() or (
                anchor and target in pages and anchor not in pages[target].anchors
            ):
                broken.append((path.relative_to(site).as_posix(), link))
    return broken


@pytest.mark.long
def test_the_site_is_built_and_every_link_in_it_leads_somewhere(tmp_path):
    site = (tmp_path / "site").resolve()
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    built = {path.relative_to(site).with_suffix(".md").as_posix() for path in site.rglob("*.html")}
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert written | {"changelog.md", "contributing.md"} <= built
    # The page of an unknown address begins all its links at the root of the server.
    assert [each for each in broken_links(site) if each[0] != "404.html"] == []
    assert (site / "search" / "search_index.json").stat().st_size > 100_000
    loaded = Page(site / "index.html").links
    assert not [
        link for link in loaded if link.startswith("http") and link.endswith((".js", ".css"))
    ]


def test_a_broken_link_would_be_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="b.html#there">1</a><a href="b.html#gone">2</a><img src="c.png"><a href="#up">'
    )
    (tmp_path / "b.html").write_text('<h2 id="there">b</h2>')
    links = [link for _, link in broken_links(tmp_path)]
    assert links == ["b.html#gone", "c.png", "#up"]


def test_every_page_of_the_navigation_is_written_and_named_once():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    (navigation,) = [part for part in text.split("\n\n") if part.startswith("nav:")]
    named = []
    for section in yaml.safe_load(navigation)["nav"]:
        for pages in section.values():
            named += pages
    assert len(named) == len(set(named))
    at_the_top = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
    for name in named:
        assert (ROOT / at_the_top.get(name, f"docs/{name}")).is_file(), name
