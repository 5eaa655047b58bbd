"""Proves that the merge follows blocks that new templates move."""

import pytest

from scaffold.update.block_merge import merge
from scaffold.update.module_merge import formatted

IMPORTS = "import keras\n"
FIRST = "\n\ndef first(x):\n    return x\n"
SECOND = "\n\ndef second(x):\n    y = x\n    return y\n"
HEAD = "\n\nclass Net(keras.Model):\n    size = 1\n"
CALL = "\n    def call(self, x):\n        return first(x)\n"
STEP = "\n    def step(self, x):\n        a = second(x)\n        return a\n"
CONFIG = "\n    def config(self):\n        return {}\n"
MAIN = "\n\nif __name__ == '__main__':\n    Net()\n"

#: Helper functions move from before the class to after it, and a method moves.
OLD = [IMPORTS, FIRST, SECOND, HEAD, CONFIG, CALL, STEP, MAIN]
NEW = [IMPORTS, HEAD, CALL, STEP, CONFIG, FIRST, SECOND, MAIN]


def merged(ours: list[str], theirs: list[str] = NEW) -> str:
    """Merges a user's module, without a conflict."""
    result = merge(*map("".join, (OLD, ours, theirs)), ("yours", "new"))

    assert result.conflicts == ()
    return result.text


def behind(part: str, own: str, parts: list[str]) -> list[str]:
    """Inserts lines after a part of a module."""
    at = parts.index(part) + 1
    return [*parts[:at], own, *parts[at:]]


def test_blocks_move():
    """Without edits, the merged module is the new one."""
    assert "".join(NEW) == merged(OLD)


@pytest.mark.parametrize("part", [FIRST, SECOND, HEAD, CONFIG, CALL, STEP, MAIN])
def test_edits_move_with_their_block(part):
    """An edit moves with the block that it is in."""
    *lines, last, _ = part.split("\n")
    mine = "\n".join([*lines, f"{last}  # mine", ""])

    def edited(parts):
        return [mine if one == part else one for one in parts]

    assert "".join(edited(NEW)) == merged(edited(OLD))


@pytest.mark.parametrize("part", [FIRST, CONFIG, STEP])
def test_removed_blocks_stay_away(part):
    """A block that the user removed stays removed when the templates move it."""
    old, new = ([one for one in parts if one != part] for parts in (OLD, NEW))

    assert "".join(new) == merged(old)


OWN = {
    "a function between helpers": (FIRST, "\n\ndef mine():\n    return 1\n", IMPORTS),
    "a constant before the class": (SECOND, "\n\nMINE = 1\n", IMPORTS),
    "a function behind the class": (STEP, "\n\ndef mine():\n    return 1\n", CONFIG),
    "a method behind one that moves": (
        CONFIG,
        "\n    def mine(self):\n        x\n",
        HEAD,
    ),
    "a method behind one that stays": (
        CALL,
        "\n    def mine(self):\n        x\n",
        CALL,
    ),
    "another name for a method": (CONFIG, "\n    mine = config\n", CONFIG),
    "a function that a helper decorates": (
        SECOND,
        "\n\n@first\ndef mine():\n    return 1\n",
        FIRST,
    ),
    "a value that a helper computes": (SECOND, "\n\nMINE = second(1)\n", SECOND),
    "code behind the main block": (MAIN, "\n\nMINE = 1\n", MAIN),
}


@pytest.mark.parametrize("what", OWN)
def test_own_blocks(what):
    """A user's block keeps its place, unless it would run before a name is bound."""
    follows, own, comes_behind = OWN[what]

    expected = behind(comes_behind, own, NEW)
    # Alone in its place, a statement between definitions has the same lines.
    assert "".join(expected) == merged(behind(follows, own, OLD))


def test_own_base_class_stays_before_the_class():
    """A user's base class stays before the generated class."""
    own = "\n\nclass Mine(keras.Model):\n    pass\n"
    head = HEAD.replace("keras.Model", "Mine")
    ours = [IMPORTS, FIRST, own, SECOND, head, CONFIG, CALL, STEP, MAIN]
    wanted = [IMPORTS, own, head, CALL, STEP, CONFIG, FIRST, SECOND, MAIN]

    assert "".join(wanted) == merged(ours)


def test_helpers_stay_where_the_class_needs_them():
    """A value that the class body reads stays before it, with the helper it calls."""
    own = "\n\nMINE = second(1)\n"
    head = HEAD.replace("size = 1", "size = MINE")
    ours = [IMPORTS, FIRST, SECOND, own, head, CONFIG, CALL, STEP, MAIN]
    wanted = [IMPORTS, SECOND, own, head, CALL, STEP, CONFIG, FIRST, MAIN]

    assert "".join(wanted) == merged(ours)


def test_both_sides_move_blocks():
    """Moves by the user and moves by the templates are both kept."""
    ours = [IMPORTS, FIRST, SECOND, HEAD, CONFIG, STEP, CALL, MAIN]
    wanted = [IMPORTS, HEAD, STEP, CALL, CONFIG, FIRST, SECOND, MAIN]

    assert "".join(wanted) == merged(ours)


def test_own_form_in_a_block_that_moves():
    """Black does not format the user's lines in a block that moved."""
    own = FIRST.replace("return x", "return ( x )")
    ours, new = "".join(OLD).replace(FIRST, own), "".join(NEW).replace(FIRST, own)

    assert new == formatted(ours, new, {})
