"""The changes that tutorials ask for fit the files as they are, at the lines that they name."""

from tools.tutorial_changes import changed_pages, numbered, places


def test_every_change_fits_exactly_one_place():
    found = [place for page in changed_pages() for place in places(page)]
    assert len(found) >= 8
    assert [place for place in found if place[2] != 1] == []


def test_the_lines_of_a_change_are_those_of_git(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.tutorial_changes.ROOT", tmp_path)
    path = "docs/tutorials/own.md"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / "code.py").write_text("".join(f"line {n}\n" for n in range(1, 21)))
    change = "```diff\n--- a/code.py\n+++ b/code.py\n{}{}```\n"
    first = "{}\n line 3\n+new\n+newer\n line 4\n"
    second = "{}\n line 10\n-line 11\n+other\n line 12\n"
    wrong, right = ("@@ -1,2 +1,2 @@",) * 2, ("@@ -3,2 +3,4 @@", "@@ -10,3 +12,3 @@")
    (tmp_path / path).write_text(change.format(first.format(wrong[0]), second.format(wrong[1])))
    assert numbered(path) == change.format(first.format(right[0]), second.format(right[1]))
