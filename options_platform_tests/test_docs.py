import re
from pathlib import Path

import pytest

from options_platform.adapters.storage.tables import tables
from options_platform.cli import COMMANDS
from options_platform.defs.jobs import MONEY_TAG
from options_platform.domain.features.registry import FEATURES
from options_platform.domain.strategies import STRATEGIES
from options_platform.settings import field_names
from tools.generate_docs import DOCS, PAGES, main, stale_pages, write_pages

ROOT = DOCS.parent
PAGES_FOR_PEOPLE = [*sorted(ROOT.glob("*.md")), *sorted(DOCS.rglob("*.md"))]
# A page's paths begin at the repository or at the package.
ROOTS = (ROOT, ROOT / "options_platform")
CODE = re.compile(r"`([^`\s]+)`")
FIRST_FOLDERS = {folder.name for root in ROOTS for folder in root.iterdir() if folder.is_dir()}
COMMAND = re.compile(r"options-platform\s+([a-z][a-z-]+)\b")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)")
SECTION = re.compile(r"\]\((?!https?://)([^)#\s]*)#([^)\s]+)\)")


def test_the_committed_pages_are_what_the_code_says():
    assert stale_pages() == []
    assert main(["--check"]) == 0


def test_a_page_that_was_edited_by_hand_is_stale(tmp_path):
    write_pages(tmp_path)
    assert stale_pages(tmp_path) == []
    page = tmp_path / "feature-dictionary.md"
    page.write_text(page.read_text() + "one line more\n")
    (tmp_path / "data-dictionary.md").unlink()
    for name in list(PAGES)[2:]:
        (tmp_path / name).write_text("")
    assert stale_pages(tmp_path) == list(PAGES)


def test_every_feature_has_one_row_in_the_feature_dictionary():
    page = PAGES["feature-dictionary.md"]()
    for feature in FEATURES:
        assert page.count(f"\n| `{feature.name}` |") == 1


def test_the_page_of_rules_follows_the_settings_and_the_code():
    page = PAGES["rules.md"]()
    assert "| `exits.exit_dte` | 21 |" in page
    assert "| `high_vol` | bull put spread | iron condor | bear call spread |" in page
    # 21 days, a week later where IV rank is low and a week earlier where it is high.
    assert "| `high_vol` | 28 | 21 | 14 |" in page
    # 2% of 100,000 x 0.5 x (0.5 + 0.5 x confidence), over 400 a spread.
    assert "| `high_vol` | 0.5 | 1 | 1 | 2 |" in page
    # Ten spreads that can lose 400 are 2% of 200,000, and 0.4% of 1,000,000.
    assert "from 200,000 USD on a spread that can lose 400 USD no longer grows" in page
    assert "An account of 1,000,000 USD risks at most 0.4% on it" in page
    for code in ("RISK_BUDGET", "NO_EDGE", "LOW_CONFIDENCE"):
        assert f"| `{code}` |" in page
    for name in STRATEGIES:
        assert f"| `{name}` |" in page
    named = set(re.findall(r"^\| `([a-z_.]+)` \|", page, flags=re.MULTILINE))
    settings = set(field_names())
    assert {name for name in named if "." in name} <= settings


def test_every_setting_and_every_command_has_its_place_in_the_reference():
    page = PAGES["settings.md"]()
    for name in field_names():
        assert page.count(f"\n| `{name}` |") == 1
    assert "| `exits.exit_dte` | whole number | 21 |" in page
    assert "| `max_risk_usd` | number or none | none |" in page
    page = PAGES["commands.md"]()
    for name in COMMANDS:
        assert page.count(f"\n## {name}\n") == 1
    assert "options-platform resume [--json] [--reason REASON]" in page
    assert "| `--port PORT` | default: 3000 |" in page


def test_every_table_and_column_is_in_the_data_dictionary():
    page = PAGES["data-dictionary.md"]()
    for table in tables().values():
        section = page.split(f"\n### {table.name}\n")[1].split("\n### ")[0]
        if table.name != "features":
            for column in table.columns:
                assert f"\n| `{column.name}` |" in section


@pytest.mark.parametrize("name", sorted(PAGES))
def test_every_row_of_a_generated_table_has_the_columns_of_its_header(name):
    width = None
    for line in PAGES[name]().splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = len(re.findall(r"(?<!\\)\|", line)) - 1
        width = width or cells
        assert cells == width, line


@pytest.mark.parametrize("page", PAGES_FOR_PEOPLE, ids=lambda path: path.name)
def test_every_path_that_a_page_names_exists(page: Path):
    named = [
        name
        for name in CODE.findall(page.read_text(encoding="utf-8"))
        if "/" in name
        and name != MONEY_TAG
        and (name.endswith(".py") or name.split("/")[0] in FIRST_FOLDERS)
    ]
    missing = [name for name in named if not any((root / name).exists() for root in ROOTS)]
    assert missing == []


@pytest.mark.parametrize("page", PAGES_FOR_PEOPLE, ids=lambda path: path.name)
def test_every_command_that_a_page_names_exists(page: Path):
    assert set(COMMAND.findall(page.read_text(encoding="utf-8"))) <= set(COMMANDS)


@pytest.mark.parametrize("page", PAGES_FOR_PEOPLE, ids=lambda path: path.name)
def test_links_between_the_pages_lead_somewhere(page: Path):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES_FOR_PEOPLE, ids=lambda path: path.name)
def test_links_to_a_section_name_one_of_its_page(page: Path):
    for target, section in SECTION.findall(page.read_text(encoding="utf-8")):
        linked = page.parent / target if target else page
        titles = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert section in anchors, f"{target}#{section}"
