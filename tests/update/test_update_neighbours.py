"""Proves that changes of neighbouring statements and comments are merged."""

import pytest

from scaffold.update import line_merge
from scaffold.update.block_merge import merge

BASE = """\
class Net(Base):
    \"\"\"A model.\"\"\"

    def step(self, x):
        # Compute.
        self.a = 1
        self.b = 2
        y = call(
            self.a,
            self.b,
        )
        for z in y:
            # Each.
            self.c(z)
        return y
"""
COMMENT = ("# Compute.", "# Compute the sum.")
SECOND = ("        self.b = 2\n", "")

#: What both sides change, as pairs of old and new text.
MERGED = {
    "a comment and the line below": (("self.a = 1", "self.a = 3"), COMMENT),
    "a comment and lines between": (
        ("        self.a = 1", "        mine()\n        self.a = 1"),
        COMMENT,
    ),
    "a comment and a line above": (
        ("        # Compute.", "        mine()\n        # Compute."),
        COMMENT,
    ),
    "a comment and no line below": (("        self.a = 1\n", ""), COMMENT),
    "a statement and no statement below": (("self.a = 1", "self.a = 3"), SECOND),
    "a statement and the next one": (
        ("self.a = 1", "self.a = 3"),
        ("self.b = 2", "self.b = 4"),
    ),
    "a new statement and the next one": (
        ("        self.b = 2\n", "        mine()\n        self.b = 2\n"),
        SECOND,
    ),
    "a statement and a call over lines": (
        ("self.b = 2", "self.b = 4"),
        ("y = call(", "y = other("),
    ),
    "the base class and the docstring": (
        ("(Base)", "(Mine)"),
        ("A model.", "Another model."),
    ),
    "a loop and its first line": (("in y", "in w"), ("# Each.", "# All.")),
}
CONFLICTS = {
    "the same comment": (("# Compute.", "# Mine."), COMMENT),
    "the same statement": (("self.a = 1", "self.a = 3"), ("self.a = 1", "self.a = 4")),
    "arguments of one call": (
        ("            self.a,", "            self.x,"),
        ("            self.b,", "            self.y,"),
    ),
    "two new lines in one place": (
        ("        self.b = 2\n", "        one()\n        self.b = 2\n"),
        ("        self.b = 2\n", "        two()\n        self.b = 2\n"),
    ),
    "two lines, and one of them": (
        ("self.a = 1\n        self.b = 2", "self.x = 1"),
        ("self.b = 2", "self.b = 4"),
    ),
}


@pytest.fixture(params=["git", "merge3"], autouse=True)
def merger(request, monkeypatch):
    """Merges with Git, then with the package merge3."""
    if request.param == "merge3":
        monkeypatch.setattr(line_merge.shutil, "which", lambda _: None)


def sides(changes, base=BASE) -> list[str]:
    """Applies the change of each side to a text."""
    assert all(1 == base.count(old) for old, _ in changes)
    return [base.replace(old, new) for old, new in changes]


@pytest.mark.parametrize("what", MERGED)
def test_neighbours(what):
    """The merged text has both changes, whichever side made them."""
    one, other = MERGED[what]
    wanted = BASE.replace(*one).replace(*other)
    if what == "a new statement and the next one":
        wanted = BASE.replace("self.b = 2", "mine()")

    for both in (sides((one, other)), sides((other, one))):
        result = merge(BASE, *both, ("yours", "new"))

        assert (wanted, ()) == (result.text, result.conflicts)


@pytest.mark.parametrize("what", CONFLICTS)
def test_conflicts(what):
    """Changes of the same lines, or of one statement, are in conflict."""
    result = merge(BASE, *sides(CONFLICTS[what]), ("yours", "new"))

    assert 1 == len(result.conflicts)


def test_neighbours_in_other_texts():
    """In a text that is not Python, changes of neighbouring lines are in conflict."""
    base = "# A heading\nSome text, and more.\n"
    changes = (("A heading", "Mine"), ("Some text", "Other text"))

    result = merge(base, *sides(changes, base), ("yours", "new"))

    assert 1 == len(result.conflicts)
