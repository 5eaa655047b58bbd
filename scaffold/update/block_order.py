"""The order of the blocks of a merged module."""

from .blocks import class_of


def merged_order(base: list[str], ours: list[str], theirs: list[str]) -> list[str]:
    """Returns the keys of both sides, in the order of the one that moved them."""
    stayed = [key for key in base if key in ours] == [
        key for key in ours if key in base
    ]
    order, others = (theirs, ours) if stayed else (ours, theirs)
    order = list(order)
    for number, key in enumerate(others):
        if key in order:
            continue
        before, after = others[:number], others[number + 1 : number + 2]
        if before and before[-1] in order:
            at = order.index(before[-1]) + 1
        elif after and after[0] in order:
            at = order.index(after[0])
        else:
            known = [other for other in before if other in order]
            at = order.index(known[-1]) + 1 if known else 0
        order.insert(_within_its_class(order, key, at), key)
    return order


def _within_its_class(order: list[str], key: str, at: int) -> int:
    """Returns where a block can be, from a place on: in its class, and in no other."""
    home = class_of(key)
    if home in order:
        first = order.index(home) + 1
        inside = [n + 1 for n, other in enumerate(order) if _is_in(other, home)]
        at = min(max(at, first), max([first, *inside]))
    while (
        at < len(order) and class_of(order[at]) and not _is_in(key, class_of(order[at]))
    ):
        at += 1
    return at


def _is_in(key: str, outer: str) -> bool:
    return key.startswith(f"{outer}.")
