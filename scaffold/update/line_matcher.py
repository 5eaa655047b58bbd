"""Compares lists of lines in about linear time, however long they are."""

from difflib import SequenceMatcher

#: The number of lines from which lines that repeat are no longer compared one by one.
LONG = 4000

#: A difference: its kind, a range of the first list and a range of the second list.
Opcode = tuple[str, int, int, int, int]


def opcodes(a: list[str], b: list[str]) -> list[Opcode]:
    """Returns the differences of two lists, in the form of `difflib`.

    The time that `difflib` takes grows with the product of the numbers of times that a
    line is in both lists. Blank lines are in them thousands of times. In long lists,
    lines at both ends are therefore compared first, and lines that repeat match only
    beside others.
    """
    if len(a) + len(b) < LONG:
        return SequenceMatcher(None, a, b, False).get_opcodes()
    start, most = 0, min(len(a), len(b))
    while start < most and a[start] == b[start]:
        start += 1
    end = 0
    while end < most - start and a[-1 - end] == b[-1 - end]:
        end += 1
    inner = SequenceMatcher(None, a[start : len(a) - end], b[start : len(b) - end])
    found = [("equal", 0, start, 0, start)] if start else []
    for kind, i, j, k, n in inner.get_opcodes():
        found.append((kind, i + start, j + start, k + start, n + start))
    if end:
        found.append(("equal", len(a) - end, len(a), len(b) - end, len(b)))
    return found
