"""docs/operations.md has a row for each difference that the code can raise."""

import ast
import re
import textwrap
import tomllib
from pathlib import Path

from options_platform.settings import make_settings
from options_platform_tests.drills.followed import PAGE, commands_of

PACKAGE = Path(__file__).parents[1] / "options_platform"
DRILLS = (
    "The machine is lost",
    "The broker is down over a weekend",
    "Wrong data",
    "The machine's clock is wrong",
    "Upgrade and rollback",
)


def template(node, names):
    """A text with `...` for each part that varies; `names` are what variables were set to."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(template(part, names) for part in node.values)
    if isinstance(node, ast.BinOp):
        return template(node.left, names) + template(node.right, names)
    if isinstance(node, ast.Name) and node.id in names:
        return template(names[node.id], {})
    return "..."


def made_of(source, kind, place, keyword):
    """The templates of one argument of each call of `kind` in a module."""
    tree = ast.parse(source)
    scopes = [tree, *(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef))]
    names, found = {}, set()
    for scope in scopes:
        names |= {
            target.id: node.value
            for node in ast.walk(scope)
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in ast.walk(scope):
            if isinstance(call, ast.Call) and getattr(call.func, "id", None) == kind:
                given = {each.arg: each.value for each in call.keywords}
                argument = call.args[place] if len(call.args) > place else given.get(keyword)
                if argument is not None:
                    found.add(template(argument, names))
    return found


def raised(kind, place, keyword):
    found = set()
    for path in PACKAGE.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        if f"{kind}(" in source:
            found |= made_of(source, kind, place, keyword)
    return found - {"..."}


def first_cells(heading):
    text = PAGE.read_text(encoding="utf-8").split(f" {heading}\n", 1)[1].split("\n#", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", text, flags=re.MULTILINE)


def test_each_difference_has_one_row_that_says_what_to_do_and_no_row_is_of_a_former_one():
    rows = first_cells("Ledger and broker differ")
    assert len(rows) > 10
    assert sorted(rows) == sorted(raised("Difference", 0, "code"))


def test_each_drill_of_the_page_is_followed_by_a_test():
    tests = "".join(
        path.read_text(encoding="utf-8")
        for path in (Path(__file__).parent / "drills").glob("test_*.py")
    )
    for heading in DRILLS:
        assert f'"{heading}"' in tests
        assert commands_of(heading)
    page = PAGE.read_text(encoding="utf-8")
    drills = page.split("\n## Disaster drills\n")[1].split("\n## ")[0]
    assert re.findall(r"^### (.*)$", drills, flags=re.MULTILINE) == list(DRILLS[:-1])


def test_the_settings_of_a_small_account_are_accepted():
    (block,) = re.findall(
        r"^ *```toml\n(.*?)^ *```$",
        PAGE.read_text(encoding="utf-8"),
        flags=re.MULTILINE | re.DOTALL,
    )
    settings = make_settings(tomllib.loads(textwrap.dedent(block)) | {"source": "simulated"})
    assert settings.risk.max_positions == 1
    assert settings.alpaca.live_max_order_usd == settings.max_risk_usd
