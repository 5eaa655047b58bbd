"""The order of the blocks of a merged module.

New templates may move blocks, such as helper functions from before the class to after
it, and so may the user. A merged module has the order of the new templates. Blocks that
the user added or moved follow the same block as in the user's module, or the last one
before it that the templates did not move.
"""

from collections import defaultdict

from .blocks import CELL, Blocks, class_of
from .import_time import names_bound, names_needed
from .line_matcher import opcodes

#: The product of the lengths of two lists from which their order is approximated.
LARGE = 1_000_000


def merged_order(base: Blocks, ours: Blocks, theirs: Blocks) -> list[str]:
    """Returns the keys of all blocks, in the order of the merged module.

    Args:
        base: The blocks of the module as it was generated.
        ours: The blocks of the user's module.
        theirs: The blocks of the module as it is generated now.
    """
    return _order_in("", *map(_Side, (base, ours, theirs)))


class _Side:
    """The blocks of one text.

    Attributes:
        blocks: The lines of each block, by its key.
        members: The keys of the blocks in each class, and in the module for `""`.
        inside: Likewise, with those of nested classes.
    """

    def __init__(self, blocks: Blocks):
        self.blocks = blocks
        self.members, self.inside = defaultdict(list), defaultdict(list)
        for key in blocks:
            self.members[class_of(key)].append(key)
            for at, letter in enumerate(key):
                if letter == ".":
                    self.inside[key[:at]].append(key)

    def text(self, key: str) -> str:
        """Returns the lines of a block with the blocks in it."""
        keys = [key, *self.inside.get(key, ())]
        return "\n".join(line for one in keys for line in self.blocks.get(one, ()))

    def weight(self, key: str) -> int:
        """Weighs a block: functions move around classes, not classes around them."""
        lines = self.text(key).count("\n") + 1
        return 1000 * lines if key in self.inside else lines


def _order_in(outer: str, base: _Side, ours: _Side, theirs: _Side) -> list[str]:
    """Returns the keys of the blocks in a class, or in the module for `""`."""
    was, mine, new = (side.members.get(outer, []) for side in (base, ours, theirs))
    weights = {key: base.weight(key) for key in was}
    unmoved = _longest_common(was, new, weights)
    moved = set(was) & set(mine) - _longest_common(was, mine, weights)
    order = [key for key in new if key not in moved]
    placed, at = set(order), 0
    for key in mine:
        if key not in placed:
            order.insert(at, key)
            placed.add(key)
        elif key in was and key not in unmoved:
            continue
        else:
            at = order.index(key)
        at += 1
    # The cells of a notebook stay in the user's order.
    if not any(key.startswith(CELL) for key in order):
        texts = {key: ours.text(key) or theirs.text(key) for key in order}
        _put_definitions_first(order, texts, {*mine} - {*was} - {*new})
    return [
        inner for key in order for inner in (key, *_order_in(key, base, ours, theirs))
    ]


def _longest_common(a: list[str], b: list[str], weights: dict[str, int]) -> set[str]:
    """Returns the heaviest keys that are in both lists in the same order."""
    if len(a) * len(b) > LARGE:  # the keys of a list differ, so this is about linear
        parts = opcodes(a, b)
        return {key for kind, i, j, *_ in parts if kind == "equal" for key in a[i:j]}
    # The heaviest common sequences of the first keys of `a` and of `b`.
    best = [(0, ())] * (len(b) + 1)
    for key in a:
        row = [(0, ())]
        for n, other in enumerate(b):
            row.append(max(best[n + 1], row[n], key=lambda pair: pair[0]))
            if key == other:
                weight, keys = best[n]
                row[-1] = (weight + weights[key], (*keys, key))
        best = row
    return set(best[-1][1])


def _put_definitions_first(order: list[str], texts: dict, own: set[str]) -> None:
    """Moves blocks so that what the user's blocks need at import is bound before.

    Args:
        order: The keys of the blocks, which is changed.
        texts: The texts of the blocks.
        own: The keys of the user's own blocks. Others move only if they must.
    """
    needed = {key: names_needed(text) for key, text in texts.items()} if own else {}
    bound = {key: names_bound(text) for key, text in texts.items()} if own else {}
    own = set(own)
    for _ in range(len(own) and len(order)):
        pair = _first_unbound(order, needed, bound, own)
        if pair is None:
            return
        reader, binder = map(order.index, pair)
        between = order[reader + 1 : binder + 1]
        if pair[0] in own and not any(needed[k] & bound[pair[0]] for k in between):
            order.insert(binder, order.pop(reader))
        else:
            order.insert(reader, order.pop(binder))
            own.add(pair[1])


def _first_unbound(order: list[str], needed: dict, bound: dict, own: set[str]):
    """Returns two keys: the first block needs a name that the second, later one binds.

    One of them is in `own`. Without such a pair, it is `None`.
    """
    places = defaultdict(list)
    for at, binder in enumerate(order):
        for name in bound[binder]:
            places[name].append(at)
    known = set()
    for at, reader in enumerate(order):
        later = {n for name in needed[reader] - known for n in places[name] if n > at}
        for binder in (order[n] for n in sorted(later)):
            if own & {reader, binder}:
                return reader, binder
        known |= bound[reader]
    return None
