"""Proves that additions to a module keep their place."""

import cProfile
import difflib
from dataclasses import replace
from pathlib import Path

import pytest
from matrix import text
from updating import (
    MINE,
    NAME,
    above,
    behind,
    check_trains,
    edit,
    make,
    plain_update,
    update,
)

from scaffold import Spec
from scaffold.update.blocks import blocks_of

pytestmark = pytest.mark.usefixtures("plain_compiler")

STRUCTURES = {
    "a comment at the end of a method": behind("train_step", "        # Mine."),
    "an alias of a method": behind("train_step", "    mine = train_step"),
    "a condition in the class": behind(
        "train_step",
        "\n    if keras.version() > 'x':\n        mine = 1",
    ),
    "a property": behind(
        "train_step",
        "\n    @property\n    def mine(self):\n        # Why.\n        return 1",
    ),
    "a nested class": behind("train_step", "\n    class Mine:\n        x = 1"),
    "a method before the first": above(
        "    def compute_loss_and_updates(", "    def mine(self):\n        return 1\n"
    ),
    "a function before the class": above(
        "@keras.saving.register", "def mine():\n    return 1\n\n"
    ),
    "a constant between functions": above("def training_argument(", "MINE = 1\n\n"),
    "another class": above(
        "if __name__ ==", "class Mine(keras.layers.Layer):\n    pass\n\n"
    ),
    "code behind the last line": lambda source: f"{source}\n\nMINE = 1\n",
    "imports in a string": above(
        "import inspect", 'MINE = """\nimport numpy as np\n"""'
    ),
    "an import from a module": above("import inspect", "from math import pi"),
    "a form feed": above("def training_argument(", "\x0c"),
    "other letters": behind("train_step", "        # Größe, 尺寸."),
    "a carriage return": behind("train_step", '        """a\rb"""'),
}


@pytest.mark.parametrize("what", STRUCTURES)
@pytest.mark.parametrize(
    "change",
    [
        {"test_step": True, "sample_weight": True},
        pytest.param(
            {"manual_loss": True, "demo": False}, marks=pytest.mark.exhaustive
        ),
    ],
    ids=["more", "less"],
)
def test_structures(what, change):
    """An addition keeps its place, and the rest of the text equals a new file."""
    source = text(Spec(), NAME)
    mine = STRUCTURES[what](source)
    added = [
        line[2:]
        for line in difflib.ndiff(source.split("\n"), mine.split("\n"))
        if line.startswith("+ ") and line.strip("+ ")
    ]
    Path(NAME).write_bytes(mine.encode())

    result, conflicts = plain_update(Path(NAME), change)

    assert not conflicts
    lines, wanted = result.split("\n"), text(Spec(**change), NAME).split("\n")
    for line in added:
        assert 1 == lines.count(line) - wanted.count(line), line
        lines.remove(line)
    assert [x for x in wanted if x.strip()] == [x for x in lines if x.strip()]
    # The addition follows the same line as before.
    at = mine.split("\n").index(added[0])
    before = [x for x in mine.split("\n")[:at] if x.strip() and x in wanted]
    found = [
        x for x in result.split("\n")[: result.split("\n").index(added[0])] if x.strip()
    ]
    if what not in ("code behind the last line", "a comment at the end of a method"):
        assert not before or before[-1] == found[-1] or before[-1] in found
    Path(NAME).write_bytes(result.encode())
    check_trains(Path(NAME), replace(Spec(), **change), eagerly=True)


def test_comment_at_the_end_of_a_method():
    """A comment stays with its method when the update adds another method after it."""
    path = make(Spec())
    path.write_text(STRUCTURES["a comment at the end of a method"](path.read_text()))

    update(NAME, "--test-step")

    assert (
        "        # Mine." == blocks_of(path.read_text())["CustomModel.train_step"][-1]
    )


def test_blocks_are_the_text():
    """The blocks of a module contain all of its lines in order."""
    for edit_of in STRUCTURES.values():
        for spec in (Spec(), Spec(fuse_steps=True, style="subclass")):
            source = text(spec, NAME)
            source = edit_of(source) if spec == Spec() else source
            lines = [line for lines in blocks_of(source).values() for line in lines]

            assert source == "\n".join(lines)


def test_deep_nesting():
    """A deeply nested expression does not prevent an update."""
    path = make(Spec())
    edit(
        path, ("import inspect\n", f"import inspect\n\nX = {'+'.join(['1'] * 4000)}\n")
    )

    update(NAME, "--test-step")

    assert "def test_step" in path.read_text()


def test_file_with_a_syntax_error():
    """A file with a syntax error is merged line by line."""
    path = make(Spec())
    edit(path, (MINE[0], "        if:\n" + MINE[0]))

    update(NAME, "--test-step", code=0)

    assert "        if:\n" in path.read_text()
    assert "def test_step" in path.read_text()


@pytest.mark.parametrize(
    "expression",
    ["-" * 60_000 + "1", "+".join("1" * 20_000), "not " * 3000 + "1", "x" + "()" * 300],
    ids=["minuses", "a sum", "negations", "calls"],
)
def test_nesting_has_a_limit(expression):
    """Code that Black or Python could crash on is merged as lines, or refused."""
    path = make(Spec())
    mine = f"NESTED = lambda x: {expression}\n\n\n"
    edit(path, ("if __name__", f"{mine}if __name__"))
    before = path.read_text()

    said = update(NAME, "--line-length", "100", code=2)
    assert "it is nested in more than 200 levels" in said
    assert "Hint: Split the longest expression." in said
    assert before == path.read_text()
    update(NAME, "--test-step")
    assert mine in path.read_text() and "def test_step" in path.read_text()


def test_many_lines():
    """The work of an update grows with the length of the file, not with its square."""

    def calls(count: int) -> int:
        path = make(Spec())
        lines = (f"def mine_{n}(x):\n    return x + {n}\n\n\n" for n in range(count))
        text = path.read_text()
        path.write_text(text.replace("if __name__", f"{''.join(lines)}if __name__"))
        profile = cProfile.Profile()
        profile.runcall(update, NAME, "--test-step", "--dry-run")
        return sum(entry.callcount for entry in profile.getstats())

    calls(1)
    few, many = calls(200), calls(800)

    assert many < 5 * few


def test_too_many_lines():
    """A file with more lines than kscaffold merges is refused."""
    path = make(Spec())
    path.write_text(path.read_text() + "# Mine.\n" * 100_001)

    assert "has more than 100,000 lines" in update(NAME, "--test-step", code=2)
