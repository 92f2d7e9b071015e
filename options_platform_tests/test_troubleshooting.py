"""The messages that the page of troubleshooting quotes are those of the package."""

import ast
import re
from pathlib import Path

import options_platform
from tools.generate_docs import DOCS

PACKAGE = Path(options_platform.__file__).parent
ROW = re.compile(r"^\| `([^`]+)` \| .+ \| .+ \|$", flags=re.MULTILINE)
VARIABLE = "\0"
FEWEST_LETTERS = 10
"""A shorter quotation would be found anywhere."""


def written(node):
    """A string as it stands in the source, with a mark for each value that is put in."""
    if isinstance(node, ast.Constant):
        return node.value
    parts = (part.value if isinstance(part, ast.Constant) else VARIABLE for part in node.values)
    return "".join(parts)


def strings_of(source):
    return {
        written(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.JoinedStr)
        or (isinstance(node, ast.Constant) and isinstance(node.value, str))
    }


def quoted():
    return ROW.findall((DOCS / "troubleshooting.md").read_text(encoding="utf-8"))


def occurs(message, string):
    """Whether the parts of the message that do not vary follow each other in the string."""
    at = 0
    for part in message.split("..."):
        at = string.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def test_every_quoted_message_occurs_in_the_source():
    strings = set()
    for path in PACKAGE.rglob("*.py"):
        strings |= strings_of(path.read_text(encoding="utf-8"))
    missing = [text for text in quoted() if not any(occurs(text, one) for one in strings)]
    assert missing == []


def test_every_quoted_message_says_enough_to_be_found_by():
    messages = quoted()
    assert len(messages) > 50
    assert len(set(messages)) == len(messages)
    for message in messages:
        assert sum(map(str.isalpha, message)) >= FEWEST_LETTERS, message


def test_a_message_that_was_reworded_is_missed():
    source = 'raise E(f"port {port} is taken ({why}); give another")'
    assert any(occurs("port ... is taken (...); give", one) for one in strings_of(source))
    assert not any(occurs("port ... is in use", one) for one in strings_of(source))
